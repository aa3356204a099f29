"""Every figure that the pages state of the study, recomputed from its records and found in the sentence that "
"states it."""

from __future__ import annotations

import numpy as np

from grace.alignment.decide import STUDY
from grace.core.stats import HIGHER, LOWER, student
from grace.report.chart import digest
from grace.validity.advice_figures import picture
from grace.validity.advice_study import AdviceStudy
from grace.validity.advice_tables import report
from grace.validity.advice_words import readme
from grace.validity.judge import base_rate, edge
from grace.validity.policies import SOURCE_RULE, noise_floor, source_losses
from grace.validity.study import families_of
from tests.docs.figures import (
    ROOT,
    SETS,
    case,
    cases,
    changes,
    group,
    inner,
    missing,
    policy,
    powers,
    predictor,
    span,
    study,
    words,
)


def hurt(method: str, above: bool) -> tuple[int, int]:
    """Cases that the second task measurably hurt on one side of the edge, and how many there are."""
    inside = (study().rho_and_effect()[0] > STUDY.weak) == above
    verdicts = [c.effect(method).verdict for c, kept in zip(cases(), inside, strict=True) if kept]
    return verdicts.count(HIGHER), len(verdicts)


def test_what_the_pages_say_of_the_study() -> None:
    told, p, w = predictor(), policy(), powers()
    rul = p["always rul-only-weighted"]
    chance = [w[m].chance[n] for m in w for n in (3, 5)]
    grace_chance = w["grace"].chance
    tuned, simulated, plain = inner(False, "tuned"), inner(True), inner(False)
    tuned_words = f"{tuned.value:.2f} % [{tuned.low:.2f}, {tuned.high:.2f}]"
    random_labels = group("random") + group("random", recipe="tuned")
    sharing, gentle = changes(random_labels, "grace", "gaba"), changes(random_labels, "baseline", "amnl")
    tenth = changes(group("health states", 0.1), "grace")
    permuted = np.array(
        [case(f"{d}-permuted").effect(m).mean - case(f"{d}-health-70-30").effect(m).mean for d in SETS for m in w]
    )
    losses = source_losses(cases())
    floor = noise_floor(cases())
    rho, effects = study().rho_and_effect()
    families = families_of(cases())
    edges = [edge(rho[families != out], effects[families != out]) for out in set(families.tolist())]
    hurts = np.array([c.effect("grace").verdict == HIGHER for c in cases()])
    base = base_rate(hurts, families)
    best = min(row.calibration for row in told.values())
    worst = max(row.calibration for row in told.values())
    helped = {m: [c.case.name for c in cases() if c.effect(m).verdict == LOWER] for m in w}
    assert all(names == ["sim-1x2-80-dial+1", "sim-1x2-80-dial+0.5"] for names in helped.values())
    assert all(found.family.remaining == 0 for found in w.values())
    assert all(p[f"always {m}"].regret.value > rul.regret.value for m in ("rul-only", *w))
    level = [name for name in told if p[name].to_simplest.value <= 0.1]
    assert len(level) > len(told) / 2  # most end up at the same policy, or next to it
    assert min(p[name].to_simplest.value for name in told) >= 0  # none is ahead of it
    shared = [p[f"always {m}"].to_simplest.value for m in w]
    engine = [[case(f"{d}-engine").effect(m).mean for d in SETS] for m in ("baseline", "grace")]
    assert min(min(row) for row in engine) > 0
    assert [int(np.argmax(row)) for row in engine] == [2, 2]
    fd2, fd3 = (case(f"{d}-health-70-30").effect("grace") for d in ("FD002", "FD003"))
    competing = group("competing")
    apart = student([c.effect("gaba").mean - c.effect("baseline").mean for c in competing])
    health = [changes(group("health states"), m).mean for m in w]
    quarter = group("competing", 0.25)
    tenths = [changes(group("competing", 0.1), m) for m in w]
    fully = [changes(competing, m).mean for m in w]
    verdicts = [c.effect("grace").verdict for c in cases()]
    pairs = verdicts.count(LOWER) * verdicts.count(HIGHER)
    sds = [found.sd for found in w.values()]
    harm = max(
        (row for name, row in told.items() if "+" not in name and "race" not in name), key=lambda r: r.harm_auc.value
    )

    def regret(name: str) -> str:
        found = p[name].regret
        return f"{found.value:.2f} [{found.low:.2f}, {found.high:.2f}]"

    def cost(m: str) -> str:
        found = w[m].effect
        return f"{found.value:.2f} % [{found.low:.2f}, {found.high:.2f}]"

    first_page = [
        f"Over {len(cases())} cases GRACE changed the error by {span(w['grace'].effect, 1, unit=' %')},",
        f"rank correlation {span(told['diagnose'].correlation)} (`grace validity --first`)",
    ]
    in_short = [
        f"a single case of three to five seeds shows a change of 2 % with a chance of {grace_chance[3]:.2f} to "
        f"{grace_chance[5]:.2f}",
        f"| always RUL alone, weighted MSE | {regret('always rul-only-weighted')} | {rul.hindsight.value:.2f} |",
        f"| always RUL alone, plain MSE | {regret('always rul-only')} | {p['always rul-only'].hindsight.value:.2f} |",
        f"(mean of two) | {regret(SOURCE_RULE)} | {p[SOURCE_RULE].hindsight.value:.2f} |",
        f"| always GRACE | {regret('always grace')} | {p['always grace'].hindsight.value:.2f} |",
        f"| picking at random | {regret('random')} | {p['random'].hindsight.value:.2f} |",
        f"| always Baseline, 0.5 / 0.5 | {regret('always baseline')} | {p['always baseline'].hindsight.value:.2f} |",
        f"on other data sets | {regret('diagnose')}: it ends up at the same | {p['diagnose'].hindsight.value:.2f} |",
        f"If all six methods were equal, each would show {floor.value:.2f} in hindsight",
        f"measurably hurt in {hurt('grace', True)[0]} of {hurt('grace', True)[1]} cases under GRACE and in "
        f"{hurt('baseline', True)[0]} "
        f"under Baseline, below in {hurt('grace', False)[0]} and {hurt('baseline', False)[0]} of "
        f"{hurt('grace', False)[1]}",
    ]
    validity = [
        *in_short,
        f"rank correlation of rho with the gain by the second task is {span(told['diagnose'].correlation)}.",
        f"sharing cost {cost('grace')} of RMSE under GRACE and {cost('baseline')} under Baseline",
        f"{verdicts.count(LOWER)} of {len(cases())} cases helped and {verdicts.count(HIGHER)} hurt under GRACE",
        f"RUL alone with plain MSE is better by {tuned_words}",
        f"With all engines it costs {min(health):.1f} to {max(health):.1f} % on average, with a tenth of them "
        f"{words(tenth, 1)} under",
        f"with a quarter of the engines by {words(changes(quarter, 'baseline'), 1)} under Baseline and "
        f"{words(changes(quarter, 'grace'), 1)} under GRACE",
        f"with all of them by {min(fully):.1f} to {max(fully):.1f} % on average, with a tenth by "
        f"{min(t.mean for t in tenths):.1f} to "
        f"{max(t.mean for t in tenths):.1f} %",
        f"on C-MAPSS they cost {words(sharing, 1)} % on average under GRACE and GABA, and {words(gentle, 1)} % "
        "under Baseline",
        f"permuted class names change the effect by {permuted.mean():.1f} points on average over subsets and "
        "methods with its sign and "
        f"by {np.abs(permuted).mean():.1f} without",
        f"SD of a paired difference is {min(sds):.1f} to {max(sds):.1f} % of RMSE: a true effect of 2 % is seen "
        "with a chance of "
        f"{min(chance):.2f} to {max(chance):.2f}",
        f"does not predict the gain** (rank correlation {span(told['init-1'].correlation)})",
        f"predicts a little** ({span(told['joint-100'].correlation)} in steps 50 to 100",
        f"a short race** ({span(told['race'].correlation)};",
        f"adds to rho ({span(told['rho+gap'].correlation)} together)",
        f"of the {verdicts.count(LOWER) + verdicts.count(HIGHER)} cases with a verdict "
        f"{verdicts.count(LOWER)} help, both on one fleet, "
        f"so that these are {pairs} pairs",
        f"no single predictor is beyond {span(harm.harm_auc)}, and as probabilities of harm (Brier) the best has "
        f"{best:.3f}, where the "
        f"base rate alone gives {base:.3f}",
        f"policies that share lose {min(shared):.1f} to {max(shared):.1f} points more, the source's rule "
        f"{p[SOURCE_RULE].to_simplest.value:.1f} (the mean of two initialisations, which alone lose "
        f"{losses[0]:.2f} and {losses[1]:.2f} in hindsight)",
        f"by {span(simulated)} % on simulated fleets, by {span(plain)} % on C-MAPSS with the plain recipe, and by "
        f"{span(tuned)} %",
        f"changes the RMSE by {words(fd3, 1, ' %')} there and by {words(fd2, 1, ' %')} on FD002",
        f"(Baseline {engine[0][2]:+.1f} %, GRACE {engine[1][2]:+.1f} %)",
        f"it costs {changes(competing, 'gaba').mean:.1f} % and Baseline {changes(competing, 'baseline').mean:.1f} "
        "%: a paired "
        f"difference of {words(apart, 1)} points over six cases",
        f"anywhere between {min(edges):.3f} and {max(edges):.3f}",
        f"Of {len(told)} predictors and {len(p)} policies",
    ]
    log = [
        f"plain MSE is better by {tuned_words}",
        f"the simulated fleets ({span(simulated)} %)",
        f"lies between {min(edges):.3f} and {max(edges):.3f} when one family",
        f"*The source's rule loses {losses[0]:.2f}*: with the first of two initialisations; with the other "
        f"{losses[1]:.2f}",
        f"{words(sharing, 1)} % under GRACE and GABA on C-MAPSS. *Permuted names change {permuted.mean():.1f} "
        "points*: with the sign; "
        f"{np.abs(permuted).mean():.1f} without",
        f"*A tenth of the engines costs {tenth.mean:.0f} %*: {words(tenth, 1)}, four draws",
        f"which alone makes {floor.value:.2f}. Against an oracle of other seeds the same policy loses "
        f"{regret('always rul-only-weighted')}",
        f"the chance to see 2 % is {min(chance):.2f} to {max(chance):.2f}",
        f"Brier score of {best:.3f} to {worst:.3f}*: the base rate has {base:.3f}",
        f"does not rank them ({span(told['init-1'].correlation)}), rho of steps 50 to 100 does a little "
        f"({span(told['joint-100'].correlation)}), a "
        f"short race most ({span(told['race'].correlation)})",
    ]
    assert not missing({"README.md": first_page, "docs/validity.md": validity, "docs/log.md": log})


def between(page: str, name: str) -> str:
    return (ROOT / page).read_text().split(f"<!-- {name} -->\n")[1].split(f"<!-- end {name} -->")[0]


def test_the_page_of_the_second_study_is_what_the_command_prints() -> None:
    assert between("docs/validity.md", "advice") == report(AdviceStudy.read())


def test_what_the_readme_says_of_the_second_study_is_what_ships() -> None:
    """And so is its picture, light and dark: ``python -m studies.advice publish`` writes all of it."""
    shipped = AdviceStudy.read()
    for name, lines in readme(shipped).items():
        assert between("README.md", name) == lines
    for name in ("expected.svg", "expected-dark.svg"):
        assert digest(picture(shipped)) in (ROOT / "docs" / "figures" / name).read_text()
