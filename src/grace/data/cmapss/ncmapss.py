"""N-CMAPSS: flights of seconds, read a part at a time and summed up to one row a flight.

Arias Chao, Kulkarni, Goebel & Fink, "Aircraft engine run-to-failure dataset under real flight conditions for prognostics and
diagnostics", Data 2021, 6(1), 5, DOI 10.3390/data6010005. Its RUL counts flights, so windows do, too.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from grace.data.fleet import CHUNK
from grace.errors import GraceError

ENGINE, TIME, TARGET = "unit", "cycle", "RUL"
EXACT = 1 << 53
"""From here on double precision does not hold every whole number."""
DAMAGED = (OSError, KeyError, ValueError, TypeError, IndexError, AttributeError, RuntimeError, OverflowError)
"""What h5py and numpy raise over a file whose parts are missing, damaged or of other types."""
VALUES = ("W", "X_s")
"""Flight conditions and measured sensors. What no engine measures is not read: virtual sensors and health parameters."""


def read_flights(path: Path, side: str) -> pl.DataFrame:
    """One row a flight: ``unit``, ``cycle``, ``RUL``, and of each value NAME its mean (``NAME``) and standard deviation
    (``NAME_sd``) over the seconds of the flight.

    Args:
        path: The ``.h5`` file, with ``W_dev [N, 4]``, ``X_s_dev [N, 14]``, ``Y_dev [N, 1]`` in cycles, ``A_dev [N, 4]`` (unit,
            cycle, ...), the same for ``test``, and the names ``W_var`` and ``X_s_var``.
        side: ``dev`` or ``test``.
    """
    try:
        import h5py
    except ImportError:
        raise GraceError(
            f"{path} should find its reader installed. Found no module `h5py`. Run pip install 'grace-rul[ncmapss]'."
        ) from None
    if not path.exists():
        raise GraceError(f"{path} should be an N-CMAPSS file. Found none. Check the path.")
    try:
        with h5py.File(path, "r") as file:
            return _flights(path, file, side)
    except (*DAMAGED, pl.exceptions.PolarsError) as error:
        found = " ".join(str(error).split())[:200] or type(error).__name__
        raise GraceError(
            f"{path} should be an N-CMAPSS file with W, X_s, Y and A for {side}. Found: {found}. Fetch it again."
        ) from None


def _flights(path: Path, file: Any, side: str) -> pl.DataFrame:
    names = [_text(name) for kind in VALUES for name in file[f"{kind}_var"][:].reshape(-1)]
    keys = file[f"A_{side}"]
    sums: dict[tuple[int, int], list[Any]] = {}
    for start in range(0, len(keys), CHUNK):
        part = slice(start, start + CHUNK)
        values = np.hstack([np.asarray(file[f"{kind}_{side}"][part], dtype=np.float64) for kind in VALUES])
        if values.shape[1] != len(names):
            raise GraceError(f"{path} should name its {values.shape[1]} columns. Found {len(names)} names.")
        with np.errstate(over="ignore", invalid="ignore"):  # what is infinite is refused where the table is read
            _add(sums, _keys(path, keys[part, :2], start), values, np.asarray(file[f"Y_{side}"][part])[:, 0])
    flights = sorted(sums.items())
    rows = [[*key, rul, *mean, *np.sqrt(squares / count)] for key, (count, mean, squares, rul) in flights]
    columns = [ENGINE, TIME, TARGET, *names, *(f"{name}_sd" for name in names)]
    table = np.array(rows, dtype=np.float64).reshape(-1, len(columns))
    frame = pl.DataFrame(table, schema=columns)
    return frame.with_columns(pl.col(ENGINE, TIME).cast(pl.Int64))


def _keys(path: Path, found: NDArray[Any], start: int) -> NDArray[np.int64]:
    """Unit and cycle of some rows, ``[N, 2]``; refused where one is no whole number from 0."""
    wrong = ~((found >= 0) & (found < EXACT) & (found == np.rint(found))).all(axis=1)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise GraceError(
            f"{path}, row {start + row + 1}: unit and cycle should be whole numbers. Found {found[row, 0]:g}, {found[row, 1]:g}. "
            "Fetch the file again."
        )
    return found.astype(np.int64)


def _add(
    sums: dict[tuple[int, int], list[Any]], keys: NDArray[np.int64], values: NDArray[np.float64], rul: NDArray[Any]
) -> None:
    """Merge the count, mean and squared deviations of each flight's rows into those of the rows before (Chan et al., 1979)."""
    flights, index = np.unique(keys, axis=0, return_inverse=True)
    for number, (unit, cycle) in enumerate(flights.tolist()):
        part = values[index.reshape(-1) == number]
        mean = part.mean(axis=0)
        squares = np.square(part - mean).sum(axis=0)
        if (unit, cycle) not in sums:
            sums[unit, cycle] = [len(part), mean, squares, float(rul[index.reshape(-1) == number][-1])]
            continue
        known = sums[unit, cycle]
        total, change = known[0] + len(part), mean - known[1]
        known[2] = known[2] + squares + change**2 * known[0] * len(part) / total
        known[1] = known[1] + change * len(part) / total
        known[0] = total


def _text(name: Any) -> str:
    return name.decode() if isinstance(name, bytes) else str(name)
