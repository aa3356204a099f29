"""The charts by name: the page fills their data in, and so do the figures for papers."""

from __future__ import annotations

from collections.abc import Mapping

from grace.report.alignment import rho, sharing
from grace.report.chart import Spec
from grace.report.marks import Mark
from grace.report.tradeoff import cost, pareto
from grace.report.training import epochs, errors, predicted


def specs(methods: Mapping[str, Mark], legend: bool = False) -> dict[str, Spec]:
    """Every chart by name, without data; ``legend`` where no list beside the chart says what its colours mean."""
    return {
        "pareto": pareto(methods, legend),
        "cost": cost(methods, legend),
        "rho": rho(),
        "sharing": sharing(methods),
        "loss": epochs("RUL loss, cycles²", "log"),
        "loss_in_caps": epochs("RUL loss, caps²", "log"),
        "health": epochs("health loss, nats"),
        "validation": epochs("validation RMSE, cycles", "log"),
        "weights": epochs("task weight", "from 0"),
        "ratio": epochs("gradient ratio", "log"),
        "cosine": epochs("rho, cosine"),
        "predicted": predicted(),
        "errors": errors(),
    }
