"""The decision: bands of rho and the questions Q1-Q5 as one pure function of what was measured."""

from __future__ import annotations

import math
from dataclasses import dataclass

from grace.errors import GraceError

PRECEDENCE = "Q1, then the band of rho (it answers Q3, and wins where the two disagree), then Q2, Q4 and Q5"
"""The one precedence. The source's bands say GABA for rho in +0.05..+0.20 where its Q3 says single-task or AMNL; the band
is the finer statement. It also precedes Q2: fixed equal weights do not mend tasks that should not share."""


@dataclass(frozen=True)
class Thresholds:
    """A rule by its numbers; the defaults are the source's (its section 21.3), which our study does not bear out.

    Attributes:
        strong: rho above which GRACE is prescribed (band 1 and Q3).
        weak: rho above which GABA with plain MSE is prescribed (band 2).
        opposed: rho below which separate models are prescribed (band 4).
        ratio: Ratio of the gradient norms, RUL loss in cycles^2, above which adaptive weights are worth having (Q2).
        near_failure: Share of samples near failure above which the inner axis is switched on (Q4).
        conditions: Operating conditions from which the recommendation is called strong (Q5).
        prescribes: Whether the bands prescribe a method. Where they do not, the one edge of rho, ``weak``, says whether the
            labels follow RUL, and no method follows from it.
    """

    strong: float = 0.20
    weak: float = 0.05
    opposed: float = -0.05
    ratio: float = 100.0
    near_failure: float = 0.10
    conditions: int = 2
    prescribes: bool = True

    def __post_init__(self) -> None:
        if not self.opposed <= self.weak <= self.strong:
            raise GraceError(
                "Thresholds should hold `opposed` <= `weak` <= `strong`. "
                f"Found {self.opposed}, {self.weak}, {self.strong}."
            )

    def edges(self) -> tuple[float, ...]:
        """Edges of the bands of rho, ascending."""
        return (self.opposed, self.weak, self.strong) if self.prescribes else (self.weak,)

    def bands(self) -> tuple[str, ...]:
        """What each band says, ascending; one more than edges."""
        if not self.prescribes:
            return "labels do not follow RUL", "labels follow RUL"
        return "separate models", "single-task or AMNL", "GABA", "GRACE"


MAX_INITS = 200  # more than this nobody should be sent to measure

SOURCE = Thresholds()
"""Thresholds as published."""

STUDY = Thresholds(opposed=0.18, weak=0.18, strong=0.18, prescribes=False)
"""What the validity study leaves (docs/validity.md): rho tells what the labels follow, and did not tell whether sharing pays. The
edge is the one that splits the effects of the second task best; without one of the families it lies elsewhere."""

UNMEASURED = Thresholds(opposed=0.0, weak=0.0, strong=0.0, prescribes=False)
"""The same on networks that the study did not measure. How large rho gets depends on the network; labels that say nothing read 0
on every one (docs/diagnosis.md), so that the edge is 0."""

RULES = {"study": STUDY, "source": SOURCE}
"""Rules by name; ``grace diagnose`` goes by ``study``, which prescribes nothing, :func:`decide` by ``source``."""

COMPARE = "compare"
"""In place of a method where none follows: train both ways and look."""


@dataclass(frozen=True)
class Evidence:
    """What the decision is made from.

    Attributes:
        rho: Mean cosine of the task gradients.
        low: Lower end of its interval over initialisations; equal to ``rho`` if no interval is known.
        high: Upper end.
        ratio: Largest over smallest gradient norm, RUL loss in cycles^2.
        near_failure_share: Share of samples with RUL under 30 cycles; None where the first task is no RUL.
        conditions: Operating conditions; None where that means nothing.
        tasks: Tasks on one shared backbone.
        reliable: False for a recipe that is known to say nothing.
        inits: Initialisations behind the interval; 0 if unknown.
        recipe: Name of the recipe, for what would decide an undecided case.
    """

    rho: float
    low: float
    high: float
    ratio: float
    near_failure_share: float | None
    conditions: int | None
    tasks: int = 2
    reliable: bool = True
    inits: int = 0
    recipe: str = ""


