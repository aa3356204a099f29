"""The decision as a table, its precedence, its edges, and what an interval on an edge does to it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grace.alignment import decide as rules
from grace.alignment.decide import PRECEDENCE, SOURCE, STUDY, Evidence, Prescription, Thresholds
from grace.errors import GraceError

ALIGNED = Evidence(rho=0.31, low=0.28, high=0.34, ratio=500, near_failure_share=0.169, conditions=6, inits=8)


def decide(evidence: Evidence, thresholds: Thresholds = SOURCE) -> Prescription:
    return rules.decide(evidence, thresholds)


def at(rho: float, **changes: object) -> Evidence:
    return replace(ALIGNED, rho=rho, low=rho, high=rho, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("evidence", "method", "strength"),
    [
        (at(0.31), "grace", "strong"),
        (at(0.31, conditions=1), "grace", "may still help"),
        (at(0.31, near_failure_share=0.05), "gaba", "strong"),
        (at(0.31, ratio=100.0), "baseline", ""),
        (at(0.12), "gaba", "strong"),
        (at(0.12, ratio=50), "baseline", ""),
        (at(-0.02), "amnl", ""),
        (at(-0.02, near_failure_share=0.05), "single-task", ""),
        (at(-0.02, ratio=2), "amnl", ""),
        (at(-0.30), "separate-models", ""),
        (at(-0.30, ratio=2), "separate-models", ""),
        (at(0.90, tasks=1), "single-task", ""),
        # on an edge: the source's `>` and `<`
        (at(0.2001), "grace", "strong"),
        (at(0.0501), "gaba", "strong"),
        (at(-0.0501), "separate-models", ""),
        (at(0.31, near_failure_share=0.10), "gaba", "strong"),
        (at(0.31, ratio=100.1), "grace", "strong"),
    ],
)
def test_the_table(evidence: Evidence, method: str, strength: str) -> None:
    found = decide(evidence)
    assert (found.method, found.strength, found.decided) == (method, strength, True)


@pytest.mark.parametrize(("rho", "method"), [(0.20, "gaba"), (0.05, "amnl"), (-0.05, "amnl")])
def test_a_mean_on_an_edge_belongs_to_the_lower_band_and_is_undecided(rho: float, method: str) -> None:
    found = decide(at(rho))
    assert (found.method, found.decided, found.crossed) == (method, False, (rho,))


def test_where_bands_and_q3_disagree_the_band_wins_and_it_is_printed() -> None:
    found = decide(at(0.12))
    band = next(answer for answer in found.answers if answer.question == "Band")
    assert band.passed is False  # Q3 says no
    assert found.method == "gaba"
    assert "band" in PRECEDENCE
    assert "Q3" in PRECEDENCE


def test_an_interval_across_an_edge_is_undecided_and_says_what_would_decide() -> None:
    found = decide(replace(ALIGNED, rho=0.25, low=0.15, high=0.35))
    assert not found.decided
    assert found.crossed == (0.20,)
    # half width 0.10, distance 0.05: four times the initialisations, and one for safety
    assert "33 initialisations" in found.reasons[-1]


def test_a_mean_on_the_edge_will_not_be_decided_by_more_initialisations() -> None:
    assert "near an edge" in decide(replace(ALIGNED, rho=0.2001, low=0.1, high=0.3)).next_step


def test_another_recipe_is_named_unless_it_was_the_one() -> None:
    wide = replace(ALIGNED, rho=0.1, low=-0.3, high=0.5)
    assert "joint" in decide(replace(wide, recipe="init")).next_step
    assert "joint" not in decide(replace(wide, recipe="joint")).next_step


def test_an_unreliable_recipe_never_decides() -> None:
    found = decide(replace(at(0.31), reliable=False))
    assert found.method == "grace"
    assert not found.decided
    assert "joint" in found.next_step


@given(st.floats(-1, 1), st.floats(0, 0.5))
def test_the_studys_rule_says_what_the_labels_follow_and_prescribes_nothing(rho: float, half: float) -> None:
    low, high = max(rho - half, -1.0), min(rho + half, 1.0)
    found = rules.decide(Evidence(rho, low, high, 500, 0.17, 6, inits=8), STUDY)
    assert (found.method, found.strength) == ("compare", "")
    band = next(answer for answer in found.answers if answer.question == "Band")
    assert band.passed == (rho > STUDY.weak)
    assert band.reason == STUDY.bands()[band.passed]
    assert found.decided == (not low <= STUDY.weak <= high)
    assert ("Undecided: the interval crosses +0.18" in found.next_step) == (not found.decided)


@given(st.floats(-1, 1))
def test_decide_prescribes_as_published_where_no_rule_is_named(rho: float) -> None:
    assert rules.decide(at(rho)) == rules.decide(at(rho), SOURCE)
    assert rules.decide(at(rho)).method != "compare"


def test_a_single_task_is_single_task_by_any_rule() -> None:
    assert {rules.decide(at(0.9, tasks=1), rule).method for rule in rules.RULES.values()} == {"single-task"}


def test_every_question_has_its_value_and_reason() -> None:
    found = decide(ALIGNED)
    assert [a.question for a in found.answers] == ["Q1", "Band", "Q2", "Q4", "Q5"]
    assert all(a.measured and a.reason and a.passed is not None for a in found.answers)
    assert len(found.reasons) == 5


def test_thresholds_are_overridable() -> None:
    assert decide(at(0.31), Thresholds(strong=0.5)).method == "gaba"
    assert decide(at(0.31), replace(SOURCE, ratio=1000)).method == "baseline"
    with pytest.raises(GraceError, match="weak"):
        Thresholds(weak=0.3)


rhos = st.floats(-1, 1)


@given(st.lists(rhos, min_size=3, max_size=3).map(sorted), st.floats(1, 1e6), st.floats(0, 1), st.integers(1, 6))
def test_decided_exactly_when_one_band_holds_the_interval(
    ends: list[float], ratio: float, share: float, conditions: int
) -> None:
    low, rho, high = ends
    evidence = Evidence(rho, low, high, ratio, share, conditions, inits=8)
    found = decide(evidence)
    assert found == decide(evidence)
    assert found.decided == (not any(low <= edge <= high for edge in (-0.05, 0.05, 0.20)))
    if found.decided:  # then both ends of the interval lead to the same method
        assert {decide(at_end(evidence, end)).method for end in (low, high)} == {found.method}
    else:
        assert found.next_step in found.reasons


def at_end(evidence: Evidence, end: float) -> Evidence:
    return replace(evidence, rho=end, low=end, high=end)


@pytest.mark.parametrize(
    "wrong",
    [{"rho": 2.0}, {"low": 0.4}, {"ratio": 0.5}, {"near_failure_share": 1.5}, {"rho": float("nan")}],
)
def test_impossible_evidence(wrong: dict[str, float]) -> None:
    with pytest.raises(GraceError, match="should") as caught:
        decide(replace(ALIGNED, **wrong))  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)
