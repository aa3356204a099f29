"""Trainings and forecasts as rich tables."""

from __future__ import annotations

import csv
import io
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from grace.errors import GraceError
from grace.files import write_text

if TYPE_CHECKING:
    from grace.training.model_file import TrainedNetwork
    from grace.training.predict import Forecast
    from grace.training.record import Record

HEALTH = ("healthy", "degrading", "critical")
HEALTH_STYLES = ("green", "yellow", "red")


def show_run(record: Record, path: Path, console: Console | None = None) -> None:
    """Figures of a finished run."""
    out = console or Console()
    spec = record.spec
    if record.status != "done":
        return
    unit = unit_of(spec)
    counted = "" if unit == "cycles" else f"; RUL in {unit}"
    table = Table(title=f"{spec['dataset']}, {spec['method']}, seed {spec['seed']}{counted}", title_justify="left")
    for name in ("", "RMSE", "score", "RMSE uncapped", "score uncapped", "health macro-F1"):
        table.add_column(name, justify="left" if not name else "right")
    optimistic = " (chosen on it: optimistic)" if spec["protocol"] == "source" else ""
    for name, figures in (("validation", record.validation), (f"test{optimistic}", record.test)):
        if figures:
            digits = {"score": 0, "score_uncapped": 0, "macro_f1": 3}
            names = ("rmse", "score", "rmse_uncapped", "score_uncapped", "macro_f1")
            table.add_row(name, *(f"{figures[key]:.{digits.get(key, 2)}f}" for key in names))
    out.print(table)
    if words := _error(record):
        out.print(words, style="dim")
    out.print(_interval(record), style="dim")
    out.print(
        f"epoch {record.best_epoch + 1} of {len(record.history)} kept, chosen on the "
        f"{'test' if optimistic else 'validation'} windows; {record.steps:,} steps, {record.seconds:.0f} s; run {record.id}",
        style="dim",
    )
    out.print(f"{path}", highlight=False)


def unit_of(spec: dict[str, Any]) -> str:
    """Unit of RUL of a run, from its spec as JSON values."""
    return str((spec["conventions"].get("table") or {"unit": "cycles"})["unit"])


def _error(record: Record) -> str:
    """What another draw of test engines would move; seeds do not show it."""
    from grace.bench.summary import engine_error

    errors = [engine_error([record], capped) for capped in (True, False)]
    if math.isnan(errors[0]):
        return ""
    count = len(record.predictions["true"])
    return (
        f"standard error of the test RMSE over its {count} engines: {errors[0]:.2f}, uncapped {errors[1]:.2f}; one seed"
    )


def _interval(record: Record) -> str:
    half, level = record.interval["half_width"], record.interval["level"] or 0.0
    if half is None or half == float("inf"):
        return f"no {level:.0%} interval: too few validation engines for that level"
    covered = record.interval.get("coverage")
    checked = "" if covered is None else f"; on the test engines it covers {covered:.0%}"
    return f"{level:.0%} interval: RUL +- {half:.1f} {unit_of(record.spec)}, from the validation engines{checked}"


def show_forecast(found: Forecast, network: TrainedNetwork, console: Console | None = None) -> None:
    """A row an engine."""
    columns = network.conventions.table
    counted = "" if columns is None else f" in {columns.unit}"
    table = Table(
        title=f"RUL{counted} after the last recorded cycle, {network.level:.0%} interval", title_justify="left"
    )
    if columns is not None:
        table.title = f"RUL{counted} after the last row, {network.level:.0%} interval"
    engine, time = ("engine", "cycle") if columns is None else (columns.engine, columns.time)
    for name in (engine, time, "RUL", "interval", "health"):
        table.add_column(name, justify="left" if name == "health" else "right")
    classes = HEALTH if columns is None else columns.classes or HEALTH
    cap = network.conventions.cap
    for i in range(len(found.engine)):
        high = f"{found.high[i]:.0f}" if found.high[i] < cap else f"{cap} or more"
        state = int(found.health[i])
        table.add_row(
            str(found.engine[i]),
            str(found.cycle[i]),
            "-" if math.isnan(found.rul[i]) else f"{found.rul[i]:.1f}",
            "unknown" if math.isnan(found.low[i]) else f"{found.low[i]:.0f} to {high}",
            Text(classes[state], HEALTH_STYLES[state]),
        )
    (console or Console()).print(table)


def write_forecast(found: Forecast, path: Path, network: TrainedNetwork) -> None:
    """Write a forecast as ``.csv`` or ``.json``, whole or not at all; of a table with its own names and the unit of RUL.

    Raises:
        GraceError: Another ending, or the file cannot be written.
    """
    names = ("engine", "cycle", "rul", "low", "high", "health")
    columns = network.conventions.table
    shown = names if columns is None else (columns.engine, columns.time, *names[2:])
    unit = {} if columns is None else {"unit": columns.unit}
    rows = [
        {name: _plain(value) for name, value in zip(shown, row, strict=True)} | unit
        for row in zip(*(getattr(found, name) for name in names), strict=True)
    ]
    if path.suffix == ".json":
        write_text(path, json.dumps(rows, indent=1) + "\n")
    elif path.suffix == ".csv":
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow((*shown, *unit))
        writer.writerows(["" if value is None else value for value in row.values()] for row in rows)
        write_text(path, text.getvalue())
    else:
        raise GraceError(f"`--to` should end in .csv or .json. Found {path.name!r}.")


def _plain(value: Any) -> Any:
    """A number, a name or a date as JSON has it; floats to three decimals, NaN as None."""
    if isinstance(value, np.floating):
        return None if math.isnan(value) else round(float(value), 3)
    return int(value) if isinstance(value, np.integer) else str(value)
