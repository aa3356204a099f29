"""The study as pictures: what was told beforehand against what training then showed, and what following it costs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from grace.files import write_text
from grace.validity.cases import Case
from grace.validity.effects import effect
from grace.validity.judge import all_scores
from grace.validity.policies import Policy, policies
from grace.validity.probes import SEEDS
from grace.validity.study import Measured

KINDS = {
    "health states": "#0072B2",
    "health states, partly random": "#56B4E9",
    "random": "#999999",
    "competing": "#D55E00",
}
"""Kinds of labels and their colours: Okabe and Ito's palette, which the colour-blind can tell apart."""

INK, FAINT, PAPER, WIDTH = "#222222", "#bbbbbb", "#ffffff", 560

Spec = dict[str, Any]


def kind_of(case: Case) -> str:
    """What a case's labels are made of."""
    if case.simulated:
        dial = float(case.labels.removeprefix("dial"))
        return "competing" if dial < 0 else "random" if dial == 0 else list(KINDS)[dial < 1]
    if case.labels in ("engine", "condition"):
        return "competing"
    if case.labels.startswith("flip"):
        return "random" if case.labels == "flip-100" else "health states, partly random"
    return "health states"


def advice_against_outcome(cases: Sequence[Measured], predictor: str, method: str, title: str) -> Spec:
    """One dot a case: the score before training against the effect after it, with its interval over seeds."""
    effects = [effect(case, method) for case in cases]
    scores = all_scores(cases, -np.array([found.change.mean for found in effects]))[predictor]
    values = [
        {
            "case": case.case.name,
            "labels": kind_of(case.case),
            "data": "simulated" if case.case.simulated else "C-MAPSS",
            "score": round(float(score), 4),
            "effect": round(found.change.mean, 3),
            "low": round(found.change.low, 3),
            "high": round(found.change.high, 3),
        }
        for case, score, found in zip(cases, scores, effects, strict=True)
        if np.isfinite(score)
    ]
    colour = {
        "field": "labels",
        "type": "nominal",
        "scale": {"domain": list(KINDS), "range": list(KINDS.values())},
        "legend": {"title": "labels of the second task", "orient": "bottom", "columns": 2},
    }
    x = {"field": "score", "type": "quantitative", "title": title, "scale": {"zero": False}}
    y_title = "RMSE with the second task against RUL alone, %"
    inside = {"domain": _range([found.change.mean for found in effects]), "nice": False}
    return _chart(
        [
            _rule({"y": {"datum": 0}}),
            {
                "mark": {"type": "rule", "opacity": 0.35, "clip": True},
                "encoding": {
                    "x": x,
                    "y": _quantity("low", y_title) | {"scale": inside},
                    "y2": {"field": "high"},
                    "color": colour,
                },
            },
            {
                "mark": {"type": "point", "filled": True, "size": 70, "opacity": 0.95, "clip": True},
                "encoding": {
                    "x": x,
                    "y": _quantity("effect", y_title) | {"scale": inside},
                    "color": colour,
                    "shape": {"field": "data", "type": "nominal", "legend": {"title": "data", "orient": "bottom"}},
                },
            },
            _words("hurts", 6, "top"),
            _words("helps", 334, "bottom"),
        ],
        values,
        height=340,
    )


def regret_of_policies(found: Sequence[Policy], shown: int = 14) -> Spec:
    """Regret of the policies with its interval, least first."""
    ordered = sorted(found, key=lambda policy: policy.regret.value)
    kept = [p for i, p in enumerate(ordered) if i < shown or p.name.startswith(("always", "random", "source"))]
    values = [
        {
            "policy": p.name,
            "regret": round(p.regret.value, 3),
            "low": round(p.regret.low, 3),
            "high": round(p.regret.high, 3),
            "kind": "fixed, random or published" if p.name.startswith(("always", "random", "source")) else "advice",
        }
        for p in kept
    ]
    y = {"field": "policy", "type": "nominal", "sort": None, "title": None, "axis": {"labelLimit": 260}}
    colour = {
        "field": "kind",
        "type": "nominal",
        "scale": {"domain": ["advice", "fixed, random or published"], "range": ["#0072B2", "#E69F00"]},
        "legend": {"title": None, "orient": "bottom"},
    }
    x_title = "regret against the method that is best on other seeds, % of RMSE"
    return _chart(
        [
            {
                "mark": {"type": "rule", "strokeWidth": 2},
                "encoding": {"y": y, "x": _quantity("low", x_title), "x2": {"field": "high"}, "color": colour},
            },
            {
                "mark": {"type": "point", "filled": True, "size": 70},
                "encoding": {"y": y, "x": _quantity("regret", x_title), "color": colour},
            },
        ],
        values,
        height=20 * len(values),
    )


def draw(cases: Sequence[Measured], method: str, folder: Path) -> None:
    """Write ``advice.svg`` and ``regret.svg``.

    Raises:
        GraceError: The folder cannot be written.
    """
    title = f"rho before training, mean over {len(SEEDS)} initialisations (grace diagnose)"
    write_svg(advice_against_outcome(cases, "diagnose", method, title), folder / "advice.svg")
    write_svg(regret_of_policies(policies(cases)), folder / "regret.svg")


def write_svg(spec: Spec, path: Path) -> None:
    """Draw a chart.

    Raises:
        GraceError: The file cannot be written.
    """
    import vl_convert

    write_text(path, str(vl_convert.vegalite_to_svg(spec)))


def _chart(layers: list[Spec], values: list[Spec], height: int) -> Spec:
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "background": PAPER,
        "width": WIDTH,
        "height": height,
        "data": {"values": values},
        "layer": layers,
        "config": {
            "font": "sans-serif",
            "axis": {
                "labelColor": INK,
                "titleColor": INK,
                "titleFontWeight": "normal",
                "gridOpacity": 0.4,
                "labelFontSize": 12,
                "titleFontSize": 13,
            },
            "legend": {
                "labelColor": INK,
                "titleColor": INK,
                "titleFontWeight": "normal",
                "labelFontSize": 12,
                "titleFontSize": 12,
                "labelLimit": 300,
                "symbolOpacity": 1,
            },
            "view": {"stroke": FAINT},
        },
    }


def _range(values: list[float]) -> list[float]:
    """A range that holds the values with a margin; intervals may leave it."""
    margin = 0.15 * (max(values) - min(values)) + 1
    return [round(min(values) - margin), round(max(values) + margin)]


def _quantity(field: str, title: str) -> Spec:
    return {"field": field, "type": "quantitative", "title": title}


def _rule(encoding: Spec) -> Spec:
    return {"mark": {"type": "rule", "color": INK, "strokeDash": [4, 3]}, "encoding": encoding}


def _words(text: str, y: int, baseline: str) -> Spec:
    mark = {
        "type": "text",
        "text": text,
        "align": "right",
        "baseline": baseline,
        "color": INK,
        "fontSize": 13,
        "dx": -6,
    }
    return {"data": {"values": [{}]}, "mark": mark, "encoding": {"x": {"value": WIDTH}, "y": {"value": y}}}
