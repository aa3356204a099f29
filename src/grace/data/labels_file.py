"""Health labels of the user's own: one integer a training row."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np

from grace.data.fleet import Fleet
from grace.data.identity import combined
from grace.errors import GraceError

CLASSES = ("0", "1", "2")


def with_labels(fleet: Fleet, path: Path) -> Fleet:
    """The fleet with the labels of a file: as many lines as rows, each 0 (healthy), 1 (degrading) or 2 (critical).

    Raises:
        GraceError: The file is missing or no text, a line holds anything else, or the counts differ.
    """
    try:
        content = path.read_bytes()
        lines = content.decode("utf-8").split()
    except (OSError, UnicodeDecodeError) as error:
        raise GraceError(f"{path} should be a readable text file of labels. Found: {error}.") from None
    for number, text in enumerate(lines, start=1):
        if text not in CLASSES:
            raise GraceError(
                f"{path}, line {number}: a label should be 0, 1 or 2. Found {text[:40]!r}. Correct the line."
            )
    rows = len(fleet.values)
    if len(lines) != rows:
        raise GraceError(f"{path} should hold {rows} labels, one a row of {fleet.name}. Found {len(lines)}.")
    own = hashlib.sha256(content).hexdigest()
    return replace(
        fleet,
        labels=np.array(lines, dtype=np.int64),
        sha256=None if fleet.sha256 is None else combined([fleet.sha256, own]),
    )
