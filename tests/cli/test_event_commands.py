"""Suspended engines by commands alone: a column of events, a table of units, and what is refused in one line."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import grace as package
from grace.data.fleet import Fleet
from grace.data.prepare import ALL_FAILED
from grace.training.record import Record
from studies.cuts import suspended
from tests.command import grace, refused
from tests.data.conftest import as_table

ROLES = ["--engine", "asset", "--time", "flight"]
QUICK = ["--method", "rul-only", "--schedule", "tiny", "--epochs", "1", "--window", "20"]
DIAGNOSIS = ["--size", "tiny", "--inits", "2", "--batches", "3", "--steps", "5", "--batch-size", "16", "--jobs", "1"]


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    """Five engines that failed and nine that were suspended."""
    return suspended(package.simulate(package.Simulation(engines=14, conditions=1))[0], 5, 0)


@pytest.fixture(scope="module")
def folder(fleet: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``fleet.csv`` with the column ``gone``, ``plain.csv`` without, and ``units.csv`` that says it instead."""
    folder, owner = tmp_path_factory.mktemp("fleet"), fleet.engine_of_row()
    assert fleet.failed is not None
    rows = as_table(fleet)
    rows.with_columns(gone=pl.Series(fleet.failed[owner].astype(int))).write_csv(folder / "fleet.csv")
    rows.write_csv(folder / "plain.csv")
    pl.DataFrame({"asset": fleet.engines, "gone": fleet.failed}).write_csv(folder / "units.csv")
    return folder


def said(*arguments: str, cwd: Path) -> str:
    done = grace(*arguments, cwd=cwd, columns=150)
    assert done.returncode == 0, done.stderr
    return done.stderr + done.stdout  # as a terminal shows it: what was made of a table, then the answer


@pytest.mark.system
def test_train_says_how_many_failed(folder: Path, fleet: Fleet, tmp_path: Path) -> None:
    assert fleet.failed is not None
    ages = [np.median(fleet.lengths[side]) for side in (fleet.failed, ~fleet.failed)]
    line = f"5 units failed, at a median age of {ages[0]:g} cycles, and 9 were suspended, at {ages[1]:g}: if suspension tells"
    by_rows = ["--table", str(folder / "fleet.csv"), *ROLES, "--event", "gone", *QUICK]
    shown = said("train", *by_rows, "--to", "rows.safetensors", cwd=tmp_path)
    assert shown.count(line) == 2  # of the table, and under the figures
    assert "out of fold" in shown  # fewer than 40 failed
    assert "gone" not in next(text for text in shown.splitlines() if text.startswith("features ("))
    by_units = [
        "--table",
        str(folder / "plain.csv"),
        *ROLES,
        "--event",
        "gone",
        "--unit-table",
        str(folder / "units.csv"),
    ]
    again = said("train", *by_units, *QUICK, "--to", "units.safetensors", cwd=tmp_path)
    assert line in again
    figures = [[text for text in one.splitlines() if "│ out of fold" in text] for one in (shown, again)]
    assert figures[0] == figures[1] != []
    assert "survival out of fold" in shown  # as of hazards, since some were suspended
    for how in ("ignore", "bound"):
        other = said("train", *by_rows, "--suspended", how, "--to", f"{how}.safetensors", cwd=tmp_path)
        assert [text for text in other.splitlines() if "│ out of fold" in text] != figures[0]
    assert "RUL in cycles" in said("predict", "units.safetensors", str(folder / "plain.csv"), cwd=tmp_path)
    done = grace("train", *by_rows, "--suspended", "hazard", "--rul-scale", "cap", "--to", "no", cwd=tmp_path)
    assert done.returncode == 2
    assert "`suspended` hazard should stand with a `rul_scale` of its kind. Found cap." in done.stderr
    assert not (tmp_path / "no").exists()
    assert "RUL in cycles" in said("predict", "rows.safetensors", str(folder / "plain.csv"), cwd=tmp_path)


