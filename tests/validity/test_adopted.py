"""What `grace diagnose` prints of the study is what the committed records say; the pictures hold every case."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from importlib.resources import files
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from sklearn.tree import DecisionTreeRegressor

from grace.alignment.decide import STUDY
from grace.alignment.study import FILE
from grace.alignment.study import study as shipped
from grace.errors import GraceError
from grace.validity import adopt, figures, study, tables
from grace.validity.adopt import Outcome
from grace.validity.cases import Case
from grace.validity.effects import effect
from grace.validity.outcomes import JOINT, METHODS
from grace.validity.policies import SIMPLEST, Policy, policies
from grace.validity.study import Measured

RECORDS = Path(__file__).parents[2] / "results" / "validity"


@pytest.fixture(scope="module")
def cases() -> list[Measured]:
    return study.load(RECORDS)


@pytest.fixture(scope="module")
def found(cases: list[Measured]) -> dict[str, Policy]:
    return {policy.name: policy for policy in policies(cases)}


def test_what_diagnose_says_of_the_study_is_what_its_records_say(cases: list[Measured]) -> None:
    made = adopt.study_of(cases)
    assert shipped() == made
    assert json.loads(files("grace.alignment").joinpath(FILE).read_text()) == json.loads(json.dumps(asdict(made)))
    assert round(adopt.edge(adopt.outcomes_of(cases)), 2) == STUDY.weak
    value, low, high = made.correlation
    assert low < 0 < high  # else "rho did not predict benefit" would have to go
    assert f"{made.cases} cases (rank correlation with the gain {value:+.2f} [{low:+.2f}, {high:+.2f}])" in made.words


def test_no_fixed_method_has_a_lower_regret_than_the_simplest(found: dict[str, Policy]) -> None:
    assert min(METHODS, key=lambda name: found[f"always {name}"].regret.value) == SIMPLEST
    assert all(found[f"always {name}"].to_simplest.low > 0 for name in JOINT)


def test_hindsight_flatters_nobody_more_than_another(found: dict[str, Policy]) -> None:
    gaps = [policy.hindsight.value - policy.regret.value for policy in found.values()]
    assert max(gaps) - min(gaps) < 0.1
    assert min(gaps) > 0.3


def test_every_case_has_three_seeds_or_more(cases: list[Measured]) -> None:
    assert len(cases) >= 40
    for case in cases:
        assert min(effect(case, method).change.n for method in JOINT) >= 3, case.case.name


def test_the_edge_is_that_of_a_tree_with_one_split() -> None:
    rng = np.random.default_rng(0)
    for _ in range(10):
        rho = rng.normal(size=40).round(1)
        effects = np.where(rho < 0.2, 3.0, 1.0) + rng.normal(size=40)
        rows = [Outcome("", r, e) for r, e in zip(rho, effects, strict=True)]
        tree = DecisionTreeRegressor(max_depth=1).fit(rho[:, None], effects)
        assert adopt.edge(rows) == pytest.approx(tree.tree_.threshold[0])


def test_the_picture_of_the_advice_holds_every_case(cases: list[Measured], tmp_path: Path) -> None:
    spec = figures.advice_against_outcome(cases, "diagnose", "grace", "rho")
    values = {row["case"]: row for row in spec["data"]["values"]}
    assert set(values) == {case.case.name for case in cases}
    for case in cases:
        assert math.isclose(values[case.case.name]["effect"], effect(case, "grace").change.mean, abs_tol=1e-3)
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
    for words in (
        "no predictor: the base rate",
        "predictors were looked at",
        "policies were looked at",
        "after BH at 5%",
    ):
        assert words in text
    assert "nan" not in text


def test_a_folder_that_cannot_be_written(cases: list[Measured], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(GraceError, match="file"):
        figures.draw(cases, "grace", tmp_path / "file")


def test_one_family_alone_is_refused_in_words(cases: list[Measured]) -> None:
    family = [case for case in cases if case.case.family == "FD001"]
    with pytest.raises(GraceError, match="FD001 alone"):
        tables.report(family)
