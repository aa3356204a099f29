"""What a reader of the source has to hold in mind, counted: python benchmarks/count.py [FOLDER]

Lines, public definitions, lengths of files and functions, imports that are deferred into functions, and import cycles.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parents[1]
GOALS = {
    "lines of source": 12_500,
    "public top-level definitions": 250,
    "longest file": 300,
    "median file": 90,
    "longest function": 60,
    "functions of 20 lines or more, per cent": 10,
    "deferred imports": 30,
    "import cycles": 0,
}
"""At most, each."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


def counted(folder: Path) -> dict[str, float]:
    """The figures of :data:`GOALS` for the package in a folder; empty files do not count as files."""
    trees = {path: ast.parse(path.read_text()) for path in sorted(folder.rglob("*.py"))}
    lengths = [n for path in trees if (n := len(path.read_text().splitlines()))]
    functions = [f for tree in trees.values() for f in ast.walk(tree) if isinstance(f, Function)]
    spans = [length(function) for function in functions]
    others = sum(len(p.read_text().splitlines()) for p in folder.rglob("*") if p.suffix in (".js", ".css", ".html"))
    return {
        "lines of source": sum(lengths) + others,
        "public top-level definitions": sum(len(public(tree)) for tree in trees.values()),
        "longest file": max(lengths),
        "median file": median(lengths),
        "longest function": max(spans),
        "functions of 20 lines or more, per cent": 100 * sum(span >= 20 for span in spans) / len(spans),
        "deferred imports": sum(deferred(tree) for tree in trees.values()),
        "import cycles": len(cycles(folder)),
    }


def length(function: Function) -> int:
    """Lines of a function without its docstring."""
    documented = ast.get_docstring(function) is not None
    doc = function.body[0].end_lineno - function.body[0].lineno + 1 if documented else 0  # type: ignore[operator]
    return (function.end_lineno or 0) - function.lineno + 1 - doc


def public(tree: ast.Module) -> list[str]:
    """Names of the classes and functions that a module offers."""
    kinds = (ast.ClassDef, *Function.__args__)  # type: ignore[attr-defined]
    return [node.name for node in tree.body if isinstance(node, kinds) and not node.name.startswith("_")]


def deferred(tree: ast.Module) -> int:
    """Import statements inside functions."""
    inside = (node for f in ast.walk(tree) if isinstance(f, Function) for node in ast.walk(f))
    return len({id(node) for node in inside if isinstance(node, ast.Import | ast.ImportFrom)})


def imports(path: Path, folder: Path) -> Iterator[str]:
    """Modules of the package that a file imports anywhere, type checking aside."""
    tree = ast.parse(path.read_text())
    guarded = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and "TYPE_CHECKING" in ast.unparse(block.test)
        for node in ast.walk(block)
    }
    for node in ast.walk(tree):
        if id(node) in guarded or not isinstance(node, ast.Import | ast.ImportFrom):
            continue
        names = [a.name for a in node.names]
        base = node.module or "" if isinstance(node, ast.ImportFrom) else ""
        for name in [f"{base}.{n}" for n in names] + [base] if base else names:
            if (module := _file(name, folder)) is not None:
                yield module


def _file(name: str, folder: Path) -> str | None:
    parts = name.split(".")
    if parts[0] != folder.name:
        return None
    path = folder.joinpath(*parts[1:])
    return name if path.with_suffix(".py").exists() else None


def cycles(folder: Path) -> list[set[str]]:
    """Groups of modules that import one another, deferred imports counted."""
    graph: dict[str, set[str]] = {}
    for path in folder.rglob("*.py"):
        name = ".".join([folder.name, *path.relative_to(folder).with_suffix("").parts])
        graph[name] = set(imports(path, folder)) - {name}
    reach = {name: _reached(name, graph) for name in graph}
    groups = {frozenset({b for b in reach[a] if a in reach[b]} | {a}) for a in graph if a in reach[a]}
    return [set(group) for group in groups]


def _reached(start: str, graph: dict[str, set[str]]) -> set[str]:
    found: set[str] = set()
    waiting = list(graph[start])
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += graph.get(name, ())
    return found


def main() -> None:
    """Print each figure beside its goal, and the cycles."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "src" / "grace"
    for name, value in counted(folder).items():
        print(f"{name:42} {value:10,.1f}   at most {GOALS[name]:,}")
    for group in cycles(folder):
        print("cycle:", ", ".join(sorted(group)))


if __name__ == "__main__":
    main()
