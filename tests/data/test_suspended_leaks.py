"""Leaks where some engines were suspended: looked for among those that failed, and what says which failed is one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from grace.data.fleet import Fleet
from grace.data.simulated.fleet import Simulation, simulate
from grace.data.tables.columns import Columns, TableSource
from grace.data.tables.leaks import leaks
from grace.data.tables.sample import sample, with_events
from grace.data.tables.scan import scan
from tests.data.conftest import Write, as_table
from tests.data.test_leaks import COLUMNS, LEAKS, SOUND, chosen, left, of_engines, share


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    """Eighty simulated engines: more than are sampled."""
    return simulate(Simulation(engines=80))[0]


def suspend(table: pl.DataFrame, fleet: Fleet) -> pl.DataFrame:
    """Every fourth engine is cut at 40 to 95 % of its life, and all else that the table says stays."""
    ends = np.where(np.arange(80) % 4 == 1, np.random.default_rng(5).uniform(0.4, 0.95, 80), 1.0)
    rows = table.with_columns(event=pl.Series(1 * (of_engines(fleet, ends) == 1)), left=pl.Series(left(fleet)))
    known = pl.when(pl.col("event") == 1).then("left").alias("left")
    return rows.with_columns(known).filter(pl.Series(share(fleet) <= of_engines(fleet, ends)))


EVENT, TARGET = replace(COLUMNS, event="event"), replace(COLUMNS, target="left")


@pytest.mark.parametrize("columns", [EVENT, TARGET], ids=["event", "target"])
@pytest.mark.parametrize("name", [*LEAKS, *SOUND])
def test_leaks_are_looked_for_among_engines_that_failed(
    fleet: Fleet, written: Write, name: str, columns: Columns
) -> None:
    """What suspended engines end with is no end, and what their columns say of it does not hide a leak of the others."""
    made, why = LEAKS.get(name) or (SOUND[name], None)
    values = pl.Series(made(fleet, np.random.default_rng(0)), nan_to_null=True)
    table = suspend(as_table(fleet).with_columns(x=values), fleet).drop("left" if columns.event else "event")
    found = chosen(written(table), columns)
    assert why in found.left_out["x"] if why else "x" in found.features
    assert set(found.left_out) - {"x"} == set(chosen(written(table.drop("x")), columns).left_out)


@pytest.mark.parametrize("columns", [EVENT, TARGET], ids=["event", "target"])
def test_what_says_which_engines_failed_is_left_out(fleet: Fleet, written: Write, columns: Columns) -> None:
    """The event under other names: in every row, by what is entered of failures alone; a type of which all failed is none."""
    number, failed = pl.col("asset") % 4, pl.col("event") == 1
    table = suspend(as_table(fleet), fleet).with_columns(
        same=1 - pl.col("event"),
        cost=pl.when(failed).then(pl.col("asset") * 7 % 31),
        cause=pl.when(failed).then(pl.format("cause {}", pl.col("asset") % 3)),
        make=pl.format("make {}", (number == 3).cast(int)),
        site=pl.format("site {}", pl.col("asset") % 5),
    )
    found = chosen(written(table.drop("left" if columns.event else "event")), columns)
    causes = [f"cause = cause {number}" for number in range(3)]
    event = {name for name, why in found.left_out.items() if why == "says which engines failed"}
    assert event == {"same", "cost", *causes}
    assert {"make = make 1", "site = site 3"} <= set(found.features)
    few = table.filter(pl.col("asset") < 8).drop("left" if columns.event else "event")
    assert "same" in chosen(written(few), columns).features  # 2 of 7 happen by chance once in 21 times


def test_of_few_failures_all_are_in_the_sample(fleet: Fleet, written: Write) -> None:
    for failures in ((7, 33, 60), (), range(1, 81)):
        event = pl.col("asset").is_in(list(failures))
        table = scan(written(as_table(fleet).with_columns(event=event)))
        source = TableSource(table.path, EVENT, ("s4",))
        counts = with_events(table, source, table.engines(EVENT))
        assert counts.filter("failed")["engine"].to_list() == list(failures)
        drawn = sample(table, source, counts)
        assert len(drawn.engines) == 50
        assert len(drawn.failures) == min(len(failures), 50)
        assert set(drawn.engines[drawn.failures]) <= set(failures)
        assert not len(failures) or drawn.failed is not None
        assert leaks(drawn) == {}
