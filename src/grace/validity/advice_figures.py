"""The study of advice as a picture: what was expected before training, and what training then showed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from grace.advice.advice import per_cent
from grace.files import write_text
from grace.report.chart import INK, MUTED, Spec, layer, svg
from grace.validity.advice_study import HELPS, HURTS, NOTHING, UNRESOLVED, AdviceStudy

COLOURS = {HELPS: "#0072B2", NOTHING: "#555555", HURTS: "#D55E00", UNRESOLVED: "#BBBBBB"}
"""Okabe and Ito's palette, which the colour-blind can tell apart."""
SIDE, EDGE = 460, 45
"""Width of the picture, and the change in per cent that lies at its edge."""


def rows(study: AdviceStudy) -> list[dict[str, Any]]:
    """A dot a case: what the rule expected in the first draw that was raced, without its group, and what it came to."""
    found = []
    for one in study.outcomes:
        expected = next((said.expected for said in one.said if said.expected is not None), None)
        if expected is None:
            continue
        ends = {"low": one.effect.low, "high": one.effect.high, "effect": one.effect.mean, "expected": expected.mean}
        inside = {name: round(max(min(per_cent(value), EDGE), -EDGE), 2) for name, value in ends.items()}
        of = {"case": f"{one.world} {one.label}", "kind": one.taken_for, "failures": one.failures}
        found.append(of | {"came to": one.word} | inside)
    return found


def picture(study: AdviceStudy) -> Spec:
    """Expected against effect; on the diagonal what was said came true."""
    values = rows(study)
    domain = {"domain": [-EDGE, EDGE], "nice": False}
    ticks = {"values": [-40, -20, 0, 20, 40]}
    x: Spec = {"field": "expected", "type": "quantitative", "scale": domain, "axis": ticks,
               "title": "expected before training, without this group of data: change of RMSE, %"}  # fmt: skip
    y: Spec = {"field": "effect", "type": "quantitative", "scale": domain, "axis": ticks,
               "title": "what training then showed, %"}  # fmt: skip
    names = [word for word in COLOURS if any(row["came to"] == word for row in values)]
    legend: Spec = {"title": None, "orient": "bottom", "columns": 4, "symbolOpacity": 1}
    colour: Spec = {"field": "came to", "type": "nominal", "legend": legend,
                    "scale": {"domain": names, "range": [COLOURS[name] for name in names]}}  # fmt: skip
    diagonal = [{"expected": -EDGE, "effect": -EDGE}, {"expected": EDGE, "effect": EDGE}]
    layers = [
        layer("line", {"x": x, "y": y}, rows=diagonal, color=MUTED, strokeDash=[4, 3]),
        layer("rule", {"y": {"datum": 0}}, color=INK, opacity=0.4),
        layer("rule", {"x": {"datum": 0}}, color=INK, opacity=0.4),
        layer("rule", {"x": x, "color": colour, "y": y | {"field": "low"}, "y2": {"field": "high"}}, opacity=0.35),
        layer("point", {"x": x, "y": y, "color": colour}, filled=True, size=60, opacity=0.9),
    ]
    count = len(values)
    title: Spec = {"text": f"What was expected, and what came: {count} cases"}
    return {"$schema": "https://vega.github.io/schema/vega-lite/v6.json", "width": SIDE, "height": SIDE, "title": title,
            "data": {"values": values}, "layer": layers}  # fmt: skip


def draw(study: AdviceStudy, folder: Path) -> None:
    """Write ``expected.svg``."""
    write_text(folder / "expected.svg", svg(picture(study)))
