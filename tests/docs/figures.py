"""What the tests of the pages' figures share: the committed records, read once, and numbers as the pages print them."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from grace.bench.store import Store
from grace.bench.summary import Row, summarise, values_by_seed
from grace.bench.sweep import METHODS
from grace.core.stats import Estimate, Span, bootstrap, mean, paired, student
from grace.training.record import Record
from grace.validity.judge import judge
from grace.validity.policies import Policy
from grace.validity.power import Power
from grace.validity.study import CaseResult, ValidityStudy, families_of

ROOT = Path(__file__).parents[2]
SETS = ("FD001", "FD002", "FD003", "FD004")
SHARING = ("baseline", "amnl", "gaba", "grace")


def missing(pages: dict[str, list[str]]) -> str:
    """The sentences that a page does not hold, one a line."""
    lost = [
        f"{page}: {sentence}"
        for page, sentences in pages.items()
        for sentence in sentences
        if sentence not in text(page)
    ]
    return "\n".join(lost)


@cache
def text(name: str) -> str:
    """A page on one line, so that no line break stands inside a sentence."""
    return " ".join((ROOT / name).read_text().split())


FOLDERS = {"statistics": "results", "compact": "results/compact"}
"""Where the runs of each network are."""


@cache
def records(size: str) -> list[Record]:
    """The 180 runs of a network."""
    return [record for record in every_record(size) if record.spec["method"] in METHODS]


@cache
def every_record(size: str) -> list[Record]:
    """The same, and the runs of fixed weights where there are any."""
    return Store(ROOT / FOLDERS[size]).all_records()


@cache
def study() -> ValidityStudy:
    return ValidityStudy.read()


def cases() -> tuple[CaseResult, ...]:
    return study().cases


@cache
def rows(size: str, metric: str = "rmse") -> dict[tuple[str, str], Row]:
    return {(row.dataset, row.method): row for row in summarise(records(size), metric)}


@cache
def policy() -> dict[str, Policy]:
    return {found.name: found for found in Policy.every(study())}


@cache
def predictor() -> dict[str, Any]:
    return {found.predictor.name: found for found in judge(study(), "grace")}


@cache
def powers() -> dict[str, Power]:
    return {method: Power.of(cases(), method) for method in SHARING}


def case(name: str) -> CaseResult:
    return next(found for found in cases() if found.case.name == name)


def gap(size: str, dataset: str, method: str, reference: str, metric: str = "rmse") -> Estimate:
    """Paired difference of two methods in the runs of a network."""
    values = values_by_seed(every_record(size), metric, "honest")[dataset]
    found = paired(values[method], values[reference])
    assert found is not None
    return found


def share(size: str, dataset: str, method: str, reference: str, metric: str) -> float:
    """The same in per cent of the reference's mean."""
    level = np.mean([*values_by_seed(every_record(size), metric, "honest")[dataset][reference].values()])
    return 100 * gap(size, dataset, method, reference, metric).mean / float(level)


def inner(simulated: bool, recipe: str = "plain") -> Span:
    """RUL alone, weighted against plain MSE, over the trainings of one part of the study."""
    wanted = (simulated, recipe)
    mine = list({c.case.data: c for c in cases() if (c.case.simulated, c.case.recipe) == wanted}.values())
    changes = np.array([c.compared("rul-only-weighted", "rul-only").mean for c in mine])
    return bootstrap(mean, changes, families=families_of(mine))


def group(kind: str, engines: float = 1.0, recipe: str = "plain") -> list[CaseResult]:
    """C-MAPSS cases with one kind of labels."""
    wanted = (kind, engines, recipe, False)
    return [c for c in cases() if (c.case.kind, c.case.share, c.case.recipe, c.case.simulated) == wanted]


def changes(members: list[CaseResult], *methods: str) -> Estimate:
    """Mean over cases of the mean effect over methods, per cent."""
    return student([float(np.mean([found.effect(m).mean for m in methods])) for found in members])


def words(found: Estimate, digits: int = 2, unit: str = "") -> str:
    """``+1.23 [+1.00, +1.46]``."""
    value, low, high = (f"{v:+.{digits}f}" for v in (found.mean, found.low, found.high))
    return f"{value}{unit} [{low}, {high}]"


def span(found: Span, digits: int = 2, sign: str = "+", unit: str = "") -> str:
    """The same of a bootstrap interval."""
    value, low, high = (f"{v:{sign}.{digits}f}" for v in (found.value, found.low, found.high))
    return f"{value}{unit} [{low}, {high}]"
