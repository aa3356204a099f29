"""What labels must not let in: what gives the end away beside them, their own values, and runs on other labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import grace
from grace import Columns, Fleet, GraceError, TableSource, Task
from grace.data import fleet as fleets
from grace.data import task_checks
from grace.data.cmapss.fleets import write_cmapss
from grace.data.load import WithUnits, load_train
from grace.data.tables.read import read_table
from grace.data.tables.select_columns import select_columns
from grace.data.task_checks import said_of_labels
from tests.data.conftest import Write

COLUMNS = Columns("id", "t")


def worn(**columns: Any) -> pl.DataFrame:
    """Forty units, whose capacity falls from 1 to 0.8, where they fail, and a reading of noise."""
    rng, parts = np.random.default_rng(3), []
    for unit in range(40):
        rows = int(rng.integers(30, 90))
        health = np.linspace(1.0, 0.8, rows) + np.concatenate([rng.normal(0, 0.002, rows - 1), [0]])
        parts.append(pl.DataFrame({"id": unit, "t": np.arange(1, rows + 1), "soh": health, "x": rng.normal(size=rows)}))
    table = pl.concat(parts).with_columns(capacity=3.5 * pl.col("soh"))
    return table.with_columns(**columns)


@pytest.mark.parametrize("gaps", [False, True])
def test_a_label_that_defines_failure_lets_no_copy_of_itself_in(written: Write, gaps: bool) -> None:
    table = worn()
    if gaps:  # a label with gaps gives as much away
        table = table.with_columns(soh=pl.when(pl.int_range(pl.len()) % 7 != 0).then("soh"))
    source = TableSource(written(table), COLUMNS, tasks=(Task("soh", kind="regression"),))
    found = select_columns(source, "none")
    assert found.features == ("x",)
    assert "capacity" in found.left_out
    assert select_columns(TableSource(written(table), COLUMNS), "none").features == ("x",)


def test_sentinels_do_not_hide_what_a_label_gives_away(written: Write) -> None:
    table = worn(soh=pl.when(pl.int_range(pl.len()) % 7 != 0).then("soh").otherwise(-999.0))
    columns = Columns("id", "t", sentinels=(-999.0,))
    found = select_columns(TableSource(written(table), columns, tasks=(Task("soh"),)), "none")
    assert found.features == ("x",)
    assert np.isnan(np.asarray(read_table(found).labels["soh"])).mean() == pytest.approx(1 / 7, abs=0.01)


def of_units(folder: Path, **columns: Any) -> Fleet:
    pl.DataFrame({"engine": np.arange(1, 10)} | columns).write_csv(folder / "units.csv")
    return load_train("SIM", WithUnits(folder, folder / "units.csv", tasks=(Task("site"),)))


@pytest.fixture
def simulated(tmp_path: Path) -> Path:
    write_cmapss(*grace.simulate(grace.Simulation(engines=9, test_engines=3)), tmp_path, "SIM")
    return tmp_path


def test_other_labels_of_units_are_other_data(simulated: Path) -> None:
    one, other = (of_units(simulated, event=[1] * 9, site=list(sites) * 3) for sites in ("abc", "acb"))
    assert one.digest() != other.digest()
    assert one.digest() == of_units(simulated, event=[1] * 9, site=["a", "b", "c"] * 3).digest()


def test_a_table_of_labels_needs_no_events(simulated: Path) -> None:
    fleet = of_units(simulated, site=["a", "b", "c"] * 3)
    assert fleet.failures.tolist() == list(range(9))
    np.testing.assert_array_equal(fleet.labels["site"], np.array([0, 1, 2] * 3)[fleet.engine_of_row()])
    with pytest.raises(GraceError, match="should have the column event"):
        load_train("SIM", WithUnits(simulated, simulated / "units.csv"))


def test_a_table_of_labels_names_an_engine_once(simulated: Path) -> None:
    with pytest.raises(GraceError, match=r"should have one row an engine. Found engine 3 twice"):
        of_units(simulated, engine=[1, 2, 3, 3, 5, 6, 7, 8, 9], site=["a", "b", "c"] * 3)
    pl.DataFrame({"unit": [1], "site": ["a"]}).write_csv(simulated / "units.csv")
    with pytest.raises(GraceError, match="should have the column engine"):
        load_train("SIM", WithUnits(simulated, simulated / "units.csv", tasks=(Task("site"),)))


def test_a_feature_with_gaps_or_of_one_class_is_found_to_be_the_label() -> None:
    rng, unit = np.random.default_rng(0), np.repeat(np.arange(12), 6)
    x = rng.normal(size=72)
    kind = rng.choice(["a", "b", "c"], size=72)
    fleet = Fleet.of_rows(
        "f", unit, np.column_stack([np.where(np.arange(72) < 3, np.nan, x), kind == "b", x]), ("x", "kind = b", "y")
    )
    known = {"wear": 2 - x, "kind": np.unique(kind, return_inverse=True)[1].astype(float)}
    tasks = (Task("wear", kind="regression"), Task("kind", kind="class", classes=("a", "b", "c")))
    fleet = Fleet(**vars(fleet) | {"labels": known})
    lines = [line for line in said_of_labels(fleet, tasks, fleet.columns) if "says what the feature" in line]
    assert [line.split(" (")[0] for line in lines] == [
        "task wear says what the feature x says",
        "task wear says what the feature y says",
        "task kind says what the feature kind = b says",
    ]


def test_labels_are_looked_through_some_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    rng, unit = np.random.default_rng(0), np.repeat(np.arange(30), 7)
    label = np.where(rng.random(210) < 0.3, np.nan, rng.integers(3, size=210))
    fleet = Fleet.of_rows("f", unit, rng.normal(size=(210, 1)), ("x",))
    fleet = Fleet(**vars(fleet) | {"labels": {"kind": label}})
    task = Task("kind", kind="class", classes=("a", "b", "c"))
    whole = said_of_labels(fleet, [task], ())
    known = label[~np.isnan(label)].astype(int)
    shares = np.bincount(known) / len(known)
    assert whole[0].startswith(
        f"task kind, column kind: class of a {shares[0]:.0%}, b {shares[1]:.0%}, c {shares[2]:.0%};"
    )
    monkeypatch.setattr(Fleet.chunks, "__defaults__", (11,))
    assert said_of_labels(fleet, [task], ()) == whole
    found = task_checks._Known.of(fleet, task)
    for e in range(30):
        own = label[unit == e]
        assert found.rows[e] == (~np.isnan(own)).sum()
        assert (found.low[e], found.high[e]) == (np.nanmin(own), np.nanmax(own))
    assert fleets.CHUNK > 210
