"""The study of advice as judged: areas as scikit-learn has them, probabilities, coverage, and what policies cost, by hand."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import brier_score_loss, roc_auc_score

from grace.core.stats import Estimate
from grace.validity.advice_figures import draw, rows
from grace.validity.advice_judge import (
    Areas,
    Coverage,
    Regret,
    ahead,
    alike,
    at_windows,
    base_rates,
    brier,
    by_group,
    in_common,
    named,
    oracles,
    raced,
)
from grace.validity.advice_study import FORMAT, HELPS, HURTS, NOTHING, UNRESOLVED, AdviceStudy, Choice, Outcome, Said
from grace.validity.advice_tables import report
from grace.validity.advice_words import Short


def outcome(group: str, word: str, effect: float, score: float, **given: object) -> Outcome:
    whole = Said(0, {"race-1": score}, (0.0, 0.2), (effect + 0.01, 0.05), {"rule, one scale": (effect, 0.1)})
    said = (whole, Said(1, {"race-1": score / 2}, (0.0, 0.2)))
    estimate = Estimate(effect, effect - 0.02, effect + 0.02, 16, 0.01)
    values = {
        "label": "health",
        "weight": 0.1,
        "size": "wide",
        "suspended": "bound",
        "failures": 8,
        "user": False,
    } | given
    return Outcome(world=f"{group}-8", group=group, effect=estimate, error=0.01, word=word, said=said, **values)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def study() -> AdviceStudy:
    rng, found = np.random.default_rng(0), []
    for group in "abcde":
        for word, effect in ((HELPS, -0.2), (NOTHING, 0.0), (HURTS, 0.2), (UNRESOLVED, 0.05)):
            found.append(outcome(group, word, effect, -effect + 0.2 * rng.standard_normal(), user=group < "c"))
    return AdviceStudy("abc", tuple(found), CHOICES, {"race-1": (2.5, 0.0)}, {"group": 0.02, "case": 0.05})


CHOICES = tuple(
    [
        Choice(
            f"{group}-8",
            group,
            group < "c",
            draw,
            policy,
            regret + 0.01 * draw,
            None if policy == "noise floor" else loss,
        )
        for group in "abcde"
        for draw in range(4)
        for policy, regret, loss in (
            ("least expected", 0.01, -0.05),
            ("alone, tuned", 0.06, 0.0),
            ("fixed elsewhere", 0.04, -0.02),
            ("noise floor", 0.0, 0.0),
        )
    ]
)


def test_areas_are_those_of_scikit_learn(study: AdviceStudy) -> None:
    seen = study.seen("race-1").resolved
    found = Areas.of(seen)
    assert found.n == len(seen.score) == 2 * 15
    helps = seen.word == HELPS
    assert found.helps.value == pytest.approx(roc_auc_score(helps, seen.score))
    assert found.hurts.value == pytest.approx(roc_auc_score(seen.word == HURTS, -seen.score))
    assert found.helps.low <= found.helps.value <= found.helps.high
    each = [roc_auc_score(helps[seen.group == group], seen.score[seen.group == group]) for group in "abcde"]
    assert found.within == pytest.approx(np.mean(each))


def test_the_rule_is_judged_by_its_probabilities() -> None:
    """An effect that is less sure is less likely to help, and less likely to hurt, too."""
    sure, unsure = ((-0.05, 0.01), (-0.05, 0.2))
    said = Said(0, {"race-1": 0.3}, (0.0, 0.2), sure, {"rule, one scale": unsure})
    assert said.ranked["race-1"] == (0.3, 0.3)
    for name, (mean, sd) in {"rule": sure, "rule, one scale": unsure}.items():
        helps, safe = said.ranked[name]
        assert helps == pytest.approx(stats.norm.cdf(math.log(0.98), mean, sd))
        assert safe == pytest.approx(-stats.norm.sf(math.log(1.02), mean, sd))
    both = [
        replace(outcome("a", word, -0.05, 0.0), said=(Said(0, {}, (0.0, 0.2), (-0.05, sd)),))
        for word, sd in ((HELPS, 0.01), (HURTS, 0.2))
    ]
    found = Areas.of(AdviceStudy("abc", tuple(both), ()).seen("rule"))
    assert found.helps.value == found.hurts.value == 1.0  # a mean alone would have said nothing


def test_the_brier_score_of_base_rates(study: AdviceStudy) -> None:
    seen = study.seen("race-1").resolved
    helps = seen.word == HELPS
    chance = base_rates(seen.group, helps)
    assert chance == pytest.approx(np.full(30, 1 / 3))
    assert brier(chance, helps) == pytest.approx(brier_score_loss(helps, chance))


def test_an_interval_holds_with_the_error_of_the_effect(study: AdviceStudy) -> None:
    found = Coverage.of(raced(study.outcomes))
    assert (found.n, found.share.value) == (20, 1.0)
    assert found.expected - found.came == pytest.approx(0.01)
    half = stats.norm.ppf(0.95) * math.hypot(0.05, 0.01)
    near, far = (outcome("a", HELPS, 0.0, 0.0) for _ in range(2))
    said = [Said(0, {}, (0.0, 0.2), (value, 0.05)) for value in (half - 1e-6, half + 1e-6)]
    both = [Outcome(**vars(one) | {"said": (mine,)}) for one, mine in zip((near, far), said, strict=True)]
    assert [Coverage.of(raced([one])).share.value for one in both] == [1.0, 0.0]


def test_what_is_named_is_what_a_user_sees(study: AdviceStudy) -> None:
    """Of each world and draw the least expected error alone, and only where that is a gain."""
    found = named(study.outcomes)
    assert [(one.world, one.effect.mean) for one, _ in found] == [(f"{group}-8", -0.2) for group in "abcde"]
    assert not named([one for one in study.outcomes if one.effect.mean >= 0])
    assert not named([replace(one, size="compact") for one in study.outcomes])
    text = report(study)
    assert "| the second task that is named | 1.00 [1.00, 1.00] | -17.3 | -18.1 | 0.0 | 5 |" in text


def test_what_policies_cost(study: AdviceStudy) -> None:
    advice, *_, floor = Regret.every(study.choices)
    assert advice.regret.value == pytest.approx(0.01 + 0.015)
    assert advice.loss.value == pytest.approx(-0.05)
    assert math.isnan(floor.loss.value)
    assert ahead(study, "least expected", "fixed elsewhere").value == pytest.approx(-0.03)


def test_what_policies_lose_by_group() -> None:
    losses = {"a": (-0.05, 0.01, -0.02), "b": (0.03,)}
    rows = [
        Choice(f"{group}-8", group, False, draw, "least expected", 0.04, loss)
        for group, some in losses.items()
        for draw, loss in enumerate(some)
    ]
    others = [replace(one, policy="alone, tuned", regret=one.regret + 0.1, loss=one.loss + 0.1) for one in rows]  # type: ignore[operator]
    found = by_group("least expected", [*rows, *others])
    interval = stats.ttest_1samp(losses["a"], 0).confidence_interval()
    assert (found["a"].mean, found["a"].low, found["a"].high) == pytest.approx((-0.02, *interval))
    assert math.isnan(found["b"].high)
    apart = [replace(one, world="a-4", loss=one.loss + 0.5) for one in rows if one.group == "a"]  # type: ignore[operator]
    both = by_group("least expected", [*rows, *apart])["a"]
    assert both.mean == pytest.approx(0.23)
    half = stats.t.ppf(0.975, 4) * np.std(losses["a"], ddof=1) / 6**0.5  # worlds that differ make nothing wider
    assert (both.low, both.high) == pytest.approx((0.23 - half, 0.23 + half))
    best = oracles("alone, tuned", [*rows, *others])
    assert [one.loss for one in best] == pytest.approx([loss - 0.04 for some in losses.values() for loss in some])
    assert Regret.of("least expected", rows).worst == (math.inf, "b")  # a single draw tells nothing


def test_what_a_second_task_does_in_the_same_configuration(study: AdviceStudy, tmp_path: Path) -> None:
    """RUL alone with the same trunk and the same word on suspended units takes the configuration's part away."""
    cases = [
        replace(
            one,
            alike=Estimate(one.effect.mean - 0.1, 0.0, 0.0, 16, 0.5),
            alike_word=HELPS if one.effect.mean < 0.1 else NOTHING,
        )
        for one in study.outcomes
    ]
    mine = replace(study, outcomes=(*cases[:-1], replace(cases[-1], alike=None, suspended="ignore")))
    found = [one.effect.mean - 0.1 for one in study.outcomes[:-1]]
    assert alike(mine.outcomes).value == pytest.approx(np.mean(found))
    text = report(mine)
    said = f"19 cases come to {100 * math.expm1(min(found)):+.0f} to {100 * math.expm1(max(found)):+.0f} %, "
    assert f"{said}{100 * math.expm1(np.mean(found)):+.1f} [" in text
    assert "14 help and 0 hurt" in text
    FORMAT.write(tmp_path / "study.json", mine.body())
    assert AdviceStudy.read(tmp_path / "study.json") == mine


