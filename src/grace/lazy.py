"""Names that are imported on first use: the package's own and those of its commands, so that ``--help`` imports nothing heavy.

A stub beside an ``__init__.py`` lists the names as plain imports. Type checkers read the stub; :func:`attach` serves the same
list at run time, so that a name stands once.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any


def attach(package: str, file: str) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """``__getattr__``, ``__dir__`` and ``__all__`` of a package whose names stand in the stub beside it.

    Args:
        package: Its ``__name__``.
        file: Its ``__file__``; the stub has the same name and the ending ``.pyi``, and holds lines
            ``from MODULE import NAME as NAME``, where NAME may be a module, too.

    Returns:
        The three, in this order; a name that the stub does not hold is an ``AttributeError``.
    """
    body = ast.parse(Path(file).with_suffix(".pyi").read_text(encoding="utf-8")).body
    homes = {
        alias.asname or alias.name: (str(node.module), alias.name)
        for node in body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }

    def get(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module, original = homes[name]
        home = import_module(module)
        return getattr(home, original) if hasattr(home, original) else import_module(f"{module}.{original}")

    return get, lambda: sorted(homes), sorted(homes)
