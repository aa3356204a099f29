"""What the commands do: everything that is heavy to import, each name on its first use.

The names stand in ``__init__.pyi``.
"""

from grace.lazy import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