@dataclass(frozen=True)
class _Answer:
    """One question: its text, what was measured, whether it passed (None: not reached) and what follows."""

    question: str
    text: str
    measured: str
    passed: bool | None
    reason: str


@dataclass(frozen=True)
class Prescription:
    """What to train."""

    # `grace`, `gaba`, `amnl`, `baseline`, `single-task` or `separate-models`; COMPARE by a rule that prescribes nothing
    method: str
    decided: bool  # False where rho's interval crosses the edge of a band, or is known to say nothing
    answers: tuple[_Answer, ...]  # every question in order
    strength: str  # `strong`, `may still help` or empty (Q5; only where sharing is advised)
    crossed: tuple[float, ...]  # edges of the bands that lie inside the interval
    next_step: str  # what would decide an undecided case; empty otherwise

    @property
    def reasons(self) -> list[str]:
        """Every reason in words, in order of precedence."""
        lines = [f"{a.question} {a.text} {a.measured}: {a.reason}" for a in self.answers]
        return [*lines, self.next_step] if self.next_step else lines


def decide(evidence: Evidence, thresholds: Thresholds = SOURCE) -> Prescription:
    """Prescribe a method from measured alignment and facts of the data. Pure: the same evidence, the same answer.

    With :data:`STUDY` no method follows, and rho says whether the labels follow RUL. With :data:`SOURCE`, as published:
    precedence :data:`PRECEDENCE`; the bands of rho (source, 21.3): above +0.20 GRACE; +0.05..+0.20 GABA with plain MSE;
    -0.05..+0.05 single-task, or AMNL where Q4 passes (the axes are switched separately); below -0.05 separate models.
    A value on an edge belongs to the lower band, as the source's ``>`` has it, except ``opposed``, where ``<`` holds.

    Args:
        evidence: What was measured.
        thresholds: The rule; the source's by default.

    Raises:
        GraceError: rho outside [-1, 1], or an interval that does not hold it, a ratio under 1, a share outside [0, 1].
    """
    _check(evidence)
    several = _q1(evidence)
    if not several.passed:
        return Prescription("single-task", True, (several, *_NOT_REACHED), "", (), "")
    band, q2, q4, q5 = (question(evidence, thresholds) for question in (_band, _q2, _q4, _q5))
    method = _method(evidence, thresholds, bool(q2.passed), bool(q4.passed))
    crossed = tuple(edge for edge in thresholds.edges() if evidence.low <= edge <= evidence.high)
    decided = evidence.reliable and not crossed
    strength = ("strong" if q5.passed else "may still help") if method in ("grace", "gaba") else ""
    next_step = "" if decided else _next_step(evidence, crossed)
    return Prescription(method, decided, (several, band, q2, q4, q5), strength, crossed, next_step)


def _method(e: Evidence, t: Thresholds, adaptive: bool, near_failure: bool) -> str:
    if not t.prescribes:
        return COMPARE
    if e.rho < t.opposed:
        return "separate-models"
    if e.rho <= t.weak:
        return "amnl" if near_failure else "single-task"
    if not adaptive:
        return "baseline"
    return "grace" if e.rho > t.strong and near_failure else "gaba"


def _q1(e: Evidence) -> _Answer:
    passed = e.tasks >= 2
    reason = "go on" if passed else "no second task: single-task"
    return _Answer("Q1", "Two or more tasks on one backbone?", str(e.tasks), passed, reason)


