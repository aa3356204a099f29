"""A finished training as a rich table."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Column, Table

from grace.alignment.show import conventions_line
from grace.bench.summary import engine_error
from grace.cli.say import answer
from grace.training.record import Record, task_line
from grace.training.words import FIGURES, held_out, of_record, unit_of


def show_run(
    record: Record,
    path: Path,
    baselines: Mapping[str, float],
    tried: Sequence[str] = (),
    suspended: bool = False,
    verbose: bool = False,
) -> None:
    """The answer: what was kept, its RMSE and how that compares with what needs no network; then doubts and all figures.

    Args:
        baselines: Validation RMSE of what needs no network, by name.
        tried: What was trained again, and why.
        suspended: Whether some units did not fail.
        verbose: Whether the conventions of the run are shown.
    """
    out = Console(markup=False, highlight=False)
    answer(f"{path}: {of_record(record)}", *([_against(baselines, record, suspended)] if baselines else []))
    for line in (*tried, *record.concerns):
        out.print(f"note: {line}", style="yellow")
    out.print()
    out.print(_figures(record))
    for name, figures in record.tasks.items():
        out.print(f"{name}: {task_line(figures)}")
    if words := _error(record):
        out.print(words, style="dim")
    out.print(_interval(record), style="dim")
    out.print(f"{_kept(record)}, {record.seconds:.0f} s; run {record.id}", style="dim")
    if verbose:
        out.print(conventions_line(record.spec["conventions"]), style="dim")


def _figures(record: Record) -> Table:
    spec, unit = record.spec, unit_of(record.spec)
    counted = "" if unit == "cycles" else f"; RUL in {unit}"
    table = Table(
        "",
        *(Column(name, justify="right") for name, _ in FIGURES.values()),
        title=f"{spec['dataset']}, {spec['method']}, seed {spec['seed']}{counted}",
        title_justify="left",
    )
    optimistic = " (chosen on it: optimistic)" if spec["protocol"] == "source" and record.history else ""
    for name, figures in (
        (held_out(record), record.validation),
        (f"test{optimistic}", record.test),
    ):
        if figures:
            table.add_row(name, *(f"{figures[key]:.{digits}f}" for key, (_, digits) in FIGURES.items()))
    return table


def _kept(record: Record) -> str:
    """Which network of a run is kept, and after how many steps; a baseline has no epochs to choose among."""
    folds = record.spec.get("folds", 0)
    if not record.history:
        return "an ensemble: each fitted without one fold of the engines" if folds else "fitted to the training windows"
    if folds:
        kept = "an ensemble: each network without one fold of the engines, after its last epoch"
    else:
        side = "test" if record.spec["protocol"] == "source" else "validation"
        kept = f"epoch {record.best_epoch + 1} of {len(record.history)} kept, chosen on the {side} windows"
    return f"{kept}; {record.steps:,} steps"


def _against(baselines: Mapping[str, float], record: Record, suspended: bool) -> str:
    """One line on the network and what needs none, on the same engines that were held out."""
    own, folds = record.validation["rmse"], record.spec.get("folds", 0)
    others = ", ".join(f"{name} {value:.2f}" for name, value in baselines.items())
    if suspended and record.spec["suspended"] == "hazard":
        return f"RMSE of failed units alone: network {own:.2f}; {others}, which learn from these alone. No judge of the fleet."
    ahead = [name for name, value in baselines.items() if value <= own]
    verdict = f"{' and '.join(ahead)} as good or better" if ahead else "ahead of all"
    where, what = ("out of fold", "all engines") if folds else ("validation RMSE", "one split")
    return f"{where}: network {own:.2f}, {others}: {verdict} ({what})"


def _error(record: Record) -> str:
    """What another draw of test engines would move; seeds do not show it."""
    lines = []
    if "rmse_low" in record.validation:
        low, high = (record.validation[f"rmse_{end}"] for end in ("low", "high"))
        lines.append(f"out of fold RMSE, 95 % interval over the engines: {low:.2f} to {high:.2f}")
    errors = [engine_error([record], capped) for capped in (True, False)]
    if not math.isnan(errors[0]):
        lines.append(
            f"standard error of the test RMSE over its {len(record.predictions['true'])} engines: {errors[0]:.2f}, "
            f"uncapped {errors[1]:.2f}; one seed"
        )
    return "\n".join(lines)


def _interval(record: Record) -> str:
    half, level = record.interval["half_width"], record.interval["level"] or 0.0
    if half is None or half == float("inf"):
        return f"no {level:.0%} interval: too few held-out engines for that level"
    covered = record.interval.get("coverage")
    checked = "" if covered is None else f"; on the test engines it covers {covered:.0%}"
    mean = f"RUL +- {half:.1f} {unit_of(record.spec)} on average"
    return f"{level:.0%} interval: {mean}, {_guarantee(record, level)}{checked}"


def _guarantee(record: Record, level: float) -> str:
    """What the interval is made from, and the coverage that follows from it."""
    if record.spec.get("folds", 0):
        return f"CV+ over all engines, whose guarantee is about {2 * level - 1:.0%}"
    if record.history:
        return "from the validation engines, on which the epoch was chosen: no guarantee"
    return f"from the validation engines, on which nothing was chosen: guaranteed {level:.0%}"
