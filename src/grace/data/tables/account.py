"""What was made of a table, a line each: what commands show of it and records keep."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from grace.data.tables.columns import TableSource

SHOWN = 5
"""Names of many that a line gives."""


def account(source: TableSource) -> tuple[str, ...]:
    """What was done to a table as it was read, which columns are left out and why, and why some should be that are used."""
    events = f"which engines failed: column {source.columns.event}"
    of_units = f" of {source.units}" if source.units is not None else ""
    used = [f"used as asked for, though it gives the end away: {leak}" for leak in source.columns.leaks]
    reasons = sorted((why, name) for name, why in source.left_out.items() if name not in source.features)
    groups = groupby(reasons, key=lambda item: item[0])
    return (
        *([events + of_units] if source.columns.event else []),
        *used,
        *(f"left out: {', '.join(name for _, name in group)} ({why})" for why, group in groups),
        *source.done,
    )


def some_of(names: Sequence[str]) -> str:
    """The first :data:`SHOWN` of some names, and how many more there are."""
    more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
    return f"{', '.join(names[:SHOWN])}{more}"
