"""How many new units `grace predict` marks, of units like those of training: python benchmarks/marked.py --data DIR --fleets DIR

The units of C-MAPSS's test files against those of its training files, and each unit of the real families against the others but
for its tenth of them. No network is needed: marks look at readings and their ranges in training. The table goes into
docs/your-own-engines.md.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from families import FAMILIES, FOLDS, SEED, spec_of
from pages import ROOT, replace_between

from grace.data.cmapss.fleets import read_test, read_train
from grace.data.conditions import Conditioner
from grace.data.conventions import Conventions
from grace.data.fleet import Fleet
from grace.training.marks import Marks

SUBSETS = ("FD001", "FD002", "FD003", "FD004")
SHORT = "rows of history"


def notes_of(train: Fleet, new: Fleet, conventions: Conventions) -> list[str]:
    """What is noted of the last windows of new units."""
    marks = Marks(new, new.starts[1:] - 1, conventions.features, conventions.window, "t")
    conditioner = Conditioner.fit(train, conventions)
    marks.look(conditioner.seen, conditioner.transform(new))
    return marks.notes().tolist()


def of_subset(data: Path, subset: str) -> list[str]:
    """Of the test engines of C-MAPSS."""
    return notes_of(read_train(data, subset), read_test(data, subset), Conventions())


def of_family(fleets: Path, family: str) -> list[str]:
    """Of every unit of a family, by the units of the other folds."""
    spec, fleet = spec_of(family, "statistics", fleets)
    every = np.arange(len(fleet.engines))
    folds = np.array_split(np.random.default_rng(SEED).permutation(every), FOLDS)
    pairs = ((fleet.select(np.setdiff1d(every, fold)), fleet.select(np.sort(fold))) for fold in folds)
    return [note for train, new in pairs for note in notes_of(train, new, spec.conventions)]


def row_of(name: str, notes: Iterable[str]) -> str:
    """A row of the table: shares of the units that have a short history, a spike, readings beyond, drift; each part of a note."""
    parts = [note.split("; ") for note in notes]
    kinds = ("spike: ", "anything seen in training,", "drift: ")
    found = [np.mean([any(kind in part for part in note) for note in parts]) for kind in (SHORT, *kinds)]
    marked = np.mean([any("anything seen" in part for part in note) for note in parts])
    return f"| {name} | {len(parts):,} | {' | '.join(f'{100 * share:.1f} %' for share in (*found, marked))} |"


def main() -> None:
    """Print the table and write it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("cmapss"), help="folder of the C-MAPSS files")
    parser.add_argument("--fleets", type=Path, default=Path("fleets"), help="folder of the real families")
    options = parser.parse_args()
    rows = [
        "| units | new | history shorter than the window | spike | beyond in several rows | drift | any of the last three |"
    ]
    rows.append("|---|---|---|---|---|---|---|")
    rows += [row_of(subset, of_subset(options.data, subset)) for subset in SUBSETS]
    rows += [row_of(family, of_family(options.fleets, family)) for family in FAMILIES]
    print("\n".join(rows))
    replace_between(ROOT / "docs" / "your-own-engines.md", {"marked": "\n".join(rows) + "\n"})


if __name__ == "__main__":
    main()
