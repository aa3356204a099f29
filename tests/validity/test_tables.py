"""What `grace diagnose` prints of the study is what ships of it; tables and pictures hold every case."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from sklearn.tree import DecisionTreeRegressor

from grace.alignment.decide import STUDY
from grace.alignment.study import Study
from grace.errors import GraceError
from grace.validity import figures, judge, tables
from grace.validity.policies import SIMPLEST, Policy
from grace.validity.study import FILE, JOINT, KINDS, METHODS, Case, CaseResult, Predictor, ValidityStudy


@pytest.fixture(scope="module")
def study() -> ValidityStudy:
    return ValidityStudy.read()


@pytest.fixture(scope="module")
def found(study: ValidityStudy) -> dict[str, Policy]:
    return {policy.name: policy for policy in Policy.every(study)}


def test_what_diagnose_says_of_the_study_is_what_ships_of_it(study: ValidityStudy) -> None:
    assert round(judge.edge(*study.rho_and_effect()), 2) == STUDY.weak
    made = Study.read()
    value, low, high = made.correlation
    assert low < 0 < high  # else "rho did not predict benefit" would have to go
    assert (
        f"{len(study.cases)} cases (rank correlation with the gain {value:+.2f} [{low:+.2f}, {high:+.2f}])"
        in made.words
    )


def test_a_study_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    """Seeds are numbers, the last digit of a figure counts, and a score that is undefined stays so."""
    outcomes = {"grace": {1: {"rmse": 0.1 + 0.2, "last": 4.0}}}
    case = CaseResult(Case("FD001", "engine", 0.25), outcomes, {"a": 1 / 3, "b": math.nan}, ("grace", "rul-only"))
    study = ValidityStudy((case,), (Predictor("a", "one", 5.0), Predictor("c", "both", 7.5, ("a", "b"))), 500, 15_000)
    study.write(tmp_path / "cases.json")
    back = ValidityStudy.read(tmp_path / "cases.json")
    assert math.isnan(back.cases[0].scores["b"])
    assert back == replace(study, cases=(replace(case, scores=back.cases[0].scores),))
    assert (back.cases[0].scores["a"], back.cases[0].case.name) == (1 / 3, "FD001-25pc-engine")


def test_a_damaged_study_is_named(tmp_path: Path) -> None:
    path = tmp_path / "cases.json"
    path.write_text(FILE.read_text().replace("sim-1x1-40", "sim-1x1-41", 1))
    with pytest.raises(GraceError, match=r"cases\.json should be whole"):
        ValidityStudy.read(path)


def test_no_fixed_method_has_a_lower_regret_than_the_simplest(found: dict[str, Policy]) -> None:
    assert min(METHODS, key=lambda name: found[f"always {name}"].regret.value) == SIMPLEST
    assert all(found[f"always {name}"].to_simplest.low > 0 for name in JOINT)


def test_hindsight_flatters_nobody_more_than_another(found: dict[str, Policy]) -> None:
    gaps = [policy.hindsight.value - policy.regret.value for policy in found.values()]
    assert max(gaps) - min(gaps) < 0.1
    assert min(gaps) > 0.3


def test_every_case_has_three_seeds_or_more(study: ValidityStudy) -> None:
    assert len(study.cases) >= 40
    for case in study.cases:
        assert min(case.effect(method).n for method in JOINT) >= 3, case.case.name


def test_the_edge_is_that_of_a_tree_with_one_split() -> None:
    rng = np.random.default_rng(0)
    for _ in range(10):
        rho = rng.normal(size=40).round(1)
        effects = np.where(rho < 0.2, 3.0, 1.0) + rng.normal(size=40)
        tree = DecisionTreeRegressor(max_depth=1).fit(rho[:, None], effects)
        assert judge.edge(rho, effects) == pytest.approx(tree.tree_.threshold[0])


def test_the_picture_of_the_advice_holds_every_case(study: ValidityStudy, tmp_path: Path) -> None:
    spec = figures.advice_against_outcome(study, "diagnose", "grace", "rho")
    values = {row["case"]: row for row in spec["data"]["values"]}
    assert set(values) == {case.case.name for case in study.cases}
    for case in study.cases:
        assert math.isclose(values[case.case.name]["effect"], case.effect("grace").mean, abs_tol=1e-3)
    figures.draw(study, "grace", tmp_path)
    text = (tmp_path / "advice.svg").read_text()
    ElementTree.fromstring(text)
    assert all(word in text for word in (*KINDS, "hurts", "helps"))
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
    assert case.kind == kind


def test_the_tables_name_every_predictor_and_policy(study: ValidityStudy) -> None:
    text = tables.report(study)
    for name in (*(p.name for p in study.predictors), "source's rule", "random", *(f"always {m}" for m in METHODS)):
        assert f"| {name} |" in text
    for words in (
        "no predictor: the base rate",
        "predictors were looked at",
        "policies were looked at",
        "after BH at 5%",
    ):
        assert words in text
    assert "nan" not in text


def test_a_folder_that_cannot_be_written(study: ValidityStudy, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(GraceError, match="file"):
        figures.draw(study, "grace", tmp_path / "file")


def test_one_family_alone_is_refused_in_words(study: ValidityStudy) -> None:
    family = tuple(case for case in study.cases if case.case.family == "FD001")
    with pytest.raises(GraceError, match="FD001 alone"):
        tables.report(replace(study, cases=family))
