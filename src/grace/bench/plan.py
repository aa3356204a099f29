"""Which runs a sweep is made of: a grid of data sets, methods and seeds."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

from grace.bench.sweep import contents
from grace.controllers.methods import SEVEN
from grace.data.cmapss.checksums import SUBSETS
from grace.data.tables.columns import TableSource
from grace.errors import GraceError
from grace.training.spec import SEEDS, RunSpec, run_spec

METHODS = (*SEVEN, "rul-only", "rul-only-weighted")
"""The seven methods of the source's table, and RUL alone with either inner axis: 180 runs on four subsets and five seeds."""


def grid(
    datasets: Sequence[str] = SUBSETS,
    methods: Sequence[str] = METHODS,
    seeds: Sequence[int] = SEEDS,
    *,
    data: Path | TableSource | None = None,
    **choices: Any,
) -> list[RunSpec]:
    """Every combination, seed by seed, so that a sweep that is stopped early has whole seeds.

    Args:
        datasets: Names of data sets.
        methods: Names of methods.
        seeds: Seeds.
        data: Folder of the files, or a table. A subset of C-MAPSS is known without its files, and taken as whole then.
        choices: Further arguments of :func:`grace.training.spec.run_spec`.

    Raises:
        GraceError: The grid is empty or holds a run twice, a choice is out of its range, or data of another name cannot be read.
    """
    sums = {dataset: contents(dataset, data) for dataset in datasets}
    specs = [
        run_spec(dataset, name, seed=seed, train_sha256=sums[dataset][0], test_sha256=sums[dataset][1], **choices)
        for seed, dataset, name in product(seeds, datasets, methods)
    ]
    if not specs:
        raise GraceError("A grid should hold at least one data set, method and seed. Found none of one of them.")
    if len({spec.id for spec in specs}) < len(specs):
        raise GraceError("A grid should hold every run once. Found a data set, a method or a seed twice.")
    return specs
