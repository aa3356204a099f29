"""Columns that give the end away: made by hand, found; sensors, real and made up, not taken for such."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray
from scipy.stats import spearmanr

from grace.data.cmapss.fleets import read_train
from grace.data.fleet import Fleet
from grace.data.simulated.fleet import Simulation, simulate
from grace.data.tables.columns import Columns, TableSource
from grace.data.tables.leaks import _correlation, leaks
from grace.data.tables.select_columns import select_columns
from tests.data.conftest import Write, as_table

COLUMNS = Columns("asset", "flight")
END = "marks their end"
RUL, SHARE, LIFE = "says RUL itself", "says the share of life itself", "goes with the length of life"
Array = NDArray[np.float64]
Made = Callable[[Fleet, np.random.Generator], Array]


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    """Eighty simulated engines: more than are sampled."""
    return simulate(Simulation(engines=80))[0]


def left(fleet: Fleet) -> Array:
    return np.asarray(fleet.rul(), dtype=np.float64)


def age(fleet: Fleet) -> Array:
    return np.asarray(np.arange(len(fleet.values)) - fleet.starts[fleet.engine_of_row()], dtype=np.float64)


def share(fleet: Fleet) -> Array:
    return age(fleet) / (age(fleet) + left(fleet))


def of_engines(fleet: Fleet, values: Array) -> Array:
    return np.asarray(values, dtype=np.float64)[fleet.engine_of_row()]


def failed(fleet: Fleet, engines: int = 80) -> Array:
    return np.asarray((left(fleet) == 0) & (fleet.engine_of_row() >= 80 - engines), dtype=np.float64)


def codes(fleet: Fleet, rng: np.random.Generator) -> Array:
    """Statuses 0, 1, 2 at random, 9 in the last row."""
    return np.where(left(fleet) == 0, 9, rng.integers(0, 3, len(fleet.values)))


def wear(fleet: Fleet, rng: np.random.Generator, limit: float = 0.0, noise: float = 0.0) -> Array:
    """Rises to 1, or by ``limit`` more or less, in every engine by a law of its own."""
    law = of_engines(fleet, rng.uniform(1.5, 6, len(fleet.engines)))
    ends = of_engines(fleet, rng.normal(1, limit, len(fleet.engines)))
    return ends * share(fleet) ** law + rng.normal(0, noise, len(law)) * (noise > 0)


LEAKS: dict[str, tuple[Made, str]] = {
    "failed": (lambda f, _: failed(f), f"1 in engines' last rows alone: {END}"),
    "failed of 3 in 80": (lambda f, _: failed(f, 3), f"1 in engines' last rows alone: {END}"),
    "fine until the end": (lambda f, _: 1 - failed(f), f"0 in engines' last rows alone: {END}"),
    "status": (codes, f"9 in engines' last rows alone: {END}"),
    "last three rows": (lambda f, _: 1.0 * (left(f) < 3), f"1 in engines' last rows alone: {END}"),
    "read at the end": (lambda f, g: np.where(failed(f), g.normal(size=len(f.values)), np.nan), END),
    "rul": (lambda f, _: left(f), RUL),
    "minus rul in hours": (lambda f, _: 7 - 1.5 * left(f), RUL),
    "rul, clipped at 30": (lambda f, _: np.minimum(left(f), 30), RUL),
    "rul, clipped at 125": (lambda f, _: np.minimum(left(f), 125), RUL),
    "exp of rul": (lambda f, _: np.exp(-left(f) / 20), RUL),
    "rul in classes": (lambda f, _: np.digitize(left(f), [30, 70]) / 1.0, f"0 in engines' last rows alone: {END}"),
    "rul below 40": (lambda f, _: 1.0 * (left(f) < 40), f"1 in engines' last rows alone: {END}"),
    "pct_life": (lambda f, _: 100 * share(f), SHARE),
    "share of life left, squared": (lambda f, _: (1 - share(f)) ** 2, SHARE),
    "last tenth of life": (lambda f, _: np.maximum(share(f), 0.9), SHARE),
    "wear": (wear, "defines failure: engines end at"),
    "minus wear, noisy": (lambda f, g: -wear(f, g, 0.003, 0.003), "defines failure: engines end at"),
    "life": (lambda f, _: of_engines(f, f.lengths / 1.0), LIFE),
    "log of life": (lambda f, _: of_engines(f, -np.log(f.lengths)), LIFE),
}
SOUND: dict[str, Made] = {
    "age": lambda f, _: age(f),
    "age, squared": lambda f, _: age(f) ** 2,
    "wear to any level": lambda f, g: wear(f, g, 0.3),
    "steep wear": lambda f, g: wear(f, g, 0.3) ** 10,
    "noise": lambda f, g: g.normal(size=len(f.values)),
    "alarm that stays on": lambda f, g: 1.0 * (left(f) < of_engines(f, g.uniform(5, 60, len(f.engines)))),
    "rare pulses": lambda f, g: 1.0 * (g.random(len(f.values)) < 0.005),
    "pulse at one end": lambda f, _: failed(f, 1),
    "counter": lambda f, g: np.cumsum(g.random(len(f.values)) < 0.02) / 1.0,
    "load of four levels": lambda f, _: of_engines(f, np.digitize(f.lengths, np.quantile(f.lengths, [0.2, 0.5, 0.8]))),
    "number": lambda f, _: of_engines(f, np.arange(len(f.engines)) / 1.0),
    "goes somewhat with life": lambda f, g: of_engines(f, f.lengths * g.uniform(0.7, 1.3, len(f.engines))),
}


def chosen(path: Path, columns: Columns = COLUMNS, features: tuple[str, ...] = ()) -> TableSource:
    return select_columns(TableSource(path, columns, features), "none")


@pytest.mark.parametrize("name", LEAKS)
def test_a_leak_is_found_and_named(fleet: Fleet, written: Write, name: str) -> None:
    made, why = LEAKS[name]
    values = pl.Series(made(fleet, np.random.default_rng(0)), nan_to_null=True)
    source = chosen(written(as_table(fleet).with_columns(x=values)))
    assert why in source.left_out["x"]
    assert not [feature for feature in source.features if feature.startswith("x")]
    assert "s4" in source.features
    assert set(source.left_out) - {"x"} == set(chosen(written(as_table(fleet))).left_out)


@pytest.mark.parametrize("name", SOUND)
def test_what_a_running_engine_knows_is_a_feature(fleet: Fleet, written: Write, name: str) -> None:
    for seed in range(3):
        values = pl.Series(SOUND[name](fleet, np.random.default_rng(seed)))
        assert "x" in chosen(written(as_table(fleet).with_columns(x=values))).features


def test_what_follows_what_defines_failure_is_named_with_it(fleet: Fleet, written: Write) -> None:
    """Batteries of two capacities: the state of health ends at one level, the capacity at two."""
    soh, nominal = 1 - wear(fleet, np.random.default_rng(0)) / 5, of_engines(fleet, 2.5 + np.arange(80) % 2)
    found = chosen(written(as_table(fleet).with_columns(soh=pl.Series(soh), capacity=pl.Series(soh * nominal))))
    assert found.left_out["soh"] == "defines failure: engines end at 0.8 or less and hardly get there before"
    assert found.left_out["capacity"] == "is soh in another scale"


def test_leaks_are_found_by_a_target_and_by_uneven_times(fleet: Fleet, written: Write) -> None:
    """Engines that are recorded until some time before their end, RUL capped at 90; the share of whole lives is known."""
    every, cut = left(fleet), of_engines(fleet, np.arange(80) % 3 * 20.0)
    hours = age(fleet) + np.random.default_rng(1).uniform(0, 0.9, len(every))
    table = as_table(fleet).with_columns(
        hours=pl.Series(hours), rul=pl.Series(np.minimum(every, 90)), soon=pl.Series(np.minimum(every, 40) ** 2)
    )
    path = written(table.filter(pl.Series(every >= cut)))
    assert chosen(path, replace(COLUMNS, time="hours", target="rul")).left_out["soon"] == RUL
    whole = written(table.with_columns(left=pl.Series(every), done=pl.Series(share(fleet))))
    found = chosen(whole, replace(COLUMNS, time="hours")).left_out
    assert (found["left"], found["done"], found["soon"]) == (RUL, SHARE, RUL)


def test_features_overrule_and_the_table_is_marked(fleet: Fleet, written: Write) -> None:
    path = written(as_table(fleet).with_columns(failed=pl.Series(failed(fleet)), left=pl.Series(left(fleet))))
    found = chosen(path, features=("s4", "failed"))
    assert found.features == ("s4", "failed")
    assert found.left_out == {"failed": f"1 in engines' last rows alone: {END}"}
    assert found.columns.leaks == (f"failed (1 in engines' last rows alone: {END})",)
    assert Columns.from_json(found.columns.to_json()) == found.columns
    assert "leaks" not in chosen(path, features=("s4",)).columns.to_json()
    assert "leaks" not in chosen(path).columns.to_json()  # left out is not used
    named = select_columns(TableSource(path, COLUMNS, ("s4",)), "left").columns
    assert named.leaks == (f"left ({RUL})",)


def test_a_leak_sets_no_operating_condition(fleet: Fleet, written: Write) -> None:
    """Condition 1 in the last row alone, with a sensor that follows it."""
    rng, end = np.random.default_rng(0), failed(fleet)
    table = as_table(fleet).with_columns(end=pl.Series(end), follows=pl.Series(50 * end + rng.normal(size=len(end))))
    assert select_columns(TableSource(written(table), COLUMNS)).columns.settings == ()


def test_the_last_rows_of_a_long_table_are_looked_at(written: Write) -> None:
    """Of 120,000 rows every sixth is sampled, and all last ones."""
    lengths = 1_100 + 61 * np.arange(40)
    starts = np.concatenate([[0], np.cumsum(lengths)])
    made = Fleet("long", np.arange(40), starts, np.zeros((starts[-1], 0)), (), np.zeros(40))
    rng = np.random.default_rng(0)
    table = pl.DataFrame({
        "asset": made.engine_of_row(),
        "flight": age(made),
        "wear": wear(made, rng),
        "rul": np.sqrt(left(made)),
        "end": 1.0 * (left(made) == 0),
        "noise": rng.normal(size=len(made.values)),
    })  # fmt: skip
    found = chosen(written(table.sample(fraction=1.0, shuffle=True, seed=2)))
    assert set(found.left_out) == {"wear", "rul", "end"}


def sampled(rng: np.random.Generator, engines: int, columns: dict[str, Made]) -> Fleet:
    """Engines of 60 to 300 rows with columns drawn anew, as they are sampled from a table."""
    starts = np.concatenate([[0], np.cumsum(rng.integers(60, 300, engines))])
    made = Fleet("few", np.arange(engines), starts, np.zeros((starts[-1], 0)), (), np.zeros(engines))
    values = np.stack([make(made, rng) for make in columns.values()], axis=1)
    return replace(made, values=values, columns=tuple(columns), row_rul=age(made), time=age(made))


@pytest.mark.parametrize(("engines", "fleets"), [(3, 400), (4, 300), (5, 200), (8, 100), (12, 80), (20, 50)])
def test_small_fleets_raise_no_false_alarm(engines: int, fleets: int) -> None:
    """None of 15 sound columns in 400 fleets of 3 engines: below 0.8 % of such fleets (3 / 400, at 95 %)."""
    rng, columns = np.random.default_rng(engines), {n: m for n, m in SOUND.items() if n != "pulse at one end"}
    columns["constant"] = lambda f, g: of_engines(f, g.permutation(len(f.engines)) / 1.0)
    columns["walk"] = lambda f, g: np.cumsum(g.normal(size=len(f.values)))
    columns["steps"] = lambda f, g: np.round(wear(f, g, 0.2), 1)
    assert [name for _ in range(fleets) for name in leaks(sampled(rng, engines, columns))] == []


def test_few_engines_are_enough_for_rul_itself() -> None:
    columns: dict[str, Made] = {
        "clipped": lambda f, _: np.minimum(left(f), 30),
        "share": lambda f, _: share(f),
        "life": lambda f, _: of_engines(f, f.lengths + 4.0),
    }
    found = leaks(sampled(np.random.default_rng(0), 3, columns))
    assert found == {"clipped": RUL, "share": SHARE, "life": LIFE}
    assert leaks(sampled(np.random.default_rng(0), 2, columns)) == {}


def test_without_ties_the_correlation_is_spearmans() -> None:
    x, y = np.random.default_rng(0).normal(size=(2, 200))
    for values, clock in ((x, y), (x + y, y), (-x - 3 * y, y)):
        assert _correlation(values, clock) == pytest.approx(abs(spearmanr(values, clock).statistic))
    clock = np.array([0.0, 0, 1, 1, 2, 2])
    assert _correlation(np.array([5.0, 5, 7, 7, 7, 7]), clock) == 1
    assert _correlation(np.array([5.0, 6, 7, 7, 7, 7]), clock) < 1  # not the same where the clock is the same


@pytest.mark.parametrize("subset", ["FD001", "FD002", "FD003", "FD004"])
def test_no_sensor_of_cmapss_is_a_leak(cmapss_dir: Path, written: Write, subset: str) -> None:
    fleet = read_train(cmapss_dir, subset)
    whole = chosen(written(as_table(fleet)))
    assert set(whole.left_out.values()) <= {"constant", "constant within each condition", "no numbers"}
    for engines in (3, 5, 10):
        for seed in range(4):
            index = np.random.default_rng(seed).choice(len(fleet.engines), engines, replace=False)
            few = chosen(written(as_table(fleet.select(np.sort(index)))))
            assert set(few.left_out.values()) <= {"constant", "constant within each condition", "no numbers"}


def families() -> Path:
    beside = Path(__file__).parents[3] / "shared" / "fleets"
    folder = Path(os.environ.get("GRACE_FLEETS", beside))
    if not folder.exists():
        pytest.skip(f"no real fleets in GRACE_FLEETS nor in {beside}; see docs/your-own-engines.md")
    return folder


def failed_alone(rows: pl.DataFrame, units: pl.DataFrame) -> pl.DataFrame:
    return rows.join(units.filter(pl.col("failed") == 1).select("unit", "life"), on="unit")


def real() -> Iterator[tuple[str, pl.DataFrame, Columns, dict[str, str]]]:
    """Each family with what is left out, and as what: what its README names as failure, RUL, life and event."""
    at = families()

    def read(family: str, name: str) -> pl.DataFrame:
        return pl.read_csv(at / family / f"{name}.csv.gz", infer_schema_length=None)

    cells = Columns("unit", "cycle")
    for family, found in (
        ("battery_tju", {"soh": "defines", "capacity": "is soh"}),
        ("battery_hust", dict.fromkeys(("soh", "capacity"), "defines")),
    ):
        rows, units = read(family, "cycles"), read(family, "units")
        yield family, failed_alone(rows, units), cells, found | {"life": LIFE}
    runs = read("filter_esrel22", "runs").join(read("filter_esrel22", "units").select("unit", "n", "t"), on="unit")
    ends = {"dp_pa": "defines", "rul_s": RUL, "n": LIFE, "t": LIFE}
    yield "filter_esrel22", runs, Columns("unit", "time_s"), ends
    units = read("filter_phme20", "units").select("unit", "life_s")
    runs = read("filter_phme20", "runs").join(units, on="unit").filter(pl.col("time_s") <= pl.col("life_s"))
    yield "filter_phme20", runs, Columns("unit", "time_s"), {"dp_psi": "defines", "p_up_psi": "defines", "life_s": LIFE}
    bearings = read("bearing_femto", "features").join(read("bearing_femto", "units").select("unit", "life"), on="unit")
    yield "bearing_femto", bearings, Columns("unit", "t_s"), {"life": LIFE}
    disks = read("hdd_backblaze", "st3000dm001")
    yield "hdd_backblaze", disks, Columns("serial_number", "tstop"), {"fails": END}


def test_of_real_families_what_defines_failure_is_left_out_and_nothing_else(written: Write) -> None:
    """``soh``, ``capacity`` (``soh`` times a nominal one), ``dp_pa`` and ``dp_psi`` define failure; ``p_up_psi`` is
    ``dp_psi`` but for the outlet's pressure, near 0."""
    usual = {"constant", "constant within each condition", "no numbers"}
    for name, table, columns, expected in real():
        found = {column: why for column, why in chosen(written(table), columns).left_out.items() if why not in usual}
        assert found.keys() == expected.keys(), name
        assert all(expected[column] in why for column, why in found.items()), found


def test_of_few_units_of_real_families_no_other_column_is_left_out(written: Write) -> None:
    usual = {"constant", "constant within each condition", "no numbers"}
    for name, table, columns, expected in real():
        units = table[columns.engine].unique(maintain_order=True)
        for count in (3, 8):
            some = units.sample(count, seed=count)
            few = chosen(written(table.filter(pl.col(columns.engine).is_in(some.implode()))), columns)
            assert {c for c, why in few.left_out.items() if why not in usual} <= expected.keys(), name
