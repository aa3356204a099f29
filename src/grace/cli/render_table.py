"""What was made of a user's table, before anything is made from it."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from rich.console import Console

if TYPE_CHECKING:
    from grace.data.conventions import Conventions
    from grace.data.fleet import Fleet
    from grace.data.tables.columns import TableSource


def show_table(table: TableSource, fleet: Fleet, conventions: Conventions, console: Console | None = None) -> None:
    """Rows, RUL, settings, features, and which columns are left out and why."""
    out = console or Console()
    for line in described(table, fleet, conventions):
        out.print(line, markup=False, highlight=False)


def described(table: TableSource, fleet: Fleet, conventions: Conventions) -> list[str]:
    """The lines of :func:`show_table`."""
    columns, lengths, unit = table.columns, fleet.lengths, table.columns.unit
    origin = f"column {columns.target}" if columns.target else f"last {columns.time} of the engine minus {columns.time}"
    largest = max(float(fleet.rul_at(fleet.starts[:-1]).max()), 0.0)
    beyond = float(fleet.rows_above(conventions.cap).sum() / len(fleet.values))
    lines = [
        f"{table.path}: {len(fleet.values):,} rows, {len(lengths):,} engines of {lengths.min():,} to "
        f"{lengths.max():,} rows; {columns.engine} names the engine, {columns.time} orders its rows",
        f"RUL in {unit}: {origin}; up to {largest:,.6g}, {beyond:.0%} of rows above the cap of {conventions.cap:,}",
        _settings(table),
        f"features ({len(table.features)}): {', '.join(table.features)}",
    ]
    reasons = sorted(table.left_out.items(), key=lambda item: item[1])
    parts = [f"{', '.join(n for n, _ in group)} ({why})" for why, group in groupby(reasons, key=lambda item: item[1])]
    if parts:
        lines.append(f"left out: {'; '.join(parts)}")
    if columns.label:
        lines.append(f"health labels: column {columns.label}, classes {', '.join(columns.classes or ('0', '1', '2'))}")
    if table.cache is not None:
        lines.append(f"rows are read from the disk: {table.cache}")
    return lines


def _settings(table: TableSource) -> str:
    settings = table.columns.settings
    if not settings:
        return "operating conditions: one, no setting columns"
    number = f"{table.conditions} as asked" if table.conditions else f"{table.found} found by silhouette"
    return f"operating conditions: {number}, from {', '.join(settings)}"
