"""What `grace diagnose` prints of the study is what the committed records say; the pictures hold every case."""

from __future__ import annotations

import math
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from sklearn.tree import DecisionTreeRegressor

from grace.alignment.decide import STUDY
from grace.alignment.study import Outcome, alike, outcomes
from grace.errors import GraceError
from grace.validity import adopt, figures, study, tables
from grace.validity.cases import Case
from grace.validity.effects import effect
from grace.validity.outcomes import JOINT, METHODS
from grace.validity.policies import policies
from grace.validity.study import Measured

RECORDS = Path(__file__).parents[2] / "results" / "validity"


@pytest.fixture(scope="module")
def cases() -> list[Measured]:
    return study.load(RECORDS)


def test_the_calibration_is_that_of_the_records(cases: list[Measured]) -> None:
    assert outcomes() == tuple(adopt.outcomes_of(cases))
    assert round(adopt.edge(outcomes()), 2) == STUDY.weak


def test_no_method_that_shares_has_a_lower_regret_than_the_advice(cases: list[Measured]) -> None:
    regret = {policy.name: policy.regret for policy in policies(cases)}
    assert STUDY.always == min(METHODS, key=lambda name: regret[f"always {name}"].value)
    # the method that stands for sharing is level with the least of those that share
    assert regret[f"always {adopt.SHARED}"].low <= min(regret[f"always {name}"].value for name in JOINT)


def test_every_case_has_three_seeds_or_more(cases: list[Measured]) -> None:
    assert len(cases) >= 40
    for case in cases:
        assert min(effect(case, method).seeds for method in JOINT) >= 3, case.case.name


def test_the_edge_is_that_of_a_tree_with_one_split() -> None:
    rng = np.random.default_rng(0)
    for _ in range(10):
        rho = rng.normal(size=40).round(1)
        effects = np.where(rho < 0.2, 3.0, 1.0) + rng.normal(size=40)
        rows = [Outcome("", r, e, "unclear", False) for r, e in zip(rho, effects, strict=True)]
        tree = DecisionTreeRegressor(max_depth=1).fit(rho[:, None], effects)
        assert adopt.edge(rows) == pytest.approx(tree.tree_.threshold[0])


def test_alike_counts_the_cases_of_the_band() -> None:
    for rho in (-0.9, STUDY.weak, 0.9):
        band = [case for case in outcomes() if (case.rho > STUDY.weak) == (rho > STUDY.weak)]
        found = alike(rho)
        assert found.cases == len(band)
        assert found.hurt == sum(case.verdict == "hurts" for case in band)
        assert found.helped == sum(case.verdict == "helps" for case in band)
        assert found.studied == len(outcomes())
        assert f"helped {found.helped} and hurt {found.hurt}" in found.words


def test_beaten_means_measurably_better_than_the_advice() -> None:
    def figures_of(*values: float) -> dict[int, dict[str, float]]:
        return {seed: {"rmse": value} for seed, value in enumerate(values)}

    case = Measured(Case("FD001", "engine"), {STUDY.always: figures_of(10, 20, 30), "gaba": figures_of(9, 18.9, 29.1)})
    assert adopt.is_better(case, "gaba", STUDY.always)
    case.outcomes["gaba"] = figures_of(9, 19, 31)
    assert not adopt.is_better(case, "gaba", STUDY.always)


def test_the_picture_of_the_advice_holds_every_case(cases: list[Measured], tmp_path: Path) -> None:
    spec = figures.advice_against_outcome(cases, "diagnose", "grace", "rho")
    values = {row["case"]: row for row in spec["data"]["values"]}
    assert set(values) == {case.case.name for case in cases}
    for case in cases:
        assert math.isclose(values[case.case.name]["effect"], effect(case, "grace").mean, abs_tol=1e-3)
    figures.draw(cases, "grace", tmp_path)
    text = (tmp_path / "advice.svg").read_text()
    ElementTree.fromstring(text)
    assert all(word in text for word in (*figures.KINDS, "hurts", "helps"))
    regret = (tmp_path / "regret.svg").read_text()
    assert all(f"always {name}" in regret for name in METHODS)


@pytest.mark.parametrize(
    ("case", "kind"),
    [
        (Case("sim-1x2-40", "dial+1"), "health states"),
        (Case("sim-1x2-40", "dial+0.5"), "health states, partly random"),
        (Case("sim-1x2-40", "dial+0"), "random"),
        (Case("sim-1x2-40", "dial-0.5"), "competing"),
        (Case("FD002", "condition"), "competing"),
        (Case("FD002", "flip-100"), "random"),
        (Case("FD002", "flip-10"), "health states, partly random"),
        (Case("FD002", "permuted"), "health states"),
    ],
)
def test_kinds_of_labels(case: Case, kind: str) -> None:
    assert figures.kind_of(case) == kind


def test_the_tables_name_every_predictor_and_policy(cases: list[Measured]) -> None:
    text = tables.report(cases)
    for name in (*(p.name for p in tables.PREDICTORS), "source's rule", "random", *(f"always {m}" for m in METHODS)):
        assert f"| {name} |" in text
    assert "nan" not in text


def test_a_folder_that_cannot_be_written(cases: list[Measured], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(GraceError, match="file"):
        figures.draw(cases, "grace", tmp_path / "file")


def test_one_family_alone_is_refused_in_words(cases: list[Measured]) -> None:
    family = [case for case in cases if case.case.family == "FD001"]
    with pytest.raises(GraceError, match="FD001 alone"):
        tables.report(family)
