"""Advice as it comes, on standard error, and in the end."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live
from rich.table import Column, Table
from rich.text import Text

from grace.advice.advice import Advice, Raced, per_cent
from grace.advice.fleet_race import FleetRace
from grace.cli.interrupts import goes_on
from grace.cli.say import answer, evidence
from grace.core.stats import Estimate

_STYLES = {"add": "bold green", "alone": "bold", "undecided": "bold yellow"}


@contextmanager
def racing(name: str, budget: float) -> Iterator[Callable[[FleetRace], None]]:
    """Show the race after every lap, on standard error where that is a terminal."""
    out = Console(stderr=True)
    with Live(Text(f"{name}: looking at labels"), console=out, transient=True, auto_refresh=out.is_terminal) as live:
        show = live.update if out.is_terminal else lambda _: None

        def on_lap(race: FleetRace) -> None:
            title = f"{name}: {race.spent:.0f} s of {budget:.0f} s, {race.verdict()}"
            show(_table(race.standing(), race.conventions.unit, title))

        with goes_on("the same command goes on with the laps that were run"):
            yield on_lap


def show_advice(advice: Advice, verbose: bool) -> None:
    """The answer, the race, what is not known and, ``verbose``, what was known of the labels before the race."""
    out = Console(markup=False, highlight=False)
    answer(advice.answer, style=_STYLES[advice.verdict])
    out.print()
    out.print(
        _table(
            advice.raced, advice.unit, f"{advice.name}: the race, {advice.seconds:.0f} s; against {advice.reference}"
        )
    )
    if verbose and advice.labels:
        out.print(_labels(advice))
    evidence(advice.unknown)


def _labels(advice: Advice) -> Table:
    head = ("label", "known", "of these in\nsuspended units", "RUL says\nof it", "rho [95 %]")
    labels = Table(*head, title_justify="left", title="What is known before a race", box=None)
    for label in advice.labels:
        given = "" if math.isnan(label.given_rul) else f"{100 * label.given_rul:.0f} %"
        labels.add_row(label.name, f"{label.known:.0%}", f"{label.suspended:.0%}", given, label.rho)
    return labels


def _table(rows: Sequence[Raced], unit: str, title: str) -> Table:
    names = ("way", "laps", f"RMSE,\n{unit}", "change seen,\n% [95 %]", "expected,\n% [90 %]")
    columns = [Column(name, justify="left" if name == "way" else "right") for name in names]
    table = Table(*columns, title=title, title_justify="left", box=None)
    for row in rows:
        error = "" if math.isnan(row.error) else f"{row.error:.1f}"
        expected = "" if row.expected is None else row.expected.text().replace(" %", "")
        table.add_row(row.name, str(row.laps or ""), error, _seen(row.seen), expected)
    return table


def _seen(seen: Estimate | None) -> str:
    if seen is None:
        return ""
    low, high = (per_cent(end) for end in (seen.low, seen.high))
    ends = f" [{low:+.0f}, {high:+.0f}]" if max(abs(low), abs(high)) < 1000 else ""
    return f"{per_cent(seen.mean):+.0f}{ends}"
