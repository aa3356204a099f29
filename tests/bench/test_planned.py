"""The runs that a folder was asked for: kept, added to, and never believed where they are damaged."""

from __future__ import annotations

from pathlib import Path

import pytest

from grace.bench.planned import GRID, plan, planned
from grace.bench.sweep import grid
from grace.errors import GraceError
from grace.formats import DamagedError


def test_grids_are_added_up_and_a_run_stands_once(tmp_path: Path) -> None:
    first, second = (grid(["FD001"], methods, [1]) for methods in (["grace", "gaba"], ["gaba", "amnl"]))
    plan(tmp_path, first)
    plan(tmp_path, second)
    assert [(one.id, one.method) for one in planned(tmp_path)] == [(s.id, s.method) for s in (*first, second[1])]
    assert planned(tmp_path / "nowhere") == []


@pytest.mark.parametrize("damage", ["half", "field", "type"])
def test_what_is_damaged_is_refused_and_begun_anew(damage: str, tmp_path: Path) -> None:
    specs = grid(["FD001"], ["grace"], [1])
    plan(tmp_path, specs)
    path = tmp_path / "sweep.grid"
    if damage == "half":
        path.write_text(path.read_text()[:-20])
    else:
        run = {"id": specs[0].id, "dataset": "FD001", "method": "grace"} | ({} if damage == "field" else {"seed": "1"})
        GRID.write(path, {"runs": [run]})
    with pytest.raises(DamagedError, match=r"sweep\.grid should be whole"):
        planned(tmp_path)
    plan(tmp_path, specs)
    assert [one.id for one in planned(tmp_path)] == [specs[0].id]


def test_a_newer_one_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "sweep.grid"
    plan(tmp_path, grid(["FD001"], ["grace"], [1]))
    path.write_text(before := path.read_text().replace('"version":1', '"version":9'))
    with pytest.raises(GraceError, match="Found version 9"):
        plan(tmp_path, grid(["FD001"], ["gaba"], [1]))
    assert path.read_text() == before
