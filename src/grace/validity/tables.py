"""The study as text: what it can see, how well each predictor predicts, and what following it costs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from grace.alignment.decide import STUDY
from grace.bench.tables import markdown
from grace.controllers.titles import TITLES
from grace.core.stats import HIGHER, LOWER, RATE, Family, Span, bootstrap, mean
from grace.validity.judge import base_rate, edge, judge
from grace.validity.policies import SIMPLEST, SOURCE_RULE, Policy, noise_floor, source_losses
from grace.validity.power import SMALL, Power
from grace.validity.study import ALONE, JOINT, CaseResult, ValidityStudy, families_of


def report(study: ValidityStudy, method: str = "grace", figure: str = "rmse") -> str:
    """The whole study in Markdown, with predictors judged by the effect of one method in one of :data:`FIGURES`."""
    cases, found = study.cases, Policy.every(study, figure)
    families = len(set(families_of(cases)))
    return "\n".join(
        (
            f"**What {len(cases)} cases show**, test RMSE against RUL alone with the same inner axis, paired by seed; mean with "
            f"its 95 % bootstrap interval over {families} families; verdicts by Student's 95 % interval over seeds\n",
            _powers(cases, figure),
            "**Plain or weighted**: RUL alone with weighted MSE against RUL alone with plain MSE, change of RMSE\n",
            _inner_axis(cases, figure),
            "**rho and harm**: cases in which the second task measurably helped / hurt, by rho of `grace diagnose` above and "
            f"below {STUDY.weak:+.2f}\n",
            _around_edge(study, figure),
            f"**Predictors**, judged by the effect of the second task under {TITLES[method]}; 95 % bootstrap over {families} "
            "families\n",
            predictors(study, method, figure),
            "**Policies**: regret against the method that is best on the other seeds, rules fitted on the other families, 95 % "
            f"bootstrap over {families} families; {len(found)} policies were looked at\n",
            _regrets(found),
            f"If all six methods were equal, every fixed one would show {_span(noise_floor(cases, figure))} in hindsight. The "
            f"{SOURCE_RULE} is the mean over initialisations; each alone loses "
            + " and ".join(f"{loss:+.2f}" for loss in source_losses(cases, figure))
            + " in hindsight.\n",
        )
    )


def _powers(cases: Sequence[CaseResult], figure: str) -> str:
    """How large an effect the study can see, by method, and how many verdicts remain."""
    rows = []
    for method in JOINT:
        found = Power.of(cases, method, figure)
        seen = (f"{found.detectable[seeds]:.1f}" for seeds in (3, 5))
        chance = (f"{found.chance[seeds]:.2f}" for seeds in (3, 5))
        verdicts = (str(found.helps), str(found.hurts), str(found.family.remaining))
        rows.append(
            (method, str(len(cases)), _span(found.effect), *verdicts, f"{found.sd:.1f}", *seen, " / ".join(chance))
        )
    header = ("method", "cases", "mean, %", "helps", "hurts", f"after BH at {RATE:.0%}", "SD of a pair, %")
    return markdown((*header, "3 seeds see, %", "5 see, %", f"chance to see {SMALL:g} %, 3 / 5 seeds"), rows)


def _inner_axis(cases: Sequence[CaseResult], figure: str) -> str:
    """What the weights inside the RUL loss do without any second task, by data and recipe."""
    plain, weighted = ALONE
    groups = {
        "all": list(cases),
        "C-MAPSS, plain recipe": [c for c in cases if not c.case.simulated and c.case.recipe == "plain"],
        "C-MAPSS, tuned recipe": [c for c in cases if not c.case.simulated and c.case.recipe == "tuned"],
        "simulated": [c for c in cases if c.case.simulated],
    }
    rows = []
    for name, members in groups.items():
        # cases of one data share these trainings: each counts once
        mine = list({case.case.data: case for case in members}.values())
        found = [case.compared(weighted, plain, figure) for case in mine]
        if not found:
            continue
        span = bootstrap(mean, np.array([e.mean for e in found]), families=families_of(mine))
        verdicts = [e.verdict for e in found]
        counts = (str(verdicts.count(LOWER)), str(verdicts.count(HIGHER)), str(Family.of(found).remaining))
        rows.append((name, str(len(mine)), str(len(members)), _span(span), *counts))
    header = ("data", "trainings", "cases", "weighted to plain, %", "weighted lower", "plain lower")
    return markdown((*header, f"after BH at {RATE:.0%}"), rows)


def _around_edge(study: ValidityStudy, figure: str) -> str:
    """Verdicts of every method by the band of rho, and how far the edge moves with the data that it is fitted on."""
    cases, (rho, effects) = study.cases, study.rho_and_effect()
    above = rho > STUDY.weak
    rows = []
    for method in JOINT:
        verdicts = np.array([case.effect(method, figure).verdict for case in cases])
        cells = (
            f"{(verdicts[band] == LOWER).sum()} / {(verdicts[band] == HIGHER).sum()} of {band.sum()}"
            for band in (above, ~above)
        )
        rows.append((method, *cells))
    families = families_of(cases)
    edges = [edge(rho[families != out], effects[families != out]) for out in np.unique(families)]
    words = f"Fitted without one family, the edge lies between {min(edges):.3f} and {max(edges):.3f}.\n"
    return markdown(("method", "above", "below"), rows) + "\n" + words


def predictors(study: ValidityStudy, method: str, figure: str = "rmse") -> str:
    """How well each predictor predicts, and its cost."""
    rows = [
        (
            row.predictor.name,
            row.predictor.title,
            _span(row.correlation),
            _span(row.auc),
            _span(row.harm_auc),
            f"{row.calibration:.3f}",
            f"{row.predictor.steps / study.training:.0%}",
            f"{row.predictor.steps / study.comparison:.1%}",
        )
        for row in judge(study, method, figure)
    ]
    hurts = np.array([case.effect(method, figure).verdict == HIGHER for case in study.cases])
    base = f"{base_rate(hurts, families_of(study.cases)):.3f}"
    rows.append(("-", "no predictor: the base rate", "-", "-", "-", base, "0%", "0.0%"))
    header = ("predictor", "what it is", "rank correlation", "AUC helps / hurts", "AUC hurts", "Brier")
    return (
        markdown((*header, "of a training", "of a comparison"), rows)
        + f"\n{len(rows) - 1} predictors were looked at.\n"
    )


def _regrets(found: Sequence[Policy]) -> str:
    """Regret of every policy, least first."""
    rows = [
        (
            p.name,
            _span(p.regret),
            "-" if p.name == SOURCE_RULE else _span(p.to_source),
            "-" if p.name == f"always {SIMPLEST}" else _span(p.to_simplest),
            _span(p.hindsight),
        )
        for p in sorted(found, key=lambda policy: policy.regret.value)
    ]
    header = (
        "policy",
        "regret, % of RMSE",
        f"to the {SOURCE_RULE}",
        f"to always {SIMPLEST}",
        "against the best in hindsight",
    )
    return markdown(header, rows)


def _span(span: Span) -> str:
    if span.value != span.value:
        return "-"
    if span.low != span.low:
        return f"{span.value:+.2f}"
    return f"{span.value:+.2f} [{span.low:+.2f}, {span.high:+.2f}]"
