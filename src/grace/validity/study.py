"""What the validity study measured, as it ships with this version: cases with their outcomes, and each predictor's scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from grace.controllers.methods import METHODS as ROWS
from grace.core.stats import Estimate, paired
from grace.formats import Body, Format, built

FORMAT = Format("validity study", 1)
FILE = Path(__file__).with_name("cases.json")

ALONE = ("rul-only", "rul-only-weighted")
"""RUL alone, with either inner axis: so that the effect of the second task is not mixed with that of the inner axis."""

JOINT = ("baseline", "amnl", "gaba", "grace")
METHODS = (*ALONE, *JOINT)
REFERENCE = {m: next(name for name in ALONE if ROWS[name].inner == ROWS[m].inner) for m in JOINT}
"""RUL alone with the inner axis of each joint method."""

KINDS = ("health states", "health states, partly random", "random", "competing")
"""Kinds of labels."""

FIGURES = ("rmse", "last")
"""Test RMSE of a training, cycles, labels capped: in the epoch chosen on the validation engines, and in the last epoch, which
nothing has chosen."""


@dataclass(frozen=True)
class Case:
    """Data, labels and a recipe."""

    # data that cases share, and what is held out together: `FD001`..`FD004`, or `sim-CxF-N` with the conditions, fault
    # modes and engines
    family: str
    labels: str  # name of the labels of a C-MAPSS family; a position of the dial for a simulated one
    share: float = 1.0  # share of the training engines that is used
    size: str = "compact"  # size of the network
    window: int = 30  # length of a window, cycles
    recipe: str = "plain"  # how it is trained: `plain`, or `tuned`

    @property
    def name(self) -> str:
        """A file name: family, labels and, where they differ from the usual, the share of engines and the recipe."""
        return f"{self.data}-{self.labels}"

    @property
    def data(self) -> str:
        """Name of the data and the recipe alone: cases of one data share the training of RUL alone."""
        share = "" if self.share == 1 else f"-{self.share:.0%}".rstrip("%") + "pc"
        return self.family + share + ("" if self.recipe == "plain" else f"-{self.recipe}")

    @property
    def simulated(self) -> bool:
        """Whether the fleet is simulated."""
        return self.family.startswith("sim-")

    @property
    def kind(self) -> str:
        """What the labels are made of: a name in :data:`KINDS`."""
        states, partly, random, competing = KINDS
        if self.simulated:
            dial = float(self.labels.removeprefix("dial"))
            return competing if dial < 0 else random if dial == 0 else partly if dial < 1 else states
        if self.labels in ("engine", "condition"):
            return competing
        if self.labels.startswith("flip"):
            return random if self.labels == "flip-100" else partly
        return states


@dataclass(frozen=True)
class CaseResult:
    """What is known of a case."""

    case: Case
    # FIGURES by method and seed, failed runs left out; RUL alone among them
    outcomes: Mapping[str, Mapping[int, Mapping[str, float]]]
    scores: Mapping[str, float]  # what each predictor said before training, NaN if undefined; larger says "helps"
    # method that the source's procedure prescribes, once for every initialisation that was measured
    prescribed: tuple[str, ...] = ()

    def values(self, method: str, figure: str = "rmse") -> Mapping[int, float]:
        """One of :data:`FIGURES` by seed."""
        return {seed: figures[figure] for seed, figures in self.outcomes[method].items()}

    def effect(self, method: str, figure: str = "rmse") -> Estimate:
        """Effect of the second task: a joint method's test RMSE minus that of RUL alone with the same inner axis, in per cent
        of the latter, paired by seed: ``lower`` where the task helps."""
        return self.compared(method, REFERENCE[method], figure)

    def compared(self, method: str, reference: str, figure: str = "rmse") -> Estimate:
        """Paired difference of two methods, in per cent of the reference's RMSE on the same seeds; Student's interval."""
        one, other = self.values(method, figure), self.values(reference, figure)
        cycles = paired(one, other)
        assert cycles is not None  # a case is loaded with every method or not at all
        percent = 100 / float(np.mean([other[seed] for seed in sorted(one.keys() & other.keys())]))
        level, low, high = (percent * value for value in (cycles.mean, cycles.low, cycles.high))
        return Estimate(level, low, high, cycles.n, cycles.p)


@dataclass(frozen=True)
class Predictor:
    """A way of predicting, before training, whether the second task helps."""

    name: str  # name in tables
    title: str  # what it is, in words
    steps: float  # its cost in training steps, all initialisations; what several parts read off one run is paid once
    # predictors that a combination is made of: a ridge regression of the true effect on their ranked scores, fitted on the
    # other families. Empty where it is none
    parts: tuple[str, ...] = ()


@dataclass(frozen=True)
class ValidityStudy:
    """The study."""

    cases: tuple[CaseResult, ...]
    predictors: tuple[Predictor, ...]  # the predictors, in the order of tables
    training: int  # steps of one training
    comparison: int  # steps of the comparison that an advice saves: every method with every seed

    def rho_and_effect(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """rho as ``grace diagnose`` measures it before training, and the effect under GRACE after it, ``[cases]`` each."""
        rho = np.array([case.scores["diagnose"] for case in self.cases])
        return rho, np.array([case.effect("grace").mean for case in self.cases])

    def write(self, path: Path) -> None:
        """Write the file that ships; a training is a list in the order of :data:`FIGURES`, an undefined score is null."""
        FORMAT.write(path, asdict(self) | {"cases": [_packed(found) for found in self.cases]})

    @staticmethod
    def read(path: Path = FILE) -> ValidityStudy:
        """Read what :meth:`write` wrote (a GraceError where it is damaged); without a path, what ships with this version."""
        body = FORMAT.read(path)
        predictors = [built(Predictor, p | {"parts": tuple(p["parts"])}, str(path)) for p in body["predictors"]]
        cases = tuple(_unpacked(values) for values in body["cases"])
        return built(ValidityStudy, body | {"cases": cases, "predictors": tuple(predictors)}, str(path))


def _packed(found: CaseResult) -> Body:
    outcomes = {
        method: {seed: [figures[name] for name in FIGURES] for seed, figures in seeds.items()}
        for method, seeds in found.outcomes.items()
    }
    scores = {name: None if score != score else score for name, score in found.scores.items()}
    return asdict(found) | {"outcomes": outcomes, "scores": scores}


def _unpacked(values: Body) -> CaseResult:
    outcomes = {
        method: {int(seed): dict(zip(FIGURES, figures, strict=True)) for seed, figures in seeds.items()}
        for method, seeds in values["outcomes"].items()
    }
    scores = {name: float("nan") if score is None else score for name, score in values["scores"].items()}
    return CaseResult(Case(**values["case"]), outcomes, scores, tuple(values["prescribed"]))


def families_of(cases: Sequence[CaseResult]) -> NDArray[np.str_]:
    """Family of each case: they share engines, so they are held out, and drawn, together."""
    return np.array([found.case.family for found in cases])
