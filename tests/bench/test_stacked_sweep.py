"""A sweep in stacks writes the records of a sweep run by run."""

from __future__ import annotations

from pathlib import Path

import pytest

from grace.bench.store import Store
from grace.bench.sweep import _units, grid
from grace.cli.options import is_gpu
from grace.errors import GraceError
from grace.training.record import Record
from tests.bench.conftest import RUNS, call


def records(folder: Path) -> dict[str, Record]:
    return {record.id: record for record in Store(folder).all_records()}


def test_a_sweep_in_stacks_has_the_same_runs_and_nearly_their_figures(whole: Path, tmp_path: Path) -> None:
    done = call(tmp_path, "--stack", "0")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{RUNS} done")
    assert not list((tmp_path / "checkpoints").glob("*"))
    mine, theirs = records(tmp_path), records(whole)
    assert mine.keys() == theirs.keys()
    for run, record in mine.items():
        assert record.environment["stack"] == str(RUNS)
        assert record.spec == theirs[run].spec
        assert record.steps == theirs[run].steps
        first, own = record.history[0], theirs[run].history[0]
        assert abs(first["losses"][0] / own["losses"][0] - 1) < 0.01
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "records").iterdir()}
    assert call(tmp_path, "--stack", "2").returncode == 0
    assert before == {path: path.stat().st_mtime_ns for path in (tmp_path / "records").iterdir()}


def test_units_hold_every_run_once() -> None:
    specs = grid(["FD001", "FD002"], ["grace", "baseline"], [1, 2], size="tiny", schedule="tiny")
    for stack, sizes in ((1, [1] * 8), (0, [4, 4]), (3, [3, 1, 3, 1])):
        units = _units(specs, stack)
        assert [len(unit) for unit in units] == sizes
        assert {spec.id for unit in units for spec in unit} == {spec.id for spec in specs}
        assert all(len({spec.dataset for spec in unit}) == 1 for unit in units)


def test_a_device_that_is_not_there_is_refused(tmp_path: Path) -> None:
    for wrong in ("cuda:77", "quantum"):
        with pytest.raises(GraceError, match="`--device` should be cpu, or cuda where torch finds a GPU"):
            is_gpu(wrong)
    done = call(tmp_path, "--stack", "-2")
    assert done.returncode == 2
    assert "`--stack` should be 0 (all) or a number" in done.stderr
