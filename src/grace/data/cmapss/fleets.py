"""Fleets from files in the format of C-MAPSS, checked line by line, and back.

``train_NAME.txt``: engines that ran to failure. ``test_NAME.txt``: engines cut before; ``RUL_NAME.txt``: their RUL after
the last recorded cycle. 26 blank-separated columns: engine, cycle, 3 settings, 21 sensors (Saxena, Goebel, Simon & Eklund,
PHM08, DOI 10.1109/PHM.2008.4711414). The readme beside the files swaps the engine counts of FD004.
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from grace.data.cmapss.checksums import SUMS
from grace.data.cmapss.text import read_numbers
from grace.data.fleet import SENSORS, SETTINGS, Fleet
from grace.data.identity import combined
from grace.data.tasks import HEALTH
from grace.errors import GraceError
from grace.files import replacing

EXACT = 1 << 53
"""From here on double precision does not hold every whole number, and two engines could become one."""
MOST_CYCLES = 1_000_000_000
COLUMNS = 2 + len(SETTINGS) + len(SENSORS)


def read_train(folder: Path, name: str) -> Fleet:
    """Engines of ``train_NAME.txt``; each ran to failure, so that its last cycle has RUL 0.

    Raises:
        GraceError: A file is missing or damaged, or differs from its known SHA-256; names file, line and remedy.
    """
    path = folder / f"train_{name}.txt"
    fleet = read_plain(path, name)
    _verify(path, fleet.sha256)
    return fleet


def read_test(folder: Path, name: str) -> Fleet:
    """Engines of ``test_NAME.txt`` with the RUL of their last recorded cycle from ``RUL_NAME.txt``.

    Raises:
        GraceError: As :func:`read_train`, or the number of RUL values differs from the number of engines.
    """
    path, rul_path = folder / f"test_{name}.txt", folder / f"RUL_{name}.txt"
    fleet, (values, rul_sha256) = read_plain(path, name), read_numbers(rul_path, 1)
    rul = values[:, 0]
    wrong = (rul < 0) | (rul > MOST_CYCLES) | (rul != np.rint(rul))
    _refuse(rul_path, wrong, rul, f"an RUL should be a whole number of cycles from 0 to {MOST_CYCLES:,}")
    if len(rul) != len(fleet.engines):
        raise GraceError(
            f"{rul_path} should hold one RUL for each of the {len(fleet.engines)} engines in {path.name}. "
            f"Found {len(rul)}. Take both files from one archive."
        )
    sums = [_verify(path, fleet.sha256), _verify(rul_path, rul_sha256)]
    return replace(fleet, last_rul=rul.astype(np.int64), sha256=combined(sums))


def read_plain(path: Path, name: str = "") -> Fleet:
    """Engines of any file in this format, whose RUL is not known (0 stands in its place); ``name`` is by default the file's."""
    table, sha256 = read_numbers(path, COLUMNS)
    engine, cycle = table[:, 0], table[:, 1]
    for label, column in (("engine", engine), ("cycle", cycle)):
        wrong = (column < 1) | (column >= EXACT) | (column != np.rint(column))
        _refuse(path, wrong, column, f"the {label} should be a whole number from 1, below 2^53")
    fleet = Fleet.of_rows(name or path.stem, engine.astype(np.int64), table[:, 2:], (*SETTINGS, *SENSORS))
    _refuse_repeated(path, fleet)
    expected = np.arange(len(table)) - np.repeat(fleet.starts[:-1], fleet.lengths) + 1
    _refuse(path, cycle != expected, cycle, "an engine's cycles should count 1, 2, 3, ... without gap or repeat")
    return replace(fleet, sha256=sha256)


