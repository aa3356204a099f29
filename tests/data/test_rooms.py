"""The rooms of ``grace.data``: what they share knows none of them, and only ``load`` knows all."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import grace.data

SOURCE = Path(grace.data.__path__[0])
ROOMS = ("tables", "cmapss", "simulated")
ALLOWED = {
    "tables": {"cmapss.ncmapss"},  # a table may be N-CMAPSS
    "cmapss": set(),
    "simulated": set(),
    "": {"tables.columns"},  # conventions name the columns of a table
}


@pytest.mark.parametrize("path", sorted(SOURCE.rglob("*.py")), ids=lambda path: str(path.relative_to(SOURCE)))
def test_rooms_do_not_know_one_another(path: Path) -> None:
    *folders, name = path.relative_to(SOURCE).parts
    home = folders[0] if folders else ""
    nodes = ast.walk(ast.parse(path.read_text()))
    modules = [node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module]
    used = {module.removeprefix("grace.data.") for module in modules if module.startswith("grace.data.")}
    other = {module for module in used if module.split(".")[0] in set(ROOMS) - {home}}
    assert name == "load.py" or other <= ALLOWED[home]
    assert "load" not in used