def test_policies_that_chose_in_fewer_draws_are_compared_in_these(study: AdviceStudy) -> None:
    assert "that all share" not in report(study)
    few = [replace(one, policy="race-3", regret=0.5) for one in study.choices if one.policy == "least expected"][:1]
    every = [*study.choices, *few]
    assert {(one.world, one.draw) for one in in_common(every)} == {(few[0].world, few[0].draw)}
    text = report(replace(study, choices=tuple(every)))
    assert "In the 1 that all share: `race-3` +64.9" in text


def test_cases_at_compact_beside_the_same_on_statistics(study: AdviceStudy) -> None:
    assert "At `compact`" not in report(study)
    pairs = {"a": (-0.2, -0.1), "b": (0.1, 0.05), "c": (0.0, 0.02)}
    found = [
        outcome(group, UNRESOLVED, effect, 0.0, size=size, label="wear")
        for group, effects in pairs.items()
        for size, effect in zip(("compact", "narrow"), effects, strict=True)
    ]
    alone = outcome("d", UNRESOLVED, 0.5, 0.0, size="compact", label="wear")  # without its like
    user = outcome("d", UNRESOLVED, 0.5, 0.0, label="wear", user=True)
    mine = replace(study, outcomes=(*study.outcomes, *found, alone, user))
    span, n = at_windows(mine)
    assert n == 3
    assert span.value == pytest.approx((-0.1 + 0.05 - 0.02) / 3)
    assert "At `compact`, 3 of the cases have an RMSE that differs by -2.3 [" in report(mine)


