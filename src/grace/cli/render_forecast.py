"""Forecasts as a table on the screen or in a file."""

from __future__ import annotations

import csv
import io
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from grace.data.health_labels import STATES
from grace.errors import GraceError
from grace.files import write_text
from grace.training.model_file import TrainedNetwork
from grace.training.predict import Forecast

_SMALL = 20
"""Cap below which RUL is shown with two digits more: lives in days, say."""
_STYLES = ("green", "yellow", "red")


def show_forecast(found: Forecast, network: TrainedNetwork, path: Path | None) -> None:
    """Print a forecast as a table, or write it to a ``.csv`` or ``.json`` file."""
    if path is None:
        _show(found, network)
    else:
        _write(found, network, path)
        left = f", {len(found.left_out)} left out" if found.left_out else ""
        print(f"{path}: {len(found.engine)} engines{left}")


def _show(found: Forecast, network: TrainedNetwork) -> None:
    """A row an engine."""
    columns, cap = network.conventions.table, network.conventions.cap
    what, engine, time = "RUL after the last recorded cycle", "engine", "cycle"
    classes: tuple[str, ...] = STATES
    if columns is not None:
        what, engine, time = f"RUL in {columns.unit} after the last row", columns.engine, columns.time
        classes = columns.classes or STATES
    table = Table(
        *(Column(name, justify="right") for name in (engine, time, "RUL", "interval")),
        "health",
        *(["note"] if _noted(found) else []),
        title=f"{what}, {network.interval.level:.0%} interval",
        title_justify="left",
    )
    digits = 0 if cap >= _SMALL else 2
    for i in range(len(found.engine)):
        high = f"{found.high[i]:.{digits}f}" if found.high[i] < cap else f"{cap:g} or more"
        state = int(found.health[i])
        table.add_row(
            str(found.engine[i]),
            str(found.cycle[i]),
            "-" if math.isnan(found.rul[i]) else f"{found.rul[i]:.{digits + 1}f}",
            "unknown" if math.isnan(found.low[i]) else f"{found.low[i]:.{digits}f} to {high}",
            Text(classes[state], _STYLES[state]),
            *([str(found.note[i])] if _noted(found) else []),
        )
    for name, why in found.left_out.items():
        table.add_row(str(name), "", "", "", "", f"not predicted: {why}")
    Console().print(table)


def _write(found: Forecast, network: TrainedNetwork, path: Path) -> None:
    """Whole or not at all; of a table with its own names and the unit of RUL."""
    columns = network.conventions.table
    engine, time = ("engine", "cycle") if columns is None else (columns.engine, columns.time)
    own = {"rul": found.rul, "low": found.low, "high": found.high, "health": found.health}
    if columns is not None:
        own["rul_unit"] = np.full(len(found.engine), columns.unit)
    if _noted(found):
        own["note"] = found.note
    shown = (engine, time, *(_free(name, (engine, time)) for name in own))
    every = zip(found.engine, found.cycle, *own.values(), strict=True)
    rows = [dict(zip(shown, map(_plain, row), strict=True)) for row in every]
    for name, why in found.left_out.items():
        rows.append(dict.fromkeys(shown) | {engine: name, shown[-1]: f"not predicted: {why}"})
    if path.suffix == ".json":
        write_text(path, json.dumps(rows, indent=1) + "\n")
    elif path.suffix == ".csv":
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(shown)
        writer.writerows(["" if value is None else value for value in row.values()] for row in rows)
        write_text(path, text.getvalue())
    else:
        raise GraceError(f"`--to` should end in .csv or .json. Found {path.name!r}.")


def _free(name: str, taken: tuple[str, ...]) -> str:
    """A name of ours that the table's own columns leave free: nothing is written over."""
    while name in taken:
        name = f"predicted_{name}"
    return name


def _noted(found: Forecast) -> bool:
    """Whether there is something to note of an engine: else there is no column for it."""
    return bool(found.left_out) or any(found.note)


def _plain(value: Any) -> Any:
    """A number, a name or a date as JSON has it; floats to three decimals, NaN as None."""
    if isinstance(value, np.floating):
        return None if math.isnan(value) else round(float(value), 3)
    return int(value) if isinstance(value, np.integer) else str(value)
