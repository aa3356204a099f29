"""Records and forecasts in a sentence, the same in a terminal and in a notebook; and their cards."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from grace.core.stats import UNCLEAR
from grace.data.zones import text_of_time
from grace.html import Bar, card, curve, intervals, said, table

if TYPE_CHECKING:
    from grace.training.forecast import Forecast
    from grace.training.record import Record

SMALL = 20
"""Cap below which RUL is shown with two digits more: lives in days, say."""
MOST = 20
"""Engines that a card draws, those with the least RUL."""
FIGURES = {
    "rmse": ("RMSE", 2),
    "score": ("score", 0),
    "rmse_uncapped": ("RMSE uncapped", 2),
    "score_uncapped": ("score uncapped", 0),
    "macro_f1": ("health macro-F1", 3),
}
"""What the figures of a record are called, and their decimals."""


def unit_of(spec: dict[str, Any]) -> str:
    """Unit of RUL of a run, from its spec as JSON values."""
    return str((spec["conventions"].get("table") or {"unit": "cycles"})["unit"])


def held_out(record: Record) -> str:
    """What the validation figures of a record are of."""
    return "out of fold" if record.spec.get("folds", 0) else "validation"


def of_record(record: Record) -> str:
    """RMSE of the engines that were held out and of the test engines; of a run that failed, why."""
    if "rmse" not in record.validation:
        return record.reason or record.status
    found = [f"{held_out(record)} RMSE {record.validation['rmse']:.2f}"]
    found += [f"test RMSE {record.test['rmse']:.2f}"] if record.test else []
    return f"{', '.join(found)} {unit_of(record.spec)}"


def card_of_record(record: Record) -> str:
    """Figures, doubts, and the RMSE of held-out engines along the epochs."""
    spec, names = record.spec, [name for name in FIGURES if name in record.validation]
    sides = ((held_out(record), record.validation), ("test", record.test))
    rows = [(side, *(f"{found[name]:.{FIGURES[name][1]}f}" for name in names)) for side, found in sides if found]
    epochs = [math.nan if (value := entry.get("validation_rmse")) is None else value for entry in record.history]
    return card(
        f"{spec['dataset']}, {spec['method']}, seed {spec['seed']}",
        said(of_record(record), kind="answer"),
        said(*record.concerns),
        curve(epochs, f"RMSE of held-out engines by epoch, {unit_of(spec)}"),
        table(("", *(FIGURES[name][0] for name in names)), rows) if rows else "",
        said(f"{record.steps:,} steps, {record.seconds:.0f} s; run {record.id}", kind="dim"),
    )


def predicted(found: Forecast, i: int) -> tuple[str, str]:
    """RUL of a prediction, and its interval; the cap stands for "the cap or more"."""
    cap = found.conventions.cap
    digits = 0 if cap >= SMALL else 2
    high = f"{found.high[i]:.{digits}f}" if found.high[i] < cap else f"{cap:g} or more"
    rul = "-" if math.isnan(found.rul[i]) else f"{found.rul[i]:.{digits + 1}f}"
    return rul, "unknown" if math.isnan(found.low[i]) else f"{found.low[i]:.{digits}f} to {high}"


def of_forecast(found: Forecast) -> str:
    """Which engine has the least RUL left, how many are critical and, where costs were named, to be replaced now."""
    count = f"{len(found.last):,} engine{'s' * (len(found.last) != 1)}"
    known = [int(i) for i in found.last if not math.isnan(found.rul[i])]
    if not known:
        return f"{count}; of none RUL is known"
    least = min(known, key=lambda i: float(found.rul[i]))
    rul, interval = predicted(found, least)
    critical = sum(int(found.health[i]) == len(found.states) - 1 for i in found.last)
    words = f"{count}, {critical:,} {found.states[-1]}"
    if (replacement := found.ahead.replacement) is not None:
        words += f", {sum(float(replacement.plans.time[i]) == 0 for i in found.last):,} to be replaced now"
    return f"{words}; the least RUL: {found.names[0]} {found.engine[least]}, {rul} {found.conventions.unit}" + (
        "" if interval == "unknown" else f" [{interval}]"
    )


def card_of_forecast(found: Forecast) -> str:
    """The engines with the least RUL, each with its interval, and what was noted of them."""
    order = sorted((int(i) for i in found.last), key=lambda i: (math.isnan(found.rul[i]), float(found.rul[i])))[:MOST]
    name, time = found.names
    bars = [
        Bar(f"{name} {found.engine[i]}", float(found.rul[i]), float(found.low[i]), float(found.high[i]),
            " ".join(predicted(found, i)), UNCLEAR)
        for i in order
    ]  # fmt: skip
    rows = [
        (
            str(found.engine[i]),
            text_of_time(found.cycle, i),
            *predicted(found, i),
            found.states[int(found.health[i])],
            str(found.note[i]),
        )
        for i in order
    ]
    rows += [(str(one), "", "", "", "", f"not predicted: {why}") for one, why in found.left_out.items()]
    unit, more = found.conventions.unit, len(found.last) - len(order)
    return card(
        f"RUL in {unit} after the last recorded row",
        said(of_forecast(found), kind="answer"),
        intervals(bars, f"RUL, {unit}, with its interval; dashed: 0 and the cap", (0.0, found.conventions.cap))
        if bars
        else "",
        table((name, time, "RUL", "interval", "health", "note"), rows),
        said(f"{more:,} engines more, with more RUL: to_polars() has all." if more > 0 else "", kind="dim"),
    )