def test_groups_and_times_are_rows_of_the_report(study: AdviceStudy) -> None:
    text = report(study)
    assert "| a | 1 | 4 | 4 | 1 | 1 | -4.9 [-4.9, -4.9] | +0.0 [+0.0, +0.0] | -7.2 [-9.1, -5.3] |" in text
    assert "on two cores" not in text  # nobody knows what a training at compact takes
    timed = report(replace(study, cost={"race-1": (9.0, 1.0), "race-3": (60.0, 3.0), "compact": (20.0, 2.0)}))
    assert (
        "| a race of one second task within 60 s on two cores, all seven ways | 42: from 60 s of one core for one way and"
        in timed
    )
    of = "the study's race at most 3% of 9 methods of 5 seeds at `compact`, 400 steps each (not in the plan)"
    assert f"| {of} | 6.7% with three laps, 1.0% with one | no |" in timed


def test_it_is_kept_and_read_again(study: AdviceStudy, tmp_path: Path) -> None:
    FORMAT.write(tmp_path / "study.json", study.body())
    assert AdviceStudy.read(tmp_path / "study.json") == study


def test_the_report_and_the_picture(study: AdviceStudy, tmp_path: Path) -> None:
    text = report(study)
    assert "| inspections | bound | 20 | 5 | 5 | 5 | 5 |" in text
    assert "`grace advise` against the second task that did best in the other groups: -3.0" in text
    assert "group 2.0 %, case 5.0 %" in text
    assert "| `grace advise` below the fixed policy, %: the interval below 0 | -3.0 [-3.0, -3.0] | yes |" in text
    assert (
        "| loss over RUL alone below +2 % in every group: its upper end over draws of its worlds, in the worst "
        "| -4.9 (a); of the oracle itself -5.3 (a) "
        "| yes |" in text
    )
    assert "| 0.85 to 0.95 of the 90 % intervals hold, in the user's part | 1.00 [1.00, 1.00] | no |" in text
    assert "- With a second task, in the one configuration of its case, the RMSE changed by -18 to +22 %" in text
    assert "Of the 15 resolved cases" in text
    assert "configuration. Against RUL alone with the same trunk" not in text  # nobody trained that
    assert "trained afresh" not in text
    again = [
        replace(one, policy=name, regret=one.regret + more)
        for one in study.choices
        if one.policy == "least expected"
        for name, more in (("one lap, its own networks", 0.0), ("one lap, trained afresh", 0.01))
    ]
    words = "it costs +2.5 [+2.5, +2.5] % judged in this way, and +3.6 [+3.6, +3.6] % by networks trained afresh"
    told = report(replace(study, choices=(*study.choices, *again)))
    assert words in told
    assert (
        "-3.0 [-3.0, -3.0]; after one lap, in two draws, -3.0 [-3.0, -3.0] judged by its own networks and -2.0" in told
    )
    assert "The study is not complete" not in text
    unfinished = report(replace(study, planned=9000, left=1200))
    assert (
        "- **The study is not complete**: 1,200 of the 9,000 trainings of the plan are still to be made." in unfinished
    )
    assert "rho" not in text
    assert len(rows(study)) == 20
    draw(study, tmp_path)
    assert "20 cases" in (tmp_path / "expected.svg").read_text()


