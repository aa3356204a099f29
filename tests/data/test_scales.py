"""Scales of a table from the lives of its units that failed: cap, health cuts, window, horizons."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grace.alignment.problem import FleetProblem
from grace.data.conventions import Conventions
from grace.data.fleet import Fleet
from grace.data.prepare import Prepared, too_short
from grace.data.tables.columns import Columns
from grace.data.tables.read import read_table
from grace.data.windows import Windows
from grace.errors import GraceError
from grace.training.run_spec import run_spec
from grace.training.schedule import Schedule
from grace.training.spec import RunSpec
from tests.command import grace, refused

ROLES = Columns("id", "t", unit="days")
HEADS = ["--engine", "id", "--time", "t", "--time-unit", "days"]


def table(lives: list[float], rows: int = 41, first: float = 0.0, event: list[int] | None = None) -> pl.DataFrame:
    """Units of ``rows`` rows over their lives; ``s1`` falls with RUL, ``s2`` is noise."""
    draw, frames = np.random.default_rng(0), []
    for unit, life in enumerate(lives):
        time = np.linspace(0, life, rows)
        s1 = (life - time) / (max(lives) or 1.0) + draw.normal(size=rows) * 0.05
        frame = pl.DataFrame({"id": [unit] * rows, "t": first + time, "s1": s1, "s2": draw.normal(size=rows)})
        frames.append(frame if event is None else frame.with_columns(event=pl.lit(event[unit])))
    return pl.concat(frames)


def scaled(frame: pl.DataFrame, columns: Columns = ROLES, **given: object) -> Conventions:
    fleet = read_table(frame, columns, ("s1", "s2"))
    return Conventions(features=("s1", "s2"), table=columns).scaled_to(fleet, **given)  # type: ignore[arg-type]


def test_the_rule_by_hand() -> None:
    # the 80 % quantile of six lives is the fifth; of days the clock's start says nothing
    found = scaled(table([100, 200, 250, 300, 400, 514]))
    assert (found.cap, found.health_cuts, found.near_failure) == (400, (220, 96), 96)  # 224 and 96, two digits
    assert found.window == 12  # 0.3 * 41 rows
    assert found.from_data == ("cap", "health_cuts", "window")
    assert scaled(table([100, 200, 250, 300, 400, 514], first=7000)) == found
    # 0.8, 0.448 and 0.192 of a day; 101 rows are more than a window of 60 at 0.3
    small = scaled(table([0.2, 0.4, 0.5, 0.6, 0.8, 1.1], rows=401))
    assert (small.cap, small.health_cuts, small.window) == (0.8, (0.45, 0.19), 60)
    assert scaled(table([1500.0] * 5, rows=13)).window == 5  # 0.3 * 13 = 4, and 5 are the least
    assert scaled(table([1449.0] * 5)).cap == 1400


def test_suspended_units_have_no_life_to_count_and_a_target_says_what_is_left() -> None:
    frame = table([100, 200, 250, 300, 400, 514, 900, 900], event=[1, 1, 1, 1, 1, 1, 0, 0])
    assert scaled(frame, replace(ROLES, event="event")).cap == 400
    left = table([100, 200, 250, 300, 400, 514]).with_columns(left=pl.col("t").max().over("id") - pl.col("t") + 50)
    assert scaled(left, replace(ROLES, target="left")).cap == 450


def test_what_is_set_stays_and_a_cap_moves_the_cuts() -> None:
    frame = table([100, 200, 250, 300, 400, 514])
    cap = scaled(frame, cap=250)
    assert (cap.cap, cap.health_cuts, cap.window, cap.from_data) == (250, (140, 60), 12, ("health_cuts", "window"))
    cuts = scaled(frame, health_cuts=(0.5, 0.25))
    assert (cuts.cap, cuts.health_cuts, cuts.near_failure) == (400, (0.5, 0.25), 0.25)
    assert cuts.from_data == ("cap", "window")
    every = scaled(frame, cap=10, health_cuts=(5, 2), window=7)
    assert every == Conventions(
        cap=10, health_cuts=(5, 2), near_failure=2, window=7, features=("s1", "s2"), table=ROLES
    )
    assert "from_data" not in every.to_json()


def test_units_of_one_row_have_no_life() -> None:
    found = scaled(table([0, 0], rows=1))
    assert (found.cap, found.window) == (125, 60)


@given(st.lists(st.floats(1, 15), min_size=2, max_size=8), st.floats(0.01, 100))
def test_scales_follow_the_unit_of_time(lives: list[float], factor: float) -> None:
    """Lives in other units have scales in those units, to the rounding."""
    one, other = (scaled(table([life * f for life in lives], rows=5)) for f in (1.0, factor))
    assert other.cap == pytest.approx(one.cap * factor, rel=0.12)
    for ours, theirs in zip(one.health_cuts, other.health_cuts, strict=True):
        assert theirs == pytest.approx(ours * factor, rel=0.25)


def test_the_scales_and_where_they_come_from_are_in_the_spec_and_its_id() -> None:
    own = scaled(table([0.2, 0.4, 0.5, 0.6, 0.8, 1.1]))
    spec = run_spec("own", "rul-only", size="compact", conventions=own)
    assert (spec.schedule.max_train_rul, spec.max_validation_rul) == pytest.approx((0.96, 0.96))  # 1.2 caps
    assert RunSpec.from_json(spec.to_json()) == spec
    assert spec.to_json()["conventions"]["from_data"] == ("cap", "health_cuts", "window")
    usual = run_spec("FD001", "rul-only", size="compact")
    assert (usual.schedule, usual.max_validation_rul) == (Schedule.named("compact"), 150)
    assert "from_data" not in usual.to_json()["conventions"]


def test_short_units_are_cut_within_their_window_and_left_out_of_training() -> None:
    short = table([300.0], rows=3).with_columns(id=pl.lit(9, dtype=pl.Int64))
    fleet = read_table(pl.concat([table([300.0] * 6, rows=13), short]), ROLES, ("s1", "s2"))
    own = Conventions(features=("s1", "s2"), table=ROLES).scaled_to(fleet)
    assert own.window == 5
    assert too_short(fleet, own, 20).startswith("1 of 7 units that failed have fewer than 5 rows")
    prepared = Prepared.of(fleet, own, 20)
    windows = prepared.windows
    assert isinstance(windows, Windows)
    assert set(windows.engine) == set(range(6))
    assert len(windows) == 6 * (13 - 4)
    rows = prepared.conditioner.transform(fleet)
    cuts = Windows.after_cuts(fleet, rows, own, 200, np.random.default_rng(0))
    kept = (cuts.ends - cuts.first + 1).reshape(7, -1)
    assert [kept[0].min(), kept[0].max()] == [5, 13]
    assert set(kept[6]) == {3}
    assert FleetProblem(fleet, own).model() is not None


def test_commands_show_set_and_keep_the_scales(tmp_path: Path) -> None:
    table([0.2, 0.4, 0.5, 0.6, 0.8, 1.1]).write_csv(tmp_path / "own.csv")
    own = ["--table", "own.csv", *HEADS]
    line = "scales: cap 0.8 days (80 % quantile of 6 lives), healthy from 0.45, critical below 0.19, windows of 12 rows"
    shown = " ".join(grace("data", "info", *own, cwd=tmp_path).stdout.split())
    assert f"{line}; set with --cap, --health, --window" in shown
    shown = grace("data", "info", *own, "--cap", "0.5", "--health", "0.3,0.1", cwd=tmp_path).stdout
    line = "scales: cap 0.5 days, healthy from 0.3, critical below 0.1, windows of 12 rows; set with --window"
    assert line in " ".join(shown.split())
    for value, words in (("0", "`cap` should be above 0 days. Found 0"), ("nan", "`cap` should be above 0 days")):
        assert words in refused("data", "info", *own, "--cap", value, cwd=tmp_path)
    assert "HEALTHY,CRITICAL in the unit of RUL" in refused("data", "info", *own, "--health", "1", cwd=tmp_path)
    assert "HEALTHY > CRITICAL > 0 days" in refused("data", "info", *own, "--health", "0.1,0.3", cwd=tmp_path)


def test_a_fleet_of_cycles_keeps_its_scales_and_a_bad_cap_is_refused(fleet_of_cycles: Fleet) -> None:
    assert FleetProblem(fleet_of_cycles).conventions == Conventions()
    with pytest.raises(GraceError, match=r"`cap` should be above 0 cycles. Found inf"):
        Conventions(cap=float("inf"))


@pytest.fixture(scope="module")
def fleet_of_cycles() -> Fleet:
    from grace.data.simulated.fleet import Simulation, simulate

    return simulate(Simulation(engines=8, test_engines=1))[0]
