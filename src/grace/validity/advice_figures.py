"""The study of advice as a picture: what was expected before training, and what training then showed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from grace.advice.advice import per_cent
from grace.report.chart import ACCENT, INK, LATE, MUTED, Spec, layer, write_svg
from grace.validity.advice_study import HELPS, HURTS, NOTHING, UNRESOLVED, AdviceStudy

LEGEND = {HELPS: "better than RUL alone", HURTS: "worse", NOTHING: "within 2 %", UNRESOLVED: "not resolved"}
_WORDS = f"{json.dumps(LEGEND)}[datum.label]"
"""Of the legend, in Vega's language."""
COLOURS = {HELPS: ACCENT, HURTS: LATE, NOTHING: INK, UNRESOLVED: MUTED}
SIDE, EDGE = 420, 45
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
    """Expected against effect; on the diagonal what was expected came true."""
    values = rows(study)
    x, y = _axis("expected", "expected after short trainings"), _axis("effect", "found by the full comparison")
    names = [word for word in COLOURS if any(row["came to"] == word for row in values)]
    scale = {"domain": names, "range": [COLOURS[name] for name in names]}
    legend: Spec = {"title": None, "orient": "bottom", "columns": 4, "symbolOpacity": 1, "labelExpr": _WORDS}
    colour: Spec = {"field": "came to", "type": "nominal", "legend": legend, "scale": scale}
    diagonal = [{"expected": -EDGE, "effect": -EDGE}, {"expected": EDGE, "effect": EDGE}]
    known = f"datum['came to'] != '{UNRESOLVED}'"
    dot: Spec = {"x": x, "y": y, "color": colour}
    layers = [
        layer("line", {"x": x, "y": y}, rows=diagonal, color=MUTED, strokeDash=[4, 3]),
        *(layer("rule", {axis: {"datum": 0}}, rows=[{}], color=MUTED) for axis in "xy"),
        layer("point", dot, where=f"!({known})", filled=True, size=20, opacity=0.5),
        layer("rule", dot | {"y": y | {"field": "low"}, "y2": {"field": "high"}}, where=known, opacity=0.6),
        layer("point", dot, where=known, filled=True, size=70, opacity=0.9),
    ]
    title: Spec = {"text": "The error of RUL with a second task: expected, and found"}
    title["subtitle"] = f"{len(values)} cases; change of RMSE to the best of four RUL alone; 97 % intervals"
    return {"$schema": "https://vega.github.io/schema/vega-lite/v6.json", "width": SIDE, "height": SIDE, "title": title,
            "data": {"values": values}, "layer": layers}  # fmt: skip


def _axis(field: str, title: str) -> Spec:
    """Change of RMSE in per cent, with the side on which a second task is better."""
    scale = {"domain": [-EDGE, EDGE], "nice": False}
    sign = "(datum.value > 0 ? '+' : datum.value < 0 ? '\u2212' : '') + abs(datum.value) + ' %'"
    axis = {"values": [-40, -20, 0, 20, 40], "labelExpr": sign}
    return {
        "field": field,
        "type": "quantitative",
        "scale": scale,
        "axis": axis,
        "title": f"\u2190 better \u00b7 {title} \u00b7 worse \u2192",
    }


def draw(study: AdviceStudy, folder: Path) -> None:
    """Write ``expected.svg`` and ``expected-dark.svg``."""
    write_svg(picture(study), folder / "expected.svg")
