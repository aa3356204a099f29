"""The diagnosis before training: measured alignment, facts of the data and what follows, as one report."""

from __future__ import annotations

import io
import math
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console

from grace.alignment.card import card_of
from grace.alignment.decide import PRECEDENCE, Prescription, Thresholds
from grace.alignment.groups import Groups
from grace.alignment.measures import Cost, CurvePoint, Pair, Ratio
from grace.alignment.recipes import RECIPES, Recipe
from grace.alignment.show import WIDTH, show_diagnosis
from grace.alignment.study import Study
from grace.core.stats import Interval
from grace.data.tasks import HEALTH


@dataclass(frozen=True)
class Diagnosis:
    """The whole answer: ``str()`` as text, ``to_json()`` as the object that the command line prints; a notebook shows it.

    Attributes:
        dataset: Name of the fleet or problem.
        tasks: Names of the tasks; the first is the one to be helped.
        recipe: How rho was measured.
        rho: rho with its interval over initialisations: the cosine of the first task's gradient and that of the weighted sum
            of all others, which for two tasks is the cosine of the two.
        pairs: rho of every two tasks.
        groups: Tasks that ask for the same features.
        redrawn: Initialisations thrown away because a task had no gradient at the start (a dead final ReLU).
        undefined: Share of measurements without a rho although the start was alive.
        ratio: Ratio of gradient norms.
        near_failure_share: Share of windows with RUL below ``near_failure``; None where the first task is no RUL.
        conditions: Operating conditions found; None likewise.
        curve: rho along the steps; one point unless the recipe is ``joint``.
        settled: Whether rho no longer changes between the last two stretches of the curve (the paired difference's
            interval holds 0); None where there is no curve.
        prescription: What follows, by the rule that was asked for.
        source_prescription: What follows by the source's rule.
        thresholds: The rule.
        cost: What it cost.
        conventions: Everything that moves a number.
    """

    dataset: str
    tasks: tuple[str, ...]
    recipe: Recipe
    rho: Interval
    pairs: tuple[Pair, ...]
    groups: Groups
    redrawn: int
    undefined: float
    ratio: Ratio
    near_failure_share: float | None
    conditions: int | None
    curve: tuple[CurvePoint, ...]
    settled: bool | None
    prescription: Prescription
    source_prescription: Prescription
    thresholds: Thresholds
    cost: Cost
    conventions: dict[str, object]

    @property
    def of_health(self) -> bool:
        """Whether the one task beside the first is the health state."""
        return self.tasks[1:] == (HEALTH.name,)

    @property
    def reading(self) -> str:
        """What the labels follow, by rho and its edge; ``undecided`` where the interval crosses the edge."""
        band = self.prescription.answers[1]
        return band.reason if self.prescription.decided else "undecided"

    @property
    def outside(self) -> str:
        """Why the validity study says nothing of this case; empty where it does."""
        seen = self.conventions
        simulated = self.dataset.startswith("simulated")
        reasons = {
            "other tasks than RUL and health": self.near_failure_share is None or not self.of_health,
            "an own table": bool(seen.get("table")),
            "own labels": seen.get("labels") == "own" and not simulated,
            f"a cap of {seen.get('cap')}": seen.get("cap") != 125,
            f"the recipe {self.recipe.name}": self.recipe.name != "joint",
            "another number of steps": self.recipe.name == "joint" and self.recipe.steps != RECIPES["joint"].steps,
            "own engines": not self.dataset.startswith(("FD00", "simulated")),
        }
        return next((reason for reason, holds in reasons.items() if holds), "")

    @property
    def elsewhere(self) -> str:
        """That the study's edge was measured at another size or window, in a sentence; empty where it was not."""
        return Study.read().elsewhere(self.conventions.get("size"), self.conventions.get("window"))

    @property
    def training(self) -> str:
        """The training that the cost is a share of, in words."""
        return f"{self.conventions.get('reference_training', 'training')} training".replace(" epochs", "-epoch")

    def __str__(self) -> str:
        console = Console(width=WIDTH, file=io.StringIO(), record=True, markup=False, color_system=None)
        show_diagnosis(self, console)
        return console.export_text()

    def _repr_html_(self) -> str:
        return card_of(self)

    def to_json(self) -> dict[str, object]:
        """The report as JSON values."""
        prescription, source = self.prescription, self.source_prescription
        values = {
            "dataset": self.dataset,
            "tasks": list(self.tasks),
            "recipe": self.recipe.name,
            "rho": asdict(self.rho) | {"redrawn": self.redrawn, "undefined_share": self.undefined},
            "pairs": [asdict(pair) for pair in self.pairs],
            "groups": asdict(self.groups),
            "ratio": asdict(self.ratio),
            "near_failure_share": self.near_failure_share,
            "conditions": self.conditions,
            "curve": [asdict(point) for point in self.curve],
            "settled": self.settled,
            "prescription": {
                "method": prescription.method,
                "decided": prescription.decided,
                "strength": prescription.strength,
                "reasons": prescription.reasons,
                "answers": [asdict(answer) for answer in prescription.answers],
                "crossed_edges": list(prescription.crossed),
                "precedence": PRECEDENCE,
            },
            "source_prescription": {"method": source.method, "decided": source.decided},
            "reading": self.reading,
            "study": {
                "covers_this": not (self.outside or self.elsewhere),
                "outside": self.outside,
                "elsewhere": self.elsewhere,
                "words": Study.read().words,
            },
            "cost": asdict(self.cost),
            "conventions": self.conventions,
        }
        return {name: _known(value) for name, value in values.items()}


def _known(value: Any) -> Any:
    """A JSON value with None for each NaN, as of a pair in which one task never had a gradient."""
    if isinstance(value, dict):
        return {name: _known(v) for name, v in value.items()}
    if isinstance(value, list | tuple):
        return [_known(v) for v in value]
    return None if isinstance(value, float) and math.isnan(value) else value