@pytest.mark.parametrize(
    ("follows", "words"), [(1.0, "so many looks: `rho-joint` with 0.9"), (0.0, "so many looks: none")]
)
def test_what_rho_was_good_for_is_a_sentence(study: AdviceStudy, follows: float, words: str) -> None:
    rng = np.random.default_rng(1)
    looked = [
        replace(one, said=tuple(replace(said, scores=said.scores | {
            "rho-init": rng.standard_normal(), "rho-joint": -follows * one.effect.mean + 0.1 * rng.standard_normal()
        }) for said in one.said))
        for one in study.outcomes
    ]  # fmt: skip
    followed = [replace(one, policy="rho-joint") for one in study.choices if one.policy == "fixed elsewhere"]
    text = report(replace(study, outcomes=tuple(looked), choices=(*study.choices, *followed)))
    assert "was measured in 2 ways: the largest area for those that help is " in text
    assert words in text
    assert "(`rho-joint`) costs +5.7 [" in text


def test_cases_are_counted_by_how_far_rul_predicts_the_label(study: AdviceStudy) -> None:
    """By the mean over draws, less than nothing as nothing."""
    says = {HELPS: (0.4, 0.6), NOTHING: (0.18, -3.0), HURTS: (0.2, 0.2), UNRESOLVED: (0.9, 0.9)}
    looked = []
    for one in study.outcomes:
        said = (replace(said, scores={"given-rul": r2}) for said, r2 in zip(one.said, says[one.word], strict=True))
        looked.append(replace(one, said=tuple(said), suspended="ignore"))
    text = report(replace(study, outcomes=tuple(looked)))
    assert (
        "labels of which RUL explains 50 % or more helped in 5 and hurt in 0 of 10 cases, those of less than 10 % in 0 and 0 of "
        "5 (cuts chosen afterwards)." in text
    )
    assert "| 10 to 50 % | ignore | 5 | 0 | 5 | 0 | 0 | +22.1 |" in text
    assert "labels of which RUL explains" not in report(study)  # nobody looked


def test_laps_are_compared_on_the_same_draws(study: AdviceStudy) -> None:
    def with_laps(one: Outcome) -> Outcome:
        first, second = one.said
        return replace(
            one, said=(replace(first, scores={"race-1": 0.0, "race-2": 0.0, "race-3": -one.effect.mean}), second)
        )

    assert "raced three times" not in report(study)
    text = report(replace(study, outcomes=tuple(map(with_laps, study.outcomes))))
    assert "raced three times (n = 15) one, two and three laps have areas of 0.50 [0.50, 0.50]" in text
    assert "1.00 [1.00, 1.00] for helps" in text
    assert "the rule after three laps has 1.00 [1.00, 1.00] and 1.00 [1.00, 1.00]." in text


def test_areas_without_simulators_stand_beside() -> None:
    groups = ("a", "b", "sim1")
    cases = tuple(
        outcome(group, word, effect, -effect)
        for group in groups
        for word, effect in ((HELPS, -0.2), (NOTHING, 0.0), (HURTS, 0.2))
    )
    wrong = tuple(outcome("sim1", word, effect, 0.0) for word, effect in ((HELPS, 0.3), (HURTS, -0.3)))
    study = AdviceStudy("abc", (*cases, *wrong), ())
    short = Short.of(replace(study, choices=CHOICES))
    assert short.undrawn.startswith(
        " Without the simulators, whose physics one generator drew, they are 1.00 [1.00, 1.00] and 1.00"
    )
    assert "over 2 groups" in short.undrawn
    assert short.undrawn_in_brackets == " (without the drawn simulators 1.00 and 1.00)"
    assert short.helps != "1.00 [1.00, 1.00]"
    assert Short.of(replace(study, outcomes=cases[:6], choices=CHOICES)).undrawn == ""
