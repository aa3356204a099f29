"""A finished training as a rich table."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Column, Table

from grace.bench.summary import engine_error
from grace.training.record import Record

_FIGURES = {
    "rmse": ("RMSE", 2),
    "score": ("score", 0),
    "rmse_uncapped": ("RMSE uncapped", 2),
    "score_uncapped": ("score uncapped", 0),
    "macro_f1": ("health macro-F1", 3),
}
"""What each is called, and its decimals."""


def show_run(record: Record, path: Path, baselines: Mapping[str, float]) -> None:
    """Figures of a finished run, and last how it compares with what needs no network, by their validation RMSE."""
    out, spec = Console(), record.spec
    unit = _unit(spec)
    counted = "" if unit == "cycles" else f"; RUL in {unit}"
    table = Table(
        "",
        *(Column(name, justify="right") for name, _ in _FIGURES.values()),
        title=f"{spec['dataset']}, {spec['method']}, seed {spec['seed']}{counted}",
        title_justify="left",
    )
    optimistic = " (chosen on it: optimistic)" if spec["protocol"] == "source" else ""
    for name, figures in (("validation", record.validation), (f"test{optimistic}", record.test)):
        if figures:
            table.add_row(name, *(f"{figures[key]:.{digits}f}" for key, (_, digits) in _FIGURES.items()))
    out.print(table)
    if words := _error(record):
        out.print(words, style="dim")
    out.print(_interval(record), style="dim")
    out.print(
        f"epoch {record.best_epoch + 1} of {len(record.history)} kept, chosen on the "
        f"{'test' if optimistic else 'validation'} windows; {record.steps:,} steps, {record.seconds:.0f} s; run {record.id}",
        style="dim",
    )
    for line in record.concerns:
        out.print(f"note: {line}", style="yellow", highlight=False, soft_wrap=True)
    out.print(f"{path}", highlight=False)
    if baselines:
        out.print(_against(baselines, record.validation["rmse"]), highlight=False, soft_wrap=True)


def _against(baselines: Mapping[str, float], own: float) -> str:
    """One line on the network and what needs none, on the same validation windows."""
    others = ", ".join(f"{name} {value:.2f}" for name, value in baselines.items())
    ahead = [name for name, value in baselines.items() if value <= own]
    verdict = f"{' and '.join(ahead)} as good or better" if ahead else "ahead of all"
    return f"validation RMSE: network {own:.2f}, {others}: {verdict} (one split)"


def _unit(spec: dict[str, Any]) -> str:
    """Unit of RUL of a run, from its spec as JSON values."""
    return str((spec["conventions"].get("table") or {"unit": "cycles"})["unit"])


def _error(record: Record) -> str:
    """What another draw of test engines would move; seeds do not show it."""
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
    return f"{level:.0%} interval: RUL +- {half:.1f} {_unit(record.spec)}, from the validation engines{checked}"
