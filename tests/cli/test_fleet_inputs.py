"""Fleets as they are written down: intervals, groups, lives, tables of units; and bad ones, each refused in one line."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import grace as package
from grace.training.record import Record
from tests.command import grace
from tests.data.conftest import as_table

ROLES = ["--engine", "asset", "--time", "flight", "--event", "gone"]
UNITS = [*ROLES[:-2], "--unit-table", "units.csv", "--event", "gone"]
INTERVALS = ["--engine", "asset", "--start", "since", "--time", "until", "--event", "gone", "--time-unit", "hours"]
QUICK = ["--method", "rul-only", "--schedule", "tiny", "--epochs", "1", "--window", "20"]
BEGAN = datetime(2024, 10, 26, 12)


def fleet() -> pl.DataFrame:
    """Twelve engines in three sites, of which one in three was suspended, with intervals, lives and a clock of dates."""
    simulated = as_table(package.simulate(package.Simulation(engines=12, conditions=1))[0]).drop("note")
    last = pl.col("flight") == pl.col("flight").max().over("asset")
    return simulated.with_columns(
        gone=(last & (pl.col("asset") % 3 > 0)).cast(int),
        site=pl.concat_str(pl.lit("site "), (pl.col("asset") % 3).cast(pl.String)),
        since=1000 * pl.col("asset") + 10 * pl.col("flight"),
        until=1000 * pl.col("asset") + 10 * pl.col("flight") + pl.when(last).then(25).otherwise(10),
        life=1 + (pl.col("flight") > 40).cast(int),
        clock=pl.lit(BEGAN) + pl.duration(minutes=20 * pl.col("flight")),
    )


def units() -> pl.DataFrame:
    ends = fleet().group_by("asset").agg(pl.col("gone").max(), pl.col("site").first(), end=pl.col("flight").max())
    return ends.sort("asset").with_columns(mass=pl.col("asset") % 5)


FEATURES = ["--features", ",".join(f"s{n}" for n in (2, 3, 4, 7, 8, 9, 11, 12, 13, 14, 15, 17, 20, 21))]


def written(folder: Path, rows: Callable[[pl.DataFrame], pl.DataFrame] = lambda table: table) -> None:
    rows(fleet()).write_csv(folder / "fleet.csv")


def said(*arguments: str, cwd: Path) -> str:
    done = grace(*arguments, cwd=cwd, columns=200)
    assert done.returncode == 0, done.stderr
    return done.stderr + done.stdout  # as a terminal shows it: what was made of a table, then the answer


@pytest.mark.system
def test_rows_over_an_interval_from_training_to_prediction(tmp_path: Path) -> None:
    written(tmp_path)
    shown = said("train", "--table", "fleet.csv", *INTERVALS, *FEATURES, *QUICK, "--to", "n.safetensors", cwd=tmp_path)
    assert "RUL in hours: last until of the engine minus since" in shown
    assert "12 were first seen at some age" in shown
    assert "8 units failed" in shown
    said("predict", "n.safetensors", "fleet.csv", "--to", "until.csv", cwd=tmp_path)
    longer = pl.when(pl.col("flight") == pl.col("flight").max().over("asset")).then(30).otherwise(0)
    written(tmp_path, lambda table: table.with_columns(until=pl.col("until") + longer))
    said("predict", "n.safetensors", "fleet.csv", "--to", "later.csv", cwd=tmp_path)
    before, after = (pl.read_csv(tmp_path / f"{name}.csv") for name in ("until", "later"))
    ends = fleet().group_by("asset").agg(pl.col("until").max()).sort("asset")["until"]
    time = next(name for name in before.columns if before[name].to_list() == ends.to_list())
    assert (after[time] - before[time]).to_list() == [30] * 12
    rul = next(name for name in before.columns if name.startswith("rul"))
    assert after[rul].to_numpy() == pytest.approx(np.maximum(before[rul].to_numpy() - 30, 0), abs=0.02)


def test_groups_and_lives_in_the_record(tmp_path: Path) -> None:
    written(tmp_path)
    units().write_csv(tmp_path / "units.csv")
    grid = ["bench", "run", "--methods", "age", "--seeds", "1", "--jobs", "1", "--window", "20"]
    rows = [*grid, "--table", "fleet.csv"]
    assert "1 done" in said(*rows, *ROLES, "--group", "site", "--to", "groups", cwd=tmp_path)
    assert "1 done" in said(*rows, *UNITS, "--group", "site", "--duration", "end", "--to", "units", cwd=tmp_path)
    assert "1 done" in said(*rows, *ROLES, "--to", "alone", cwd=tmp_path)
    assert "1 done" in said(*rows, *ROLES[:-2], "--life-id", "life", "--to", "lives", cwd=tmp_path)
    found = {
        name: Record.read(next((tmp_path / name / "records").glob("*.json")))
        for name in ("groups", "units", "alone", "lives")
    }
    assert len({record.id for record in found.values()}) == 4
    told = "failed by group: site 0 0 of 4, site 1 4 of 4, site 2 4 of 4"
    assert told in found["groups"].concerns[-1]
    assert told in found["units"].concerns[-1]
    assert "by group" not in found["alone"].concerns[-1]
    roles = found["lives"].spec["conventions"]["table"]
    assert roles["life_id"] == "life"
    assert "group" not in roles


def test_facts_of_units_are_features_when_named(tmp_path: Path) -> None:
    written(tmp_path)
    units().write_csv(tmp_path / "units.csv")
    info = ["data", "info", "--table", "fleet.csv", *UNITS, "--json"]
    assert "mass" not in json.loads(said(*info, cwd=tmp_path))["features"]
    assert json.loads(said(*info, "--features", "s2,s3,mass", cwd=tmp_path))["features"] == ["s2", "s3", "mass"]


def test_cmapss_with_groups(cmapss_dir: Path, tmp_path: Path) -> None:
    frame = pl.DataFrame({"engine": range(1, 101), "event": [1] * 100, "batch": [n % 7 for n in range(100)]})
    frame.write_csv(tmp_path / "units.csv")
    plan = ["bench", "plan", "--datasets", "FD001", "--methods", "age", "--seeds", "1", "--data", str(cmapss_dir)]
    options = [[], ["--unit-table", "units.csv"], ["--unit-table", "units.csv", "--group", "batch"]]
    ids = [re.findall(r"^[0-9a-f]{12}(?=  FD001)", said(*plan, *more, cwd=tmp_path), re.MULTILINE) for more in options]
    assert len({one for (one,) in ids}) == 3


def _set(**columns: pl.Expr) -> Callable[[pl.DataFrame], pl.DataFrame]:
    return lambda table: table.with_columns(**columns)


def _set_back(table: pl.DataFrame) -> pl.DataFrame:
    """A clock without a zone that goes back by an hour when summer time ends."""
    end = BEGAN + timedelta(hours=15)
    return table.with_columns(
        clock=pl.when(pl.col("clock") >= end).then(pl.col("clock") - pl.duration(hours=1)).otherwise(pl.col("clock"))
    )


def _hours(table: pl.DataFrame) -> pl.DataFrame:
    """A row an hour, so that where the clock goes back two have the same time."""
    clock = pl.lit(BEGAN) + pl.duration(hours=pl.col("flight"))
    return table.with_columns(clock=pl.when(pl.col("flight") > 14).then(clock - pl.duration(hours=1)).otherwise(clock))


def _zones(table: pl.DataFrame) -> pl.DataFrame:
    """A clock as text, with the offset of its zone in some rows alone."""
    text = pl.col("clock").dt.to_string("%Y-%m-%dT%H:%M:%S")
    return table.with_columns(clock=pl.when(pl.col("flight") < 9).then(text).otherwise(text + "+02:00"))


DATED = ["--engine", "asset", "--time", "clock", "--time-unit", "hours", "--event", "gone"]
FIFTH = (pl.col("asset") == 1) & (pl.col("flight") == 5)
ALIKE = pl.when(pl.col("flight") > 40).then(pl.col("flight") - 40).otherwise(pl.col("flight"))


@pytest.mark.parametrize(
    ("rows", "options", "words"),
    [
        (_set(gone=pl.col("flight")), ROLES, "engine 1: gone should be 1 (failed) or 0 (suspended). Found 2."),
        (_set(gone=FIFTH.cast(int)), ROLES, "engine 1: gone should be 1 at the last row alone, or in every row. Found 1"),
        (_set(gone=pl.lit(0)), ROLES, "Found no failed and 12 suspended"),
        (_set(gone=(pl.col("asset") == 3).cast(int)), ROLES, "Found 1 failed and 11 suspended"),
        (_set(flight=ALIKE), ROLES, "1: flight should not start again. Found 1 after 40, 1 such fall. If these are several"),
        (_set_back, DATED, "Found 2024-10-27 02:00:00 after 2024-10-27 02:40:00, 1 such fall. If the clock was set back"),
        (_hours, DATED, "engine 1: each clock should stand once. Found"),
        (_hours, DATED, "Drop the repeated rows. Where a clock was set back, export times in UTC."),
        (_zones, DATED, "the column clock should hold numbers. Found String"),
        (_set(since=pl.col("until")), INTERVALS, "engine 1: since should be before until in every row. Found 1020 to 1020."),
        (_set(since=pl.col("since") - 1), INTERVALS, "engine 1: intervals should not overlap. Found 1009 to 1020, then from 101"),
        (_set(), [*INTERVALS, "--target", "s2"], "`--start` should be left out with --target"),
        (_set(site=pl.col("life")), [*ROLES, "--group", "site"], "engine 1: site should be the same in every row. Found 1 and"),
        (_set(site=pl.lit("x")), [*ROLES, "--group", "site"], "should hold failures in at least two groups. Found one, x."),
        (_set(life=pl.lit(None)), [*ROLES, "--life-id", "life"], "asset and life should be known in every row. Found an"),
        (_set(), [*ROLES, "--life-id", "cell"], "should have the column cell."),
        (_set(), [*ROLES, "--duration", "life"], "`--duration` should come with --unit-table, whose column it is. Found"),
    ],
)  # fmt: skip
def test_rows_that_are_refused(
    tmp_path: Path, rows: Callable[[pl.DataFrame], pl.DataFrame], options: list[str], words: str
) -> None:
    written(tmp_path, rows)
    done = grace("train", "--table", "fleet.csv", *options, *FEATURES, *QUICK, cwd=tmp_path, columns=150)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert words in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["fleet.csv"]


@pytest.mark.parametrize(
    ("change", "options", "words"),
    [
        (
            lambda u: pl.concat([u, u[:1].with_columns(gone=1 - pl.col("gone"))]),
            [],
            "should have one row an engine. Found engine 1 twice, with different events.",
        ),
        (_set(gone=pl.lit(2)), [], "engine 1: gone should be 1 (failed) or 0 (suspended). Found 2."),
        (lambda u: u[1:], [], "should have one row for each engine of fleet. Found none for 1."),
        (_set(end=pl.lit(9)), ["--duration", "end"], "engine 1: end should be at least its age at its last row"),
        (_set(end=pl.lit("long")), ["--duration", "end"], "the column end should hold numbers. Found String, such as 'long'"),
        (_set(), ["--duration", "until"], "units.csv should have the column until."),
        (_set(site=pl.lit(None)), ["--group", "site"], "engine 1: site should be known. Found none. Fill it."),
        (_set(), ["--group", "lot"], "should have the column lot."),
    ],
)  # fmt: skip
def test_tables_of_units_that_are_refused(
    tmp_path: Path, change: Callable[[pl.DataFrame], pl.DataFrame], options: list[str], words: str
) -> None:
    written(tmp_path)
    change(units()).write_csv(tmp_path / "units.csv")
    done = grace("train", "--table", "fleet.csv", *UNITS, *options, *FEATURES, *QUICK, cwd=tmp_path, columns=150)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert words in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fleet.csv", "units.csv"]


def test_offsets_in_text_are_one_clock(tmp_path: Path) -> None:
    """Two zones, an offset in every row: they are one order of time."""
    zone = pl.when(pl.col("flight") < 9).then(pl.lit("+02:00")).otherwise(pl.lit("+01:00"))
    late = pl.duration(hours=pl.when(pl.col("flight") < 9).then(2).otherwise(1))
    text = (pl.col("clock") + late).dt.to_string("%Y-%m-%dT%H:%M:%S") + zone
    written(tmp_path, _set(clock=text))
    info = ["data", "info", "--table", "fleet.csv", *DATED, *FEATURES, "--json"]
    zoned = json.loads(said(*info, cwd=tmp_path))
    written(tmp_path)
    assert zoned["largest_rul"] == json.loads(said(*info, cwd=tmp_path))["largest_rul"]
