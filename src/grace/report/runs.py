"""One record as columns of rounded numbers: small enough for hundreds of runs on one page."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from grace.report.estimates import VIEWS, figures
from grace.training.record import Record

MEASURED = ("ratio", "rho", "rho_low", "rho_high")
"""Columns of an epoch that only methods with a Gramian have."""


def run_of(record: Record) -> dict[str, Any]:
    """What the page shows of one run.

    Columns are lists over epochs (``losses`` and ``weights`` one list a task) or over test engines (``rul``); ``engines`` holds
    the numbers of the engines and their true RUL, cycles, which runs of one data set share.

    Raises:
        KeyError, TypeError, ValueError: A field is missing, or of another kind than a record has.
    """
    spec, history, interval = record.spec, record.history, record.interval
    predictions = {name: [optional(v) for v in record.predictions.get(name, [])] for name in ("engine", "true", "rul")}
    if len({len(column) for column in predictions.values()}) > 1:
        raise ValueError("columns of predictions of different length")
    run = {
        "dataset": text(spec["dataset"]),
        "method": text(spec["method"]),
        "seed": int(number(spec["seed"])),
        "protocol": text(spec["protocol"]),
        "unit": text(spec["rul_scale"]),
        "cap": number(spec["conventions"]["cap"]),
        "figures": {view: [number(v) for v in pair] for view in VIEWS if (pair := figures(record, view))},
        "best": int(number(record.best_epoch)),
        "losses": _by_task(epoch["losses"] for epoch in history),
        "weights": _by_task(epoch["weights"] for epoch in history),
        "validation": [short(optional(epoch["validation_rmse"])) for epoch in history],
        "half": short(optional(interval.get("half_width"))),
        "level": optional(interval.get("level")),
        "coverage": short(optional(interval.get("coverage"))),
        "rul": [short(v) for v in predictions["rul"]],
        "engines": {name: predictions[name] for name in ("engine", "true")},
    }
    for name in MEASURED:
        column = [short(optional(epoch.get(name))) for epoch in history]
        if any(value is not None for value in column):
            run[name] = column
    return run


def _by_task(rows: Iterable[Iterable[object]]) -> list[list[float | None]]:
    return [list(column) for column in zip(*([short(optional(v)) for v in row] for row in rows), strict=True)]


def number(value: object) -> float:
    """A finite number as it is.

    Raises:
        TypeError: It is something else.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise TypeError(f"{value!r:.40} where a number should be")
    return value


def optional(value: object) -> float | None:
    """A finite number, or None.

    Raises:
        TypeError: It is something else.
    """
    return None if value is None else number(value)


def text(value: object) -> str:
    """A string as it is.

    Raises:
        TypeError: It is something else.
    """
    if not isinstance(value, str):
        raise TypeError(f"{value!r:.40} where text should be")
    return value


def short(value: float | None) -> float | None:
    """Four significant digits: more than a chart can show."""
    if value is None:
        return None
    kept = float(f"{value:.4g}")
    return int(kept) if kept.is_integer() else kept
