"""A backtest says at each inspection what a prediction of the table cut there says; forecasts as frames."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest

import grace
from grace.cli.render_forecast import show_forecast
from grace.errors import GraceWarning
from grace.survival.replacement import Costs
from grace.training.forecast import Forecast
from grace.training.model_file import TrainedNetwork, load_model, save_model
from grace.training.run import train
from grace.training.run_spec import run_spec

WINDOW = 8
NUMBERS = ("rul", "low", "high")


def trained(folder: Path, fleet: pl.DataFrame, columns: grace.Columns) -> TrainedNetwork:
    conventions = grace.Conventions(window=WINDOW, features=("wear",), cap=40, health_cuts=(20, 8), table=columns)
    save_model(folder / "net", train(run_spec("made", model="ridge", conventions=conventions), fleet))
    return load_model(folder / "net")


def rows(units: int = 60) -> pl.DataFrame:
    """Units of 21 to 40 rows, two hours apart; unit 3 has a gap, unit 5 a reading of a million."""
    rng = np.random.default_rng(0)
    length = rng.integers(21, 41, units)
    unit, row = np.repeat(np.arange(units), length), np.concatenate([np.arange(n) for n in length])
    left = np.repeat(length, length) - row
    return pl.DataFrame({"id": unit, "row": row, "wear": 50.0 - left + rng.normal(size=len(row))})


def numbers(table: pl.DataFrame) -> pl.DataFrame:
    return table.select("id", hour=2.0 * pl.col("row"), wear="wear")


def dates(table: pl.DataFrame) -> pl.DataFrame:
    hours = pl.datetime(2024, 2, 28) + pl.duration(hours=2 * pl.col("row"))
    return table.select(pl.format("pump {}", "id").alias("id"), hours.alias("hour"), "wear")


def intervals(table: pl.DataFrame) -> pl.DataFrame:
    """Of rows that hold for an hour and a half, so that there are gaps; the last ones for an hour."""
    start = 2.0 * pl.col("row")
    last = pl.col("row") == pl.col("row").max().over("id")
    return table.select("id", since=start, hour=start + pl.when(last).then(1.0).otherwise(1.5), wear="wear")


def dated_intervals(table: pl.DataFrame) -> pl.DataFrame:
    origin = pl.datetime(2024, 2, 28)
    times = [(origin + pl.duration(minutes=60 * pl.col(name))).alias(name) for name in ("since", "hour")]
    return intervals(table).with_columns(times)


TABLES = {
    numbers: grace.Columns("id", "hour", unit="hours"),
    dates: grace.Columns("id", "hour", unit="hours"),
    intervals: grace.Columns("id", "hour", unit="hours", start="since"),
    dated_intervals: grace.Columns("id", "hour", unit="hours", start="since"),
}


def damaged(table: pl.DataFrame) -> pl.DataFrame:
    """A few units, one with a spike and one with a gap."""
    spike, gap = (pl.col("id") == 5) & (pl.col("row") == 12), (pl.col("id") == 3) & (pl.col("row") == 15)
    wear = pl.when(spike).then(1e6).when(gap).then(None).otherwise("wear").alias("wear")
    return table.filter(pl.col("id").is_in([0, 3, 5])).with_columns(wear)


@pytest.mark.parametrize("made", TABLES, ids=lambda made: made.__name__)
@pytest.mark.parametrize("every", [1, 7, 100])
def test_an_inspection_is_a_prediction_of_the_table_cut_there(tmp_path: Path, made, every: int) -> None:  # type: ignore[no-untyped-def]
    network = trained(tmp_path, made(rows()), TABLES[made])
    table = made(damaged(rows()))
    found, order = grace.predict(network, table, every), table.group_by("id", maintain_order=True)
    lengths = [len(part) for _, part in order]
    assert len(found.engine) == sum(-(-n // every) for n in lengths)
    place = 0
    for _, part in order:
        for row in range((len(part) - 1) % every, len(part), every):
            alone = grace.predict(network, part[: row + 1])
            assert (alone.engine[0], alone.cycle[0]) == (found.engine[place], found.cycle[place])
            for name in NUMBERS:
                assert getattr(found, name)[place] == pytest.approx(getattr(alone, name)[0], abs=1e-4)
            assert found.health[place] == alone.health[0]
            assert found.note[place] == alone.note[0]
            place += 1
    np.testing.assert_array_equal(found.engine[found.last], grace.predict(network, table).engine)


@pytest.fixture(scope="module")
def of_intervals(tmp_path_factory: pytest.TempPathFactory) -> TrainedNetwork:
    """A model without hazards, whose curves end at the cap of 40 hours, with costs."""
    conventions = grace.Conventions(
        window=WINDOW, features=("wear",), cap=40, health_cuts=(20, 8), table=TABLES[intervals]
    )
    net = tmp_path_factory.mktemp("intervals") / "net"
    save_model(net, train(run_spec("made", model="ridge", conventions=conventions, folds=4), intervals(rows())))
    return load_model(net)


def held_for(hours: dict[int, float]) -> pl.DataFrame:
    """Units cut after 15 rows, the last of which hold for some hours, by the unit."""
    last = pl.col("since") == pl.col("since").max().over("id")
    table = intervals(rows()).filter(pl.col("id").is_in(list(hours)), pl.col("since") < 30)
    held = pl.col("id").replace_strict(hours, return_dtype=pl.Float64)
    return table.with_columns(hour=pl.when(last).then(pl.col("since") + held).otherwise("hour"))


def test_what_is_told_of_a_unit_does_not_depend_on_the_others(of_intervals: TrainedNetwork) -> None:
    hours = {3: 0.5, 5: 12.0, 7: 39.0, 9: 40.0, 11: 60.0}
    asked = {"within": (0.5, 28.0, 35.0), "costs": Costs(10, 1)}
    found = grace.predict(of_intervals, held_for(hours), **asked)  # type: ignore[arg-type]
    columns = found.ahead.columns
    for i, (unit, held) in enumerate(hours.items()):
        alone = grace.predict(of_intervals, held_for({unit: held}), **asked)  # type: ignore[arg-type]
        for name, values in alone.ahead.columns.items():
            np.testing.assert_allclose(columns[name][i], values[0], rtol=1e-9, err_msg=name)
        assert found.note[i] == alone.note[0]
        for horizon in asked["within"]:  # type: ignore[attr-defined]
            assert np.isnan(columns[f"fails_within_{horizon:g}"][i]) == (horizon > 40 - held)
        assert np.isnan(columns["expected_cost"][i]) == (held >= 40)
    said = "failures are told up to 40 hours after the start of the row, which stopped {} after it"
    assert [note.split("; ")[-1] for note in found.note[2:]] == [said.format(held) for held in (39, 40, 60)]
    assert found.note[0] == ""
    assert found.note[1].endswith("which stopped 12 after it")  # 35 hours are not told of it
    some = grace.predict(of_intervals, held_for(hours), within=(0.5,))
    assert some.note[:3].tolist() == [""] * 3
    frame = found.to_polars()
    assert frame["fails_within_0.5"].is_null().to_list() == [False, False, False, True, True]


def test_units_of_which_nothing_is_told_on_the_screen(
    of_intervals: TrainedNetwork, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "220")
    found = grace.predict(of_intervals, held_for({3: 0.5, 11: 60.0}), within=(30,), costs=Costs(10, 1))
    show_forecast(found, of_intervals, None)
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("│ 11 ")]
    assert [cell.strip() for cell in line.split("│")[5:8]] == ["-", "-", "-"]
    assert "nan" not in line


ZONE = "Europe/Berlin"


def test_times_keep_their_zone(network: TrainedNetwork) -> None:
    """As clocks there show them, across the change to summer time, on 31 March 2024."""
    table = dates(damaged(rows())).with_columns(
        hour=pl.col("hour").dt.offset_by("30d").dt.replace_time_zone("UTC").dt.convert_time_zone(ZONE)
    )
    found = grace.predict(network, table, every=1)
    frame, pandas = found.to_polars(), found.to_pandas()
    order = table.sort("id", "hour")
    assert frame["hour"].to_list() == order["hour"].to_list()
    assert frame["hour"].dtype == pl.Datetime("us", ZONE)
    assert len({time.utcoffset() for time in frame["hour"]}) == 2
    assert str(pandas["hour"].dt.tz) == ZONE
    assert [time.isoformat() for time in pandas["hour"]] == [time.isoformat() for time in order["hour"]]
    (spike,) = [note for note in found.note if note.startswith("spike")][:1]
    assert " at hour 2024-03-30T01:00:00+01:00, " in spike
    naive = grace.predict(
        network, table.with_columns(pl.col("hour").dt.convert_time_zone("UTC").dt.replace_time_zone(None)), 1
    )
    np.testing.assert_array_equal(found.cycle, naive.cycle)
    np.testing.assert_array_equal(found.rul, naive.rul)
    assert naive.to_polars()["hour"].dtype == pl.Datetime("us")


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> TrainedNetwork:
    return trained(tmp_path_factory.mktemp("inspections"), dates(rows()), TABLES[dates])


@pytest.fixture(scope="module")
def found(network: TrainedNetwork) -> Forecast:
    """Three units, and a fourth that cannot be read."""
    bad = rows().filter(pl.col("id") == 1).with_columns(wear=float("inf"))
    with pytest.warns(GraceWarning, match="1 engine left out"):
        return grace.predict(network, dates(pl.concat([damaged(rows()), bad])), every=10)


def test_a_frame_of_polars(found: Forecast) -> None:
    frame = found.to_polars()
    assert frame.columns == ["id", "hour", "rul", "low", "high", "rul_unit", "health", "note"]
    assert frame["hour"].dtype.is_temporal()
    assert frame["rul"][:-1].to_list() == found.rul.tolist()
    assert frame.row(-1)[:7] == ("pump 1", *[None] * 6)
    assert frame["note"][-1].startswith("not predicted: ")
    assert frame["rul_unit"].drop_nulls().unique().to_list() == ["hours"]


def test_a_frame_of_pandas_holds_the_same(found: Forecast) -> None:
    frame, expected = found.to_pandas(), found.to_polars()
    assert isinstance(frame, pd.DataFrame)
    assert list(frame.columns) == expected.columns
    assert frame["hour"].dtype.kind == "M"
    assert frame["rul"].isna().tolist() == expected["rul"].is_null().to_list()
    np.testing.assert_array_equal(frame["rul"][:-1], found.rul)
    assert frame["note"].tolist() == expected["note"].to_list()


def test_probabilities_where_health_was_trained(tmp_path: Path) -> None:
    from dataclasses import replace

    from grace.training.schedule import SCHEDULES

    columns = TABLES[numbers]
    conventions = grace.Conventions(window=WINDOW, features=("wear",), cap=40, health_cuts=(20, 8), table=columns)
    plan = replace(SCHEDULES["tiny"], epochs=1, steps=4)
    spec = run_spec("made", "grace", size="tiny", schedule=plan, conventions=conventions)
    save_model(tmp_path / "net", train(spec, numbers(rows())))
    found = grace.predict(load_model(tmp_path / "net"), numbers(rows()))
    shares = found.to_polars().select("p_healthy", "p_degrading", "p_critical").to_numpy()
    np.testing.assert_allclose(shares.sum(axis=1), 1, atol=1e-6)
    np.testing.assert_array_equal(shares.argmax(axis=1), found.health)


@pytest.mark.parametrize("every", [0, -3])
def test_every_is_at_least_a_row(network: TrainedNetwork, every: int) -> None:
    with pytest.raises(grace.GraceError, match=f"`every` should be at least 1 row. Found {every}"):
        grace.predict(network, dates(rows()), every)


def test_a_fleet_of_c_mapss_counts_its_rows(tmp_path: Path) -> None:
    fleet, new = grace.simulate(grace.Simulation(engines=12, test_engines=3))
    save_model(tmp_path / "net", train(run_spec("simulated", model="ridge"), fleet))
    found = grace.predict(load_model(tmp_path / "net"), new, every=25)
    expected = [row + 1 for length in new.lengths for row in range((int(length) - 1) % 25, int(length), 25)]
    assert found.cycle.tolist() == expected
    assert list(found.columns()) == ["engine", "cycle", "rul", "low", "high", "health", "note"]
