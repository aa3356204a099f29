"""The study of advice, as it ships with this version: what a second task did in each case, and what was said of it before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from grace.advice.rule import CLASS, Expected, kind_of
from grace.core.stats import Estimate
from grace.data.tasks import FUTURE, REGRESSION
from grace.formats import Body, Format, built

FORMAT = Format("study of advice", 1)
FILE = Path(__file__).with_name("advice.json")

HELPS, HURTS, NOTHING, UNRESOLVED = WORDS = ("helps", "hurts", "nothing", "unresolved")
"""What a case came to."""
RULE, GIVEN = "rule", "given-rul"
"""Predictors by name: the rule, and how far RUL predicts a label."""
WINDOWS = "compact"
"""Size of cases whose network reads windows; in costs one training of it."""


@dataclass(frozen=True)
class Said:
    """What was known of a case in one draw, before it was trained.

    Attributes:
        draw: Whose units were looked at.
        scores: By predictor; larger where it says that the second task helps; a predictor that says nothing is left out.
        before: What the rule expects without a race, mean and SD of the logarithm, fitted on the other groups.
        after: The same after a race; None where there was none.
        without: As ``after``, by the name of the rule without one of its parts.
    """

    draw: int
    scores: Mapping[str, float]
    before: tuple[float, float]
    after: tuple[float, float] | None = None
    without: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    @property
    def expected(self) -> Expected | None:
        """After a race."""
        return None if self.after is None else Expected(*self.after)

    @cached_property
    def ranked(self) -> dict[str, tuple[float, float]]:
        """By predictor, larger where it says that the second task helps, and where it says that it does not hurt: of the rule the
        probabilities of that, of the others one score for both."""
        rules = dict(self.without) | ({} if self.after is None else {RULE: self.after})
        said = {name: Expected(*values) for name, values in rules.items()}
        found = {name: (score, score) for name, score in self.scores.items()}
        return found | {name: (one.helps, -one.hurts) for name, one in said.items()}


@dataclass(frozen=True)
class Outcome:
    """A case and what it came to.

    Attributes:
        world: Fleet and failures, as in ``FD001-4``.
        group: Of data that rules are judged on as a whole.
        label: Second label.
        weight: Of its task.
        size: Trunk, or ``compact``.
        suspended: What suspended units said.
        failures: Units that kept their RUL.
        user: Whether it is of the part drawn as users have it.
        effect: Mean logarithm of the ratio of RMSE to RUL alone tuned as well, over draws, with the interval of its verdict.
        error: Standard error of that.
        word: The verdict.
        said: In each draw that was looked at.
        alike: As ``effect``, to RUL alone with the same trunk and the same word on suspended units, over the first sixteen draws;
            None at ``compact``.
        alike_word: The verdict on that.
    """

    world: str
    group: str
    label: str
    weight: float
    size: str
    suspended: str
    failures: int
    user: bool
    effect: Estimate
    error: float
    word: str
    said: tuple[Said, ...]
    alike: Estimate | None = None
    alike_word: str = UNRESOLVED

    @property
    def fleet(self) -> str:
        """Of the world."""
        return self.world.rpartition("-")[0]

    @property
    def simulated(self) -> bool:
        """Whether its group is a simulator whose physics were drawn at random."""
        return self.group.startswith("sim")

    @property
    def kind(self) -> str:
        """Of the label: what was measured, inspections of health, noisy ones, and what says nothing of RUL or is no label."""
        return KIND_OF.get(self.label, "measured")

    @property
    def given_rul(self) -> float:
        """How far RUL predicts the label, mean over draws, shares below 0 as 0; NaN where nobody looked."""
        shares = [max(said.scores[GIVEN], 0.0) for said in self.said if GIVEN in said.scores]
        return float(np.mean(shares)) if shares else float("nan")

    @property
    def taken_for(self) -> str:
        """Name of the kind that the rule takes such a second task for."""
        return kind_of(REGRESSION if self.label in NUMBERS else CLASS, self.label, self.suspended).name

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Outcome:
        """From its JSON values."""
        said = tuple(
            Said(
                one["draw"],
                one["scores"],
                tuple(one["before"]),
                None if one["after"] is None else tuple(one["after"]),
                {name: tuple(value) for name, value in one.get("without", {}).items()},
            )
            for one in values["said"]
        )
        given: dict[str, Any] = {**values, "effect": Estimate(**values["effect"]), "said": said}
        if (alike := values.get("alike")) is not None:
            given["alike"] = Estimate(**alike)
        return cls(**given)


NUMBERS = ("soh", "pressure", "temperature", "solid", "pending", "wear", FUTURE)
"""Second labels that are numbers; the others are classes."""
KIND_OF = {
    "health": "inspections", "noisy30": "inspections, noisy", "noisy70": "inspections, noisy", "random": "random",
    "unit": "identity", "condition": "condition", "future_sensors": "future sensors",
}  # fmt: skip
KINDS = ("measured", "inspections", "inspections, noisy", "condition", "future sensors", "identity", "random")


@dataclass(frozen=True)
class Choice:
    """What one policy chose in one draw of a world: see ``studies/advice/choices.py``."""

    world: str
    group: str
    user: bool
    draw: int
    policy: str
    regret: float
    loss: float | None


@dataclass(frozen=True)
class AdviceStudy:
    """All of it.

    Attributes:
        plan: Commit that registered it.
        outcomes: Cases.
        choices: Of policies.
        cost: Seconds of each predictor, and of a training at :data:`WINDOWS`, median over cases on one core, and operations in
            forward and backward passes.
        levels: Standard deviation of the effects at each level of the hierarchy, by name.
        refused: Trainings that were refused.
        planned: Trainings that the plan asks for, as far as this can be known.
        left: Those of them that are still to be made.
    """

    plan: str
    outcomes: tuple[Outcome, ...]
    choices: tuple[Choice, ...]
    cost: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    levels: Mapping[str, float] = field(default_factory=dict)
    refused: int = 0
    planned: int = 0
    left: int = 0

    @classmethod
    def read(cls, path: Path = FILE) -> AdviceStudy:
        """The study that ships with this version.

        Raises:
            GraceError: The file is missing or damaged.
        """
        body = FORMAT.read(path)
        body["outcomes"] = tuple(map(Outcome.from_json, body["outcomes"]))
        body["choices"] = tuple(Choice(**one) for one in body["choices"])
        body["cost"] = {name: tuple(values) for name, values in body["cost"].items()}
        return built(cls, body, str(path))

    def body(self) -> Body:
        """Its JSON values."""
        return asdict(self)

    @cached_property
    def groups(self) -> list[str]:
        """Names of the groups."""
        return sorted({one.group for one in self.outcomes})

    @cached_property
    def predictors(self) -> list[str]:
        """Names of the predictors, in their order."""
        return list(dict.fromkeys(name for one in self.outcomes for said in one.said for name in said.ranked))

    def seen(self, name: str, outcomes: Sequence[Outcome] | None = None) -> Seen:
        """Cases in draws in which a predictor said something, as columns."""
        rows = [
            (*said.ranked[name], one.group, one.word)
            for one in (self.outcomes if outcomes is None else outcomes)
            for said in one.said
            if name in said.ranked
        ]
        score, safe, group, word = zip(*rows, strict=True) if rows else ((), (), (), ())
        return Seen(np.array(score, float), np.array(safe, float), np.array(group, str), np.array(word, str))


@dataclass(frozen=True)
class Seen:
    """What one predictor said, by case and draw: larger in ``score`` where the second task helps, in ``safe`` where it does not
    hurt."""

    score: NDArray[np.float64]
    safe: NDArray[np.float64]
    group: NDArray[np.str_]
    word: NDArray[np.str_]

    @property
    def resolved(self) -> Seen:
        """Of cases with a verdict."""
        kept = self.word != UNRESOLVED
        return Seen(self.score[kept], self.safe[kept], self.group[kept], self.word[kept])
