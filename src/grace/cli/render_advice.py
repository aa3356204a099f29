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


def show_advice(advice: Advice, command: str) -> None:
    """What is known of the labels, the race, the answer in two lines, and the command that trains it."""
    out = Console(markup=False)
    if advice.labels:
        labels = Table("label", "known", "of these in\nsuspended units", "RUL says\nof it", "rho [95 %]", title_justify="left",
                       title="What is known before a race")  # fmt: skip
        for label in advice.labels:
            given = "" if math.isnan(label.given_rul) else f"{100 * label.given_rul:.0f} %"
            labels.add_row(label.name, f"{label.known:.0%}", f"{label.suspended:.0%}", given, label.rho)
        out.print(labels)
    out.print(_table(advice.raced, advice.unit, f"{advice.name}: the race, {advice.seconds:.0f} s"))
    out.print(advice.answer, style=_STYLES[advice.verdict], highlight=False, soft_wrap=True)
    out.print(advice.unknown, highlight=False, soft_wrap=True)
    out.print(command, highlight=False, soft_wrap=True)


def _table(rows: Sequence[Raced], unit: str, title: str) -> Table:
    names = ("way", "laps", f"RMSE out of\nfold, {unit}", "the race\nsaw [95 %]", "to be expected\n[90 %]")
    columns = [Column(name, no_wrap=True, justify="left" if name == "way" else "right") for name in names]
    table = Table(*columns, title=title, title_justify="left")
    for row in rows:
        error = "" if math.isnan(row.error) else f"{row.error:.1f}"
        expected = "" if row.expected is None else row.expected.text()
        table.add_row(row.name, str(row.laps or ""), error, _seen(row.seen), expected)
    return table


def _seen(seen: Estimate | None) -> str:
    if seen is None:
        return ""
    low, high = (per_cent(end) for end in (seen.low, seen.high))
    ends = f" [{low:+.0f}, {high:+.0f}]" if max(abs(low), abs(high)) < 1000 else ""
    return f"{per_cent(seen.mean):+.0f} %{ends}"
