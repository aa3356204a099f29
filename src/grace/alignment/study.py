"""What the validity study found, as data: how far rho predicted what a second task then did."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from grace.alignment.decide import STUDY, UNMEASURED, Thresholds

REGIME = (
    "every unit run to failure and labelled (C-MAPSS or simulated), health states cut from RUL or made worse on purpose, short "
    "trainings of a small network"
)
"""Where the study's cases lie."""

EDGES = {"study": STUDY.weak, "elsewhere": UNMEASURED.weak}
"""Edges of rho by the study's rule: on the networks that it measured, and on others."""
Verdicts = tuple[int, int, int]
"""In how many cases a second task measurably lowered the test RMSE, raised it, and neither."""


@dataclass(frozen=True)
class Study:
    """The study in a few figures (``grace validity --first`` prints all of them)."""

    cases: int
    families: int  # data sets and simulated fleets that they are cut from
    # rank correlation of rho before training with the gain by the second task; its 95 % interval over families
    correlation: tuple[float, ...]
    cost: tuple[float, ...]  # mean change of the test RMSE by the second task under GRACE, per cent, likewise
    networks: tuple[
        tuple[str, int], ...
    ]  # size and window of the networks that rho was measured on, and its edge found
    # by name of an edge, what the second task did under GRACE in the cases with rho up to it, and in those above
    sides: Mapping[str, tuple[Verdicts, Verdicts]]

    @staticmethod
    @cache
    def read() -> Study:
        """The study that ships with this version."""
        values = json.loads(files("grace.alignment").joinpath("study.json").read_text(encoding="utf-8"))
        networks = tuple((size, window) for size, window in values["networks"])
        sides = {name: (tuple(below), tuple(above)) for name, (below, above) in values["sides"].items()}
        correlation, cost = (tuple(values[name]) for name in ("correlation", "cost"))
        return Study(values["cases"], values["families"], correlation, cost, networks, sides)

    def like(self, edge: str) -> tuple[str, str, str]:
        """What the second task did in cases with rho up to an edge of :data:`EDGES`, in those above it, and in all: a sentence
        each."""
        below, above = self.sides[edge]
        lower, higher, unclear = map(sum, zip(below, above, strict=True))
        at = f"{EDGES[edge]:+.2f}"
        return (
            self._like(f"rho up to {at}", below),
            self._like(f"rho above {at}", above),
            self._like("any rho", (lower, higher, unclear)),
        )

    def _like(self, which: str, verdicts: Verdicts) -> str:
        lower, higher, unclear = verdicts
        return (
            f"Of cases like yours ({which}: {sum(verdicts)} of the first study's {self.cases}) a second task under GRACE "
            f"measurably lowered the test RMSE in {lower}, raised it in {higher}, and did neither in {unclear}."
        )

    def elsewhere(self, size: object, window: object) -> str:
        """That the edge of rho and the study are of other networks; empty where they are of this one, or it has no size."""
        if size is None or (size, window) in self.networks:
            return ""
        known = " or ".join(f"{name} on windows of {length}" for name, length in self.networks)
        return (
            f"The study and its edge, {STUDY.weak:+.2f}, were measured on other networks ({known}); for {size} on windows of "
            f"{window} the edge is 0."
        )

    def rule(self, size: object, window: object) -> Thresholds:
        """The study's rule for a network of this size and window."""
        return UNMEASURED if self.elsewhere(size, window) else STUDY

    @property
    def words(self) -> str:
        """Two sentences."""
        value, low, high = self.correlation
        mean, least, most = self.cost
        return (
            f"rho did not predict benefit in the validity study's {self.cases} cases (rank correlation with the gain "
            f"{value:+.2f} [{low:+.2f}, {high:+.2f}]), whose regime is: {REGIME}. There a second task changed the test RMSE by "
            f"{mean:+.1f} % [{least:+.1f}, {most:+.1f}] on average (GRACE against RUL alone, {self.families} families)."
        )
