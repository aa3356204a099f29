"""Forecasts as a table on the screen or in a file."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import polars as pl
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from grace.cli.say import answer, evidence
from grace.data.zones import text_of_time
from grace.errors import GraceError
from grace.files import replacing
from grace.training.forecast import Forecast
from grace.training.maintenance import Replacement, written
from grace.training.model_file import TrainedNetwork
from grace.training.words import SMALL, of_forecast, predicted

ENDINGS = (".csv", ".parquet", ".json")
_STYLES = ("green", "yellow", "red")


def check_ending(path: Path | None) -> None:
    """Refuse a file of no kind that forecasts are written to, before anything is predicted."""
    if path is not None and path.suffix not in ENDINGS:
        raise GraceError(f"`--to` should end in {', '.join(ENDINGS[:-1])} or {ENDINGS[-1]}. Found {path.name!r}.")


def show_forecast(found: Forecast, network: TrainedNetwork, path: Path | None) -> None:
    """Print the answer, and a forecast as a table, or write it to a file."""
    check_ending(path)
    if path is not None:
        _write(found, path)
    answer(of_forecast(found))
    count = f"{len(found.last):,} engines"
    if len(found.last) < len(found.engine):
        count = f"{len(found.engine):,} inspections of {count}"
    if path is None:
        _show(found, network)
        if len(found.last) < len(found.engine):
            evidence(f"{count}; shown is the last one of each. `--to FILE` writes all.")
    else:
        left = f", {len(found.left_out)} left out" if found.left_out else ""
        evidence(f"{path}: {count}{left}")


def _show(found: Forecast, network: TrainedNetwork) -> None:
    """A row an engine."""
    conventions = network.conventions
    what = "RUL after the last recorded cycle"
    if conventions.table is not None:
        what = f"RUL in {conventions.unit} after the last row"
    noted = bool(found.left_out) or any(found.note[found.last])
    table = Table(
        *(Column(name, justify="right") for name in (*found.names, "RUL", "interval", *_ahead(found))),
        "health",
        *found.tasks,
        *(["note"] if noted else []),
        title=f"{what}, {network.interval.level:.0%} interval",
        title_justify="left",
    )
    for i in found.last:
        table.add_row(*_cells(found, int(i)), *_task_cells(found, int(i)), *([str(found.note[i])] if noted else []))
    for name, why in found.left_out.items():
        table.add_row(str(name), *[""] * (4 + len(_ahead(found)) + len(found.tasks)), f"not predicted: {why}")
    Console(markup=False).print(table)
    if found.ahead.replacement is not None:
        _show_policies(found.ahead.replacement, conventions.unit)


def _cells(found: Forecast, i: int) -> tuple[str | Text, ...]:
    """Engine, time, RUL, interval and health state."""
    state, digits = int(found.health[i]), 0 if found.conventions.cap >= SMALL else 2
    return (
        str(found.engine[i]),
        text_of_time(found.cycle, i),
        *predicted(found, i),
        *_ahead_cells(found, i, digits),
        Text(found.states[state], _STYLES[state]),
    )


def _task_cells(found: Forecast, i: int) -> list[str]:
    """What is told of each task: a value, or the most probable class and its probability."""
    classes, cells = {task.name: task.classes for task in found.conventions.tasks}, []
    for name, told in found.tasks.items():
        one = told[i]
        cells.append(f"{one:.4g}" if one.ndim == 0 else f"{classes[name][one.argmax()]} ({one.max():.0%})")
    return cells


def _ahead(found: Forecast) -> list[str]:
    """Names of the columns on failures and dates, of few words."""
    names = [f"fails within {written(horizon)}" for horizon in found.ahead.within]
    return names + (["replace in", "cost until then"] if found.ahead.replacement is not None else [])


def _ahead_cells(found: Forecast, i: int, digits: int) -> list[str]:
    cells = ["-" if math.isnan(values[i]) else f"{values[i]:.0%}" for values in found.ahead.within.values()]
    if found.ahead.replacement is not None:
        plans = found.ahead.replacement.plans
        date = plans.time[i]
        if math.isnan(date):  # of this unit nothing is told, which its note says
            return [*cells, "-", "-"]
        cells += [
            "now" if date == 0 else f"{date:.{digits}f}" if math.isfinite(date) else "not planned",
            f"{plans.cost[i]:.4g}",
        ]
    return cells


def _show_policies(found: Replacement, unit: str) -> None:
    """What each policy costs in the long run, and whether plans are cheaper."""
    out = Console(markup=False)
    fixed = f"at {found.age:,.4g} {unit}" if math.isfinite(found.age) else "none"
    names = {"plans": "dates as above", "fixed age": f"best fixed age ({fixed})", "run to failure": "run to failure"}
    said = "; ".join(
        f"{names[name]} {span.value:.4g} [{span.low:.4g}, {span.high:.4g}]" for name, span in found.rates.items()
    )
    out.print(
        f"cost per {unit.removesuffix('s')} in the long run, out of fold: {said}", highlight=False, soft_wrap=True
    )
    less, (gone, units) = found.less, found.uninspected
    if gone:
        line = (
            f"note: {gone:,} of {units:,} units have none of the rows that dates were tried at, and count as run to failure with "
            "them: dates are cheaper than this says"
        )
        out.print(line, style="yellow", highlight=False)
    elif not less.high < 0:
        words = f"difference {less.value:+.3g} [{less.low:+.3g}, {less.high:+.3g}]"
        beside = (
            "the best fixed age, {}: replace at that age" if math.isfinite(found.age) else "run to failure, {}: so run"
        )
        line = f"note: these dates are not measurably cheaper than {beside.format(words)}"
        out.print(line, style="yellow", highlight=False)


def _write(found: Forecast, path: Path) -> None:
    """All predictions, by the ending, whole or not at all."""
    frame = found.written()
    with replacing(path) as part:
        if path.suffix == ".parquet":
            frame.write_parquet(part)
            return
        frame = _in_text(frame, found.names[1])
        with part.open("w", encoding="utf-8", newline="") as file:
            if path.suffix == ".json":
                file.write(json.dumps(frame.to_dicts(), indent=1) + "\n")
                return
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(frame.columns)
            writer.writerows(frame.iter_rows())


def _in_text(frame: pl.DataFrame, time: str) -> pl.DataFrame:
    """A frame as text files have it: dates with their offset from UTC where they have a zone, durations as h:mm:ss, and numbers
    of single precision with the digits that they have there."""
    short = pl.selectors.by_dtype(pl.Float32).cast(pl.String).cast(pl.Float64)
    if not frame[time].dtype.is_temporal():
        return frame.with_columns(short)
    said = [None if t is None else getattr(t, "isoformat", t.__str__)() for t in frame[time]]
    return frame.with_columns(short, pl.Series(time, said, dtype=pl.String))
