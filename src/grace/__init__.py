"""GRACE: a diagnosis before multi-task training for remaining useful life.

The names of ``__init__.pyi`` are imported on first use, so that ``import grace`` costs nothing.
"""

from grace.lazy import attach

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = attach(__name__, __file__)
__all__ += ["__version__"]
