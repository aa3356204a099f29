"""The study as pictures: what was predicted against what training then showed, and what following it costs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from grace.report.chart import INK, Spec, chart, filled, layer, number, write_svg
from grace.validity.judge import all_scores
from grace.validity.policies import Policy
from grace.validity.study import KINDS, ValidityStudy

COLOURS = dict(zip(KINDS, ("#0072B2", "#56B4E9", "#999999", "#D55E00"), strict=True))
"""Okabe and Ito's palette, which the colour-blind can tell apart."""

WIDTH, SHOWN = 560, 14


def advice_against_outcome(study: ValidityStudy, predictor: str, method: str, title: str) -> Spec:
    """One dot a case: the score before training against the effect after it, with its interval over seeds."""
    effects = [case.effect(method) for case in study.cases]
    scores = all_scores(study, -np.array([found.mean for found in effects]))[predictor]
    values = [
        {
            "case": case.case.name,
            "labels": case.case.kind,
            "data": "simulated" if case.case.simulated else "C-MAPSS",
            "score": round(float(score), 4),
            "effect": round(found.mean, 3),
            "low": round(found.low, 3),
            "high": round(found.high, 3),
        }
        for case, score, found in zip(study.cases, scores, effects, strict=True)
        if np.isfinite(score)
    ]
    x, colour = number("score", title), _coloured("labels", COLOURS, "labels of the second task")
    inside = {"scale": {"domain": _range([found.mean for found in effects]), "nice": False}}
    y_title = "RMSE with the second task against RUL alone, %"
    low, middle = (number(field, y_title) | inside for field in ("low", "effect"))
    shape = {
        "field": "data",
        "type": "nominal",
        "legend": {"title": "data", "orient": "bottom", "symbolFillColor": INK, "symbolStrokeColor": INK},
    }
    coloured = {"x": x, "color": colour}
    layers = [
        layer("rule", {"y": {"datum": 0}}, color=INK, strokeDash=[4, 3]),
        layer("rule", coloured | {"y": low, "y2": {"field": "high"}}, opacity=0.35, clip=True),
        layer("point", coloured | {"y": middle, "shape": shape}, filled=True, size=70, opacity=0.95, clip=True),
        _words("hurts", 6, "top"),
        _words("helps", 334, "bottom"),
    ]
    return _drawn(layers, values, height=340)


def _regret_of_policies(found: Sequence[Policy]) -> Spec:
    """Regret of the policies with its interval, least first; of the advice the first ones, of the rest all."""
    ordered = sorted(found, key=lambda policy: policy.regret.value)
    values = [
        {
            "policy": policy.name,
            "regret": round(policy.regret.value, 3),
            "low": round(policy.regret.low, 3),
            "high": round(policy.regret.high, 3),
            "kind": "fixed, random or published" if fixed else "advice",
        }
        for index, policy in enumerate(ordered)
        if (fixed := policy.name.startswith(("always", "random", "source"))) or index < SHOWN
    ]
    y = {"field": "policy", "type": "nominal", "sort": None, "title": None, "axis": {"labelLimit": 260}}
    colour = _coloured("kind", {"advice": "#0072B2", "fixed, random or published": "#E69F00"}, None)
    title = "regret against the method that is best on other seeds, % of RMSE"
    low, middle = (number(field, title) for field in ("low", "regret"))
    coloured = {"y": y, "color": colour}
    layers = [
        layer("rule", coloured | {"x": low, "x2": {"field": "high"}}, strokeWidth=2),
        layer("point", coloured | {"x": middle}, filled=True, size=70),
    ]
    return _drawn(layers, values, height=20 * len(values))


def draw(study: ValidityStudy, method: str, folder: Path) -> None:
    """Write ``advice.svg`` and ``regret.svg``, both also dark; a GraceError where the folder cannot be written."""
    inits = len(study.cases[0].prescribed)
    title = f"rho before training, mean over {inits} initialisations (grace diagnose)"
    write_svg(advice_against_outcome(study, "diagnose", method, title), folder / "advice.svg")
    write_svg(_regret_of_policies(Policy.every(study)), folder / "regret.svg")


def _drawn(layers: Sequence[Spec], values: list[Spec], height: int) -> Spec:
    return filled(chart("rows", layers, height), {"rows": values}, "", WIDTH)


def _coloured(field: str, colours: dict[str, str], title: str | None) -> Spec:
    scale = {"domain": list(colours), "range": list(colours.values())}
    legend = {"title": title, "orient": "bottom", "columns": 2, "symbolOpacity": 1}
    return {"field": field, "type": "nominal", "scale": scale, "legend": legend}


def _range(values: list[float]) -> list[float]:
    """A range that holds the values with a margin; intervals may leave it."""
    margin = 0.15 * (max(values) - min(values)) + 1
    return [round(min(values) - margin), round(max(values) + margin)]


def _words(text: str, y: int, baseline: str) -> Spec:
    at = {"x": {"value": WIDTH}, "y": {"value": y}}
    return layer("text", at, rows=[{}], text=text, align="right", baseline=baseline, fontSize=13, dx=-6)
