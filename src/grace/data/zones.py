"""Times with a time zone as arrays: numpy has instants alone, so the zone goes along as metadata of their type.

Such an array holds instants in UTC and computes as any other; whoever writes a time asks for its zone here. Taking some of the
values and sorting them keep it, joining two arrays does not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import polars as pl

_ZONE = "grace_zone"


def times_of(column: pl.Series) -> NDArray[Any]:
    """A column of times ``[N]`` as an array, of dates with a zone with that zone."""
    found = column.to_numpy()
    zone = getattr(column.dtype, "time_zone", None)
    return found if zone is None else found.view(np.dtype(found.dtype, metadata={_ZONE: zone}))


def zone_of(times: NDArray[Any]) -> str | None:
    """Name of the time zone of times; None: they have none, or are no dates."""
    known: dict[str, str] = dict(times.dtype.metadata or {})
    return known.get(_ZONE)


def column_of(name: str, times: NDArray[Any]) -> pl.Series:
    """Times ``[N]`` as a column again: dates with a zone as the clocks there show them."""
    import polars as pl

    column, zone = pl.Series(name, np.ascontiguousarray(times)), zone_of(times)
    return column if zone is None else column.dt.replace_time_zone("UTC").dt.convert_time_zone(zone)


def text_of_time(times: NDArray[Any], i: int) -> str:
    """One of some times as it is shown: of a date with a zone the local time and its offset, 2024-12-31T10:00:00+01:00."""
    if zone_of(times) is None:
        return str(times[i])
    return str(column_of("", times[i : i + 1])[0].isoformat())
