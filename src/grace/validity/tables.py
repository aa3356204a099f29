"""The study as text: what it can see, how well each predictor tells, and what following it costs."""

from __future__ import annotations

from collections.abc import Sequence

from grace.alignment.decide import STUDY
from grace.bench.tables import markdown
from grace.controllers.titles import TITLES
from grace.validity.effects import Power, power
from grace.validity.judge import judge
from grace.validity.outcomes import EPOCHS, JOINT, METHODS, SEEDS, STEPS
from grace.validity.policies import SOURCE_RULE, Policy, policies
from grace.validity.predictors import COMBINATIONS, PREDICTORS
from grace.core.stats import Span
from grace.validity.study import Measured

TRAINING = EPOCHS * STEPS
COMPARISON = TRAINING * len(METHODS) * len(SEEDS)
"""Training steps of one training, and of the comparison that an advice saves: every method with every seed."""


def report(cases: Sequence[Measured], method: str = "grace", figure: str = "rmse") -> str:
    """The whole study in Markdown.

    Args:
        cases: The cases.
        method: Whose effect the predictors are judged by.
        figure: ``rmse``: of the epoch chosen on validation engines. ``last``: of the last epoch, which nothing chose.
    """
    return "\n".join(
        (
            f"**What {len(cases)} cases show**, test RMSE against RUL alone with the same inner axis, paired by seed\n",
            powers(cases, figure),
            f"**Predictors**, judged by the effect of the second task under {TITLES[method]}; 95 % bootstrap over cases\n",
            predictors(cases, method, figure),
            "**Policies**: regret against the best of six methods in hindsight, rules fitted on the other families\n",
            regrets(policies(cases, figure)),
        )
    )


def powers(cases: Sequence[Measured], figure: str) -> str:
    """How large an effect the study can see, by method."""
    rows = [_power(method, power(cases, method, figure)) for method in JOINT]
    return markdown(("method", "cases", "helps", "hurts", "SD of a pair, %", "3 seeds see, %", "5 see, %"), rows)


def _power(method: str, found: Power) -> tuple[str, ...]:
    seen = (f"{found.detectable[seeds]:.1f}" for seeds in (3, 5))
    return (method, str(found.cases), str(found.helps), str(found.hurts), f"{found.sd:.1f}", *seen)


def predictors(cases: Sequence[Measured], method: str, figure: str = "rmse") -> str:
    """How well each predictor tells, and its cost."""
    titles = {p.name: p.title for p in PREDICTORS} | {name: " + ".join(parts) for name, parts in COMBINATIONS.items()}
    rows = [
        (
            row.name,
            titles[row.name],
            _span(row.correlation),
            _span(row.auc),
            _span(row.harm_auc),
            f"{row.calibration:.3f}",
            f"{row.steps / TRAINING:.0%}",
            f"{row.steps / COMPARISON:.1%}",
        )
        for row in judge(cases, method, figure)
    ]
    header = ("predictor", "what it is", "rank correlation", "AUC helps / hurts", "AUC hurts", "Brier")
    return markdown((*header, "of a training", "of a comparison"), rows)


def regrets(found: Sequence[Policy]) -> str:
    """Regret of every policy, least first."""
    rows = [
        (
            p.name,
            _span(p.regret),
            "-" if p.name == SOURCE_RULE else _span(p.to_source),
            "-" if p.name == f"always {STUDY.always}" else _span(p.to_simplest),
            f"{p.best:.0%}",
        )
        for p in sorted(found, key=lambda policy: policy.regret.value)
    ]
    header = ("policy", "regret, % of RMSE", f"to the {SOURCE_RULE}", f"to always {STUDY.always}", "picks the best")
    return markdown(header, rows)


def _span(span: Span) -> str:
    if span.value != span.value:
        return "-"
    if span.low != span.low:
        return f"{span.value:+.2f}"
    return f"{span.value:+.2f} [{span.low:+.2f}, {span.high:+.2f}]"