def test_without_an_event_one_line_says_so(folder: Path, tmp_path: Path) -> None:
    plain = ["--table", str(folder / "plain.csv"), *ROLES]
    assert said("diagnose", *plain, *DIAGNOSIS, cwd=tmp_path).count(ALL_FAILED) == 1
    assert ALL_FAILED not in said("diagnose", "simulated", *DIAGNOSIS, cwd=tmp_path)
    assert said("bench", "run", *plain, "--methods", "age", "--seeds", "1", "--jobs", "1", "--to", "runs", cwd=tmp_path)
    (record,) = map(Record.read, (tmp_path / "runs" / "records").glob("*.json"))
    assert record.concerns[-1] == ALL_FAILED


def test_a_sweep_over_cmapss_with_a_table_of_units(cmapss_dir: Path, tmp_path: Path) -> None:
    events = pl.DataFrame({"engine": np.arange(1, 101), "event": (np.arange(1, 101) <= 30).astype(int)})
    events.write_csv(tmp_path / "units.csv")
    events.rename({"engine": "unit", "event": "gone"}).write_csv(tmp_path / "own.csv")
    grid = ["--datasets", "FD001", "--methods", "age", "--seeds", "1", "--data", str(cmapss_dir)]
    units, own = ["--unit-table", "units.csv"], ["--unit-table", "own.csv", "--engine", "unit", "--event", "gone"]
    plans = [said("bench", "plan", *grid, *more, cwd=tmp_path) for more in ([], units, own)]
    ids = [re.findall(r"^[0-9a-f]{12}(?=  FD001)", shown, re.MULTILINE)[0] for shown in plans]
    assert ids[0] != ids[1] == ids[2]
    assert "1 done" in said("bench", "run", *grid, *units, "--jobs", "1", "--to", "runs", cwd=tmp_path)
    record = Record.read(tmp_path / "runs" / "records" / f"{ids[1]}.json")
    assert record.concerns[-1].startswith("30 units failed")
    assert len(record.predictions["true"]) == 100  # its test engines have RUL of their own


@pytest.mark.parametrize(
    ("change", "options", "words"),
    [
        (
            pl.lit(0),
            [],
            "fleet should hold at least two training engines that failed. Found no failed and 14 suspended.",
        ),
        ((pl.col("asset") == 3).cast(int), [], "Found 1 failed and 13 suspended. RUL is learned from failures"),
        (pl.col("flight"), [], "engine 1: gone should be 1 (failed) or 0 (suspended). Found 2."),
        (
            (pl.col("flight") == 5).cast(int),
            [],
            "engine 1: gone should be 1 at the last row alone, or in every row. Found 1 in row 5",
        ),
        (pl.lit(1), ["--event", "state"], "should have the column state."),
        (
            pl.lit(1),
            ["--event", "flight"],
            "`--event` should be a column of its own. Found flight, which is `--time` already.",
        ),
        (pl.lit(1), ["--unit-table", "none.csv"], "none.csv should be a table. Found none."),
        (pl.lit(1), ["--unit-table", "units.csv", "--target", "s2"], "`--unit-table` should be left out with --target"),
        (pl.lit(1), ["--suspended", "weibull"], "`suspended` should be one of ignore, bound, hazard. Found 'weibull'."),
    ],
)
def test_refusals_are_one_line(folder: Path, tmp_path: Path, change: pl.Expr, options: list[str], words: str) -> None:
    pl.read_csv(folder / "fleet.csv").with_columns(gone=change).write_csv(tmp_path / "fleet.csv")
    pl.read_csv(folder / "units.csv").write_csv(tmp_path / "units.csv")
    named = [] if "--event" in options else ["--event", "gone"]
    done = grace("train", "--table", "fleet.csv", *ROLES, *named, *options, *QUICK, cwd=tmp_path, columns=150)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert words in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fleet.csv", "units.csv"]


def test_an_event_needs_a_table(tmp_path: Path) -> None:
    assert "`--event` should come with --table" in refused("train", "simulated", "--event", "gone", cwd=tmp_path)
