"""The diagnosis before training: measured alignment, facts of the data and what follows, as one report."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from grace.alignment.decide import PRECEDENCE, Prescription, Thresholds
from grace.alignment.groups import Groups
from grace.alignment.recipes import RECIPES, Recipe
from grace.alignment.show import as_text
from grace.alignment.study import study
from grace.core.stats import Interval


@dataclass(frozen=True)
class Ratio:
    """Largest over smallest gradient norm: medians over initialisations of the medians over batches.

    Attributes:
        median: In ``unit``; of RUL and health with the RUL loss in cycles^2, as in the source.
        low: Smallest median of an initialisation.
        high: Largest median of an initialisation.
        larger: The task with the larger gradient in that unit.
        unit: The unit that ``median`` depends on.
        in_cap_units: The same with RUL in units of the cap: its gradient norm is cap^2 times smaller; None of other tasks.
        unit_free: The same for the gradients of the losses' logarithms, ``|g| / L``, which no unit changes.
    """

    median: float
    low: float
    high: float
    larger: str
    unit: str
    in_cap_units: float | None
    unit_free: float


@dataclass(frozen=True)
class Cost:
    """What the diagnosis cost.

    Attributes:
        forward_backward: Forward plus backward passes of one batch, all initialisations together.
        forwards: The forward passes among them.
        backwards: The backward passes among them.
        share_of_training: Operations as a share of one training of 500 epochs of the same network and windows, a
            backward pass counted as two forward passes; None where the length of a training is not known.
        seconds: Wall time.
    """

    forward_backward: int
    forwards: int
    backwards: int
    share_of_training: float | None
    seconds: float


@dataclass(frozen=True)
class CurvePoint:
    """rho of the measurements in one stretch of optimiser steps, with its interval over initialisations."""

    first_step: int
    last_step: int
    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Pair:
    """Two tasks and the cosine of their gradients, with its interval over initialisations."""

    first: str
    second: str
    rho: Interval


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
    def reading(self) -> str:
        """What the labels follow, by rho and its edge; ``undecided`` where the interval crosses the edge."""
        band = self.prescription.answers[1]
        return band.reason if self.prescription.decided else "undecided"

    @property
    def outside(self) -> str:
        """Why the validity study says nothing of this case; empty where it does."""
        seen = self.conventions
        simulated = self.dataset.startswith("simulated")
        size = "tiny" if simulated else "compact"
        reasons = {
            "other tasks than RUL and health": self.near_failure_share is None,
            "an own table": bool(seen.get("table")),
            "own labels": seen.get("labels") == "own" and not simulated,
            f"a cap of {seen.get('cap')}": seen.get("cap") != 125,
            f"the recipe {self.recipe.name}": self.recipe.name != "joint",
            "another number of steps": self.recipe.name == "joint" and self.recipe.steps != RECIPES["joint"].steps,
            f"the network {seen.get('size')}": seen.get("size") != size,
            "own engines": not self.dataset.startswith(("FD00", "simulated")),
        }
        return next((reason for reason, holds in reasons.items() if holds), "")

    @property
    def training(self) -> str:
        """The training that the cost is a share of, in words."""
        return f"{self.conventions.get('reference_training', 'training')} training".replace(" epochs", "-epoch")

    def __str__(self) -> str:
        return as_text(self)

    def _repr_html_(self) -> str:
        return as_text(self, html=True)

    def to_json(self) -> dict[str, object]:
        """The report as JSON values."""
        prescription = self.prescription
        return {
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
            "source_prescription": {
                "method": self.source_prescription.method,
                "decided": self.source_prescription.decided,
            },
            "reading": self.reading,
            "study": {"covers_this": not self.outside, "outside": self.outside, "words": study().words},
            "cost": asdict(self.cost),
            "conventions": self.conventions,
        }
