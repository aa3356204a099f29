"""What `grace predict` prints of lives that are short in their unit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

import grace
from grace.cli.render_data import scales_line
from grace.cli.render_forecast import show_forecast
from grace.training.model_file import load_model, save_model
from grace.training.run import train
from grace.training.run_spec import run_spec
from grace.training.schedule import SCHEDULES


@pytest.mark.parametrize("scale", [1, 200])
def test_rul_of_short_lives_has_two_digits_more(tmp_path: Path, capsys: pytest.CaptureFixture[str], scale: int) -> None:
    """Cycles as they are, with a cap above 100, and in units of 200 of them, with one below 2."""
    fleet = grace.simulate(grace.Simulation(engines=12))[0]
    wear = fleet.taken(next(fleet.chunks()), ("sensor_2",))[:, 0]
    rows = pl.DataFrame({"id": fleet.engine_of_row(), "wear": wear})
    rows = rows.with_columns(t=pl.int_range(pl.len()).over("id") / scale)
    columns = grace.Columns("id", "t", unit="lives")
    read = grace.read_table(rows, columns, ("wear",))
    conventions = grace.Conventions(features=("wear",), table=columns).scaled_to(read)
    plan = replace(SCHEDULES["tiny"], epochs=1)
    save_model(
        tmp_path / "net", train(run_spec("t", "rul-only", size="tiny", schedule=plan, conventions=conventions), read)
    )
    network = load_model(tmp_path / "net")
    found = grace.predict(network, rows)
    show_forecast(found, network, None)
    line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("│  0 "))
    assert line.split("│")[3].strip() == f"{found.rul[0]:.{1 if scale == 1 else 3}f}"


@pytest.mark.parametrize(("cap", "said"), [(4.9, True), (5, False), (125, False)])
def test_a_cap_of_few_units_asks_for_a_smaller_one(cap: float, said: bool) -> None:
    conventions = grace.Conventions(
        cap=cap, health_cuts=(0.5 * cap, 0.2 * cap), table=grace.Columns("id", "t", unit="days")
    )
    assert ("a smaller unit of time would show more" in scales_line(conventions)) is said