def _band(e: Evidence, t: Thresholds) -> _Answer:
    measured = f"{e.rho:+.3f} [{e.low:+.3f}, {e.high:+.3f}]"
    if not t.prescribes:
        ours = ("the other tasks do not ask for what the first one needs", "the tasks ask for the same features")
        words = (t.bands() if e.near_failure_share is not None else ours)[e.rho > t.weak]
        return _Answer("Band", f"rho > {t.weak:+.2f}?", measured, e.rho > t.weak, words)
    if e.rho < t.opposed:
        reason = f"below {t.opposed:+.2f}: separate models"
    elif e.rho <= t.weak:
        reason = f"{t.opposed:+.2f}..{t.weak:+.2f}, no alignment: single-task, or AMNL where Q4 passes"
    elif e.rho <= t.strong:
        reason = f"{t.weak:+.2f}..{t.strong:+.2f}, weak alignment: GABA with plain MSE"
    else:
        reason = f"above {t.strong:+.2f}: aligned, GRACE if Q2 and Q4 pass"
    return _Answer("Band", f"rho > {t.strong:+.2f}? (Q3)", measured, e.rho > t.strong, reason)


def _q2(e: Evidence, t: Thresholds) -> _Answer:
    passed = e.ratio > t.ratio
    reason = "weights need balancing" if passed else "no imbalance to mend: fixed equal weights if the tasks share"
    return _Answer("Q2", f"Gradient ratio > {t.ratio:g}?", f"{e.ratio:.4g}", passed, reason)


def _q4(e: Evidence, t: Thresholds) -> _Answer:
    if e.near_failure_share is None:
        return _unknown("Q4", f"More than {t.near_failure:.0%} of samples near failure?")
    passed = e.near_failure_share > t.near_failure
    reason = "the inner axis (weighted MSE) has something to weigh" if passed else "plain MSE"
    measured = f"{e.near_failure_share:.1%}"
    return _Answer("Q4", f"More than {t.near_failure:.0%} of samples near failure?", measured, passed, reason)


def _q5(e: Evidence, t: Thresholds) -> _Answer:
    if e.conditions is None:
        return _unknown("Q5", "Several operating conditions?")
    passed = e.conditions >= t.conditions
    reason = "a recommendation to share is strong" if passed else "a recommendation to share may still help"
    return _Answer("Q5", "Several operating conditions?", str(e.conditions), passed, reason)


def _unknown(question: str, text: str) -> _Answer:
    return _Answer(question, text, "", None, "not asked: the first task is no RUL")


_NOT_REACHED = tuple(_Answer(name, "", "", None, "not reached") for name in ("Band", "Q2", "Q4", "Q5"))


def _next_step(e: Evidence, crossed: tuple[float, ...]) -> str:
    if not e.reliable:
        return "Undecided: this recipe says nothing about outcomes; measure with the recipe `joint`."
    edges = ", ".join(f"{edge:+.2f}" for edge in crossed)
    other = "" if e.recipe in ("", "joint") else " Or measure with the recipe `joint`, whose spread is smaller."
    wanted = _wanted_inits(e, min(abs(e.rho - edge) for edge in crossed))
    if wanted is None:
        advice = "Measure with 8 initialisations or more."
    elif wanted > MAX_INITS:
        advice = (
            f"The mean is so near an edge that {MAX_INITS} initialisations would not tell; both sides are defensible."
        )
    else:
        advice = f"About {wanted} initialisations would decide it if the mean stays."
    return f"Undecided: the interval crosses {edges}. {advice}{other}"


def _wanted_inits(e: Evidence, distance: float) -> int | None:
    half = (e.high - e.low) / 2
    if e.inits < 2 or half <= 0:
        return None
    return math.ceil(round(e.inits * (half / distance) ** 2, 6)) + 1 if distance > 0 else 10**9


def _check(e: Evidence) -> None:
    if not -1 <= e.low <= e.rho <= e.high <= 1:
        raise GraceError(f"Evidence should hold -1 <= low <= rho <= high <= 1. Found {e.low}, {e.rho}, {e.high}.")
    if not e.ratio >= 1:
        raise GraceError(f"`ratio` should be at least 1 (largest over smallest norm). Found {e.ratio}.")
    if e.near_failure_share is not None and not 0 <= e.near_failure_share <= 1:
        raise GraceError(f"`near_failure_share` should be in [0, 1]. Found {e.near_failure_share}.")