def subset_name(dataset: str, data: Path | None) -> tuple[Path, str]:
    """Folder and name of a data set given as NAME (with its folder), or as a folder with one ``train_NAME.txt``; else refused."""
    folder = data if data is not None else Path("cmapss")
    named = (folder / f"train_{dataset}.txt").exists()  # a data set wins over a folder of the same name
    if Path(dataset).is_dir() and not named:
        return _only_subset(Path(dataset))
    if any(mark in dataset for mark in "/\\"):
        raise GraceError(f"DATASET should be a name like FD001, or an existing folder. Found {dataset!r}.")
    if not folder.is_dir():
        raise GraceError(
            f"--data should be a folder that holds train_{dataset}.txt. Found none at {folder}. "
            "Download C-MAPSS with `grace data fetch --data DIR`."
        )
    if not named and not (folder / f"test_{dataset}.txt").exists():
        known = ", ".join(_names(folder)) or "none"
        raise GraceError(
            f"Data set {dataset!r} should be in {folder} as train_{dataset}.txt. Found data sets: {known}. "
            "Download C-MAPSS with `grace data fetch --data DIR`."
        )
    return folder, dataset


def write_cmapss(train: Fleet, test: Fleet, folder: Path, name: str) -> tuple[Path, ...]:
    """Write a fleet as C-MAPSS files: ``train_NAME.txt``, ``test_NAME.txt``, ``RUL_NAME.txt``, ``labels_NAME.txt``.

    4 decimals, two trailing blanks; one RUL of a test engine a line; one label of a training row a line, left out when the
    fleet has none. A file that exists already is refused.
    """
    if not name or Path(name).name != name:
        raise GraceError(f"`name` should be a plain name such as SIM001. Found {name!r}.")
    texts = {
        f"train_{name}.txt": _table(train),
        f"test_{name}.txt": _table(test),
        f"RUL_{name}.txt": _column(test.last_rul),
    }
    health = train.labels.get(HEALTH.name)
    if isinstance(health, np.ndarray):
        texts[f"labels_{name}.txt"] = _column(health.astype(np.int64))
    paths = tuple(folder / file for file in texts)
    for path in paths:
        if path.exists():
            raise GraceError(f"{path} should not exist yet. Found a file. Choose another name or folder.")
    for path, text in zip(paths, texts.values(), strict=True):
        with replacing(path) as part:
            part.write_text(text, encoding="ascii", newline="\n")
    return paths


def _only_subset(folder: Path) -> tuple[Path, str]:
    names = _names(folder)
    if len(names) != 1:
        found = ", ".join(names) or "none"
        raise GraceError(
            f"{folder} should hold exactly one train_NAME.txt. Found: {found}. Name one: NAME --data {folder}."
        )
    return folder, names[0]


def _names(folder: Path) -> list[str]:
    return sorted(path.stem.removeprefix("train_") for path in folder.glob("train_*.txt"))


def _verify(path: Path, found: str | None) -> str:
    """The SHA-256 of a file, refused where its name is a known one and its SHA-256 another."""
    assert found is not None
    expected = SUMS.get(path.name, found)
    if found != expected:
        raise GraceError(
            f"{path} should have SHA-256 {expected[:12]}... Found {found[:12]}... Fetch it again with "
            "`grace data fetch`, or rename it (train_NAME.txt) if it is data of your own."
        )
    return found


def _refuse(path: Path, wrong: NDArray[np.bool_], values: NDArray[np.float64], rule: str) -> None:
    if wrong.any():
        row = int(np.argmax(wrong))
        raise GraceError(f"{path}, line {row + 1}: {rule}. Found {values[row]:.15g}. Restore the line.")


def _refuse_repeated(path: Path, fleet: Fleet) -> None:
    _, first = np.unique(fleet.engines, return_index=True)
    again = np.setdiff1d(np.arange(len(fleet.engines)), first)
    if len(again):
        raise GraceError(
            f"{path}, line {fleet.starts[again[0]] + 1}: the rows of an engine should stand together. Found engine "
            f"{fleet.engines[again[0]]} again. Sort the file by engine and cycle."
        )


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
