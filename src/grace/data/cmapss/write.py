"""Fleets written as files in the format of C-MAPSS."""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from grace.data.fleet import SENSORS, SETTINGS, Fleet
from grace.errors import GraceError
from grace.files import replacing


def write_cmapss(train: Fleet, test: Fleet, folder: Path, name: str) -> tuple[Path, ...]:
    """Write a fleet as C-MAPSS files: ``train_NAME.txt``, ``test_NAME.txt``, ``RUL_NAME.txt``, ``labels_NAME.txt``.

    26 columns (unit, cycle, 3 settings, 21 sensors), 4 decimals, two trailing blanks; one RUL of a test engine a line;
    one label of a training row a line, left out when the fleet has none. A file that exists already is refused.
    """
    if not name or Path(name).name != name:
        raise GraceError(f"`name` should be a plain name such as SIM001. Found {name!r}.")
    texts = {
        f"train_{name}.txt": _table(train),
        f"test_{name}.txt": _table(test),
        f"RUL_{name}.txt": _column(test.last_rul),
    }
    if isinstance(train.labels, np.ndarray):
        texts[f"labels_{name}.txt"] = _column(train.labels)
    paths = tuple(folder / file for file in texts)
    for path in paths:
        if path.exists():
            raise GraceError(f"{path} should not exist yet. Found a file. Choose another name or folder.")
    for path, text in zip(paths, texts.values(), strict=True):
        with replacing(path) as part:
            part.write_text(text, encoding="ascii", newline="\n")
    return paths


def _table(fleet: Fleet) -> str:
    if fleet.columns != (*SETTINGS, *SENSORS):
        raise GraceError(f"`{fleet.name}` should have the 24 C-MAPSS columns. Found {', '.join(fleet.columns)}.")
    owner = fleet.engine_of_row()
    values = fleet.taken(np.arange(len(owner)), fleet.columns)
    cycle = np.arange(len(owner)) - fleet.starts[owner] + 1
    text = io.StringIO()
    row = "%d %d " + " ".join(["%.4f"] * 24) + "  "
    np.savetxt(text, np.column_stack([fleet.engines[owner], cycle, values]), fmt=row)
    return text.getvalue()


def _column(values: Iterable[int]) -> str:
    return "".join(f"{value}\n" for value in values)
