"""Imports go one way, the heavy ones come late, and the README says what CI runs."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import grace

SOURCE = Path(grace.__file__).parent
ROOT = Path(__file__).parents[1]
# what each folder may import of grace, besides itself
ALLOWED = {
    "": {"lazy"},
    "errors": set(),
    "clock": set(),
    "html": set(),
    "files": {"errors"},
    "lazy": set(),
    "schema": set(),
    "core": {"errors", "clock"},
    "data": {"errors", "files", "clock"},
    "controllers": {"errors", "core"},
    "loop": {"html", "errors", "core", "controllers", "alignment"},
    "models": {"errors", "clock", "core", "data"},
    "survival": {"errors", "core"},
    "alignment": {"html", "errors", "core", "data", "models"},
    "training": {
        "errors",
        "html",
        "clock",
        "files",
        "formats",
        "schema",
        "core",
        "data",
        "models",
        "controllers",
        "alignment",
        "survival",
        "",
    },
    "advice": {"html", "errors", "formats", "core", "data", "models", "controllers", "alignment", "loop", "training"},
    "bench": {"errors", "files", "formats", "core", "data", "controllers", "alignment", "training"},
    "demos": {"html", "errors", "core", "data", "models", "alignment", "training"},
    "formats": {"errors", "files", "schema", ""},
    "validity": {"errors", "files", "formats", "core", "data", "controllers", "alignment", "advice", "bench", "report"},
    "report": {"errors", "files", "formats", "core", "controllers", "alignment", "training", "bench", ""},
    "cli": {
        "html",
        "lazy",
        "advice",
        "report",
        "errors",
        "files",
        "clock",
        "formats",
        "core",
        "data",
        "models",
        "alignment",
        "training",
        "bench",
        "demos",
        "validity",
        "controllers",
        "",
    },
}


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module]
        found |= {name for name in names if name.split(".")[0] == "grace"}
    return found


@pytest.mark.parametrize("path", sorted(SOURCE.rglob("*.py")), ids=lambda p: str(p.relative_to(SOURCE)))
def test_imports_go_one_way(path: Path) -> None:
    parts = path.relative_to(SOURCE).parts
    home = parts[0].removesuffix(".py").replace("__init__", "")
    used = {(name.split(".") + [""])[1] for name in imports(path)}
    assert used <= ALLOWED[home] | {home}, f"{path} imports {used - ALLOWED[home] - {home}}"


def test_the_package_needs_nothing_beside_it() -> None:
    words = "|".join(("studies", "benchmarks", "tests", "docs"))
    for path in SOURCE.rglob("*.py"):
        assert not re.search(rf"^\s*(from|import) ({words})\b", path.read_text(), re.MULTILINE), path


@pytest.mark.parametrize(
    ("statement", "absent"),
    [
        ("import grace.cli.main", "torch sklearn polars scipy rich.table"),
        ("import grace", "torch numpy typer"),
        ("import grace.bench.store, grace.bench.tables", "torch polars"),
        ("import grace.report.page, grace.report.figures", "torch polars sklearn scipy.stats vl_convert"),
        (
            "import grace.survival.figures, grace.survival.baselines",
            "torch sklearn sksurv pandas scipy.stats scipy.optimize",
        ),
        ("import grace.data.cmapss.fleets, grace.data.windows, grace.data.conditions", "torch sklearn scipy"),
    ],
)
def test_heavy_imports_come_late(statement: str, absent: str) -> None:
    code = f"{statement}; import sys; print(sorted(set({absent.split()!r}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_public_names_import() -> None:
    for name in grace.__all__:
        assert getattr(grace, name) is not None
    with pytest.raises(AttributeError, match="no attribute"):
        grace.nothing  # noqa: B018


def test_ci_runs_the_readmes_test_command() -> None:
    command = "pip install '.[test]' && pytest"
    assert command in (ROOT / "README.md").read_text()
    assert command.replace("install", "install --quiet") in (ROOT / ".ci/run").read_text()
