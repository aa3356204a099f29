"""Where the time of a command went, as a table."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.table import Column, Table

from grace.clock import Clock, running


@contextmanager
def profiled() -> Iterator[None]:
    """Run a clock within, and show on standard error what it saw, whether or not the command came to its end."""
    with running() as clock:
        try:
            yield
        finally:
            clock.stop()
            show_profile(clock)


def show_profile(clock: Clock) -> None:
    """Seconds and share of each part, the longest first, and how often it was called."""
    right = [Column(name, justify="right") for name in ("seconds", "share", "calls")]
    table = Table("part", *right, title="Where the time went", title_justify="left")
    whole = sum(clock.seconds.values())
    for name, spent in sorted(clock.seconds.items(), key=lambda item: -item[1]):
        calls = f"{clock.calls[name]:,}" if clock.calls[name] else ""
        table.add_row(name, f"{spent:.2f}", f"{100 * spent / whole:.0f} %", calls)
    table.add_section()
    table.add_row("all", f"{whole:.2f}", "", "")
    Console(stderr=True).print(table)
