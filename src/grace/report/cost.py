"""What late and early predictions cost, and which methods are tied for the least cost at each price of a cycle late."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from grace.core.stats import RATE, adjust, p_values, quantile
from grace.report.marks import Mark
from grace.training.record import DONE, Record

Column = NDArray[np.float64]

PRICES: Column = np.array([float(f"{10 ** (place / 25 - 1):.2g}") for place in range(101)])
"""The slider's: the cost of a cycle late, where that of a cycle early is 1; from 0.1 to 1000 in equal ratios, two digits."""

Line = tuple[int, float, float]

LEAST, TIED, WORSE, UNPAIRED = "1=<?"
"""A method at a price: the least mean cost; not distinguishable from it after Benjamini-Hochberg; costlier after it; fewer than
two seeds in common with it."""


@dataclass(frozen=True)
class Cost:
    """The cost of one method on one data set at every price of a cycle late, in costs of a cycle early.

    Attributes:
        early, late: Mean cycles early and late an engine, over seeds: the cost is ``early + price * late``.
        lines: The cost minus that of the method of least cost, paired by seed: from each position to the next one named it is
            ``early + price * late``, as ``(position, early, late)``; 0 where it is that method, NaN without seeds in common.
        half: Half of the width of that difference's Student's 95 % interval ``[101]``; NaN with fewer than two such seeds.
        standing: How it stands: 101 characters, :data:`LEAST` to :data:`UNPAIRED`.
    """

    early: float
    late: float
    lines: tuple[Line, ...]
    half: Column
    standing: str

    def difference(self, place: int) -> float:
        """Of the lines, at one position."""
        _, early, late = max(line for line in self.lines if line[0] <= place)
        return float(early + PRICES[place] * late)


def costs(records: Iterable[Record], capped: bool = True) -> dict[tuple[str, str], Cost]:
    r"""The cost of every method by data set and method, in the order of the marks; runs without test predictions are left out.

    With ``d`` predicted minus true RUL of a test engine, cycles, the cost of a run is the sum over engines of
    ``price * max(d, 0) + max(-d, 0)``, divided by their number. The family that a price's verdicts are adjusted for is all
    differences to the least on all data sets.

    Args:
        records: Runs; of those of the honest protocol that are done each method, data set and seed once.
        capped: Whether the true RUL is cut at the cap, as in training.
    """
    of = _errors(records, capped)
    means = {name: np.mean([*runs.values()], axis=0) for name, runs in of.items()}
    least = {dataset: _least({m: mean for (d, m), mean in means.items() if d == dataset}) for dataset, _ in of}
    found = {name: _to_least(of, *name, least[name[0]]) for name in of}
    p = np.array([column for *_, column in found.values()]).T.reshape(
        len(PRICES), -1
    )  # [prices, methods of all data sets]
    marks = np.select([np.isnan(p), adjust(p) > RATE], [UNPAIRED, TIED], WORSE)
    for column, (dataset, method) in enumerate(of):
        marks[least[dataset] == method, column] = LEAST
    return {
        name: Cost(float(means[name][0]), float(means[name][1]), lines, half, "".join(marks[:, column]))
        for column, (name, (lines, half, _)) in enumerate(found.items())
    }


Errors = Mapping[tuple[str, str], Mapping[int, tuple[float, float]]]
"""Mean cycles early and late an engine, by data set and method, and by seed."""


def _errors(records: Iterable[Record], capped: bool) -> Errors:
    found: dict[tuple[str, str], dict[int, tuple[float, float]]] = {}
    for record in records:
        spec = record.spec
        if record.status == DONE and spec["protocol"] == "honest" and (mean := _early_and_late(record, capped)):
            found.setdefault((spec["dataset"], spec["method"]), {})[spec["seed"]] = mean
    order = list(Mark.every(method for _, method in found))
    return dict(sorted(found.items(), key=lambda item: (item[0][0], order.index(item[0][1]))))


def _early_and_late(record: Record, capped: bool) -> tuple[float, float] | None:
    """Mean cycles early and late an engine; None without predictions of engines whose true RUL is known."""
    pairs = zip(record.predictions.get("rul", ()), record.predictions.get("true", ()), strict=True)
    known = np.array([pair for pair in pairs if None not in pair], dtype=float).reshape(-1, 2)
    if not len(known):
        return None
    cap = record.spec["conventions"]["cap"] if capped else np.inf
    error = known[:, 0] - np.minimum(known[:, 1], cap)
    return float(np.maximum(-error, 0).mean()), float(np.maximum(error, 0).mean())


def _weights() -> Column:
    """What a cycle early and a cycle late cost at every price ``[2, 101]``."""
    return np.stack([np.ones_like(PRICES), PRICES])


def _least(means: Mapping[str, Column]) -> NDArray[np.str_]:
    """The method of the least mean cost at every price ``[101]``, from mean cycles early and late; of equal ones the first."""
    names = list(means)
    return np.array([names[index] for index in (np.array([*means.values()]) @ _weights()).argmin(axis=0)])


def _to_least(
    of: Errors, dataset: str, method: str, least: NDArray[np.str_]
) -> tuple[tuple[Line, ...], Column, Column]:
    """A method's cost minus the least, half of the width of its interval, and its p value, at every price ``[101]``."""
    lines, half, p, weights = [], np.full(len(PRICES), np.nan), np.full(len(PRICES), np.nan), _weights()
    for other, places in ((name, [*run]) for name, run in groupby(range(len(PRICES)), key=least.tolist().__getitem__)):
        mine, theirs = of[dataset, method], of[dataset, other]
        seeds = sorted(mine.keys() & theirs.keys())
        cycles = np.array([np.subtract(mine[seed], theirs[seed]) for seed in seeds]).reshape(-1, 2)
        lines.append((places[0], *(map(float, cycles.mean(axis=0)) if seeds else (np.nan, np.nan))))
        values = (cycles @ weights[:, places]).T
        if method == other:
            half[places] = 0
        elif len(seeds) > 1:
            p[places] = p_values(values)
            half[places] = quantile(len(seeds) - 1) * values.std(axis=1, ddof=1) / len(seeds) ** 0.5
    return tuple(lines), half, p
