"""The picture at the top of docs/fleets.md: the network's integrated Brier score beside the baselines' (benchmarks/fleets.py)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fleet_page import BASELINES

from grace.report.chart import ACCENT, INK, MUTED, Spec, layer, write_svg

COLOURS = {
    "network": ACCENT,
    "kaplan-meier": INK,
    "weibull": MUTED,
    "cox": "#CC79A7",
    "forest": "#009E73",
    "tree": "#E69F00",
}
"""The last three of Okabe and Ito's palette."""
SHAPES = {"network": "circle", "kaplan-meier": "diamond", "weibull": "cross", "cox": "square", "forest": "triangle-up",
          "tree": "triangle-down"}  # fmt: skip


def picture(rows: Sequence[dict[str, Any]]) -> Spec:
    """A line a family, a mark a model; further left is better."""
    scores = [
        {"family": row["family"], "model": name, "score": round(row["models"][name]["ibs"], 4)}
        for row in rows
        for name in ("network", *BASELINES)
    ]
    x: Spec = {
        "field": "score",
        "type": "quantitative",
        "title": "integrated Brier score; 0 is perfect",
        "scale": {"domainMin": 0},
    }
    y: Spec = {"field": "family", "type": "nominal", "sort": [row["family"] for row in rows], "title": None}
    legend: Spec = {"title": None, "orient": "bottom", "symbolOpacity": 1}
    scale = {"domain": [*COLOURS], "range": [*COLOURS.values()]}
    marks = {"domain": [*SHAPES], "range": [*SHAPES.values()]}
    colour: Spec = {"field": "model", "type": "nominal", "legend": legend, "scale": scale}
    shape: Spec = {"field": "model", "type": "nominal", "legend": legend, "scale": marks}
    size: Spec = {"condition": {"test": "datum.model == 'network'", "value": 130}, "value": 50}
    title = {"text": "Survival curves of seven families, out of fold", "subtitle": "Left is better."}
    layers = [
        layer("point", {"x": x, "y": y, "color": colour, "shape": shape, "size": size}, filled=True, opacity=0.95)
    ]
    return {"$schema": "https://vega.github.io/schema/vega-lite/v6.json", "width": 520, "height": {"step": 34}, "title": title,
            "data": {"values": scores}, "layer": layers}  # fmt: skip


def draw_summary(rows: Sequence[dict[str, Any]], folder: Path) -> None:
    """Write ``fleets.svg`` and ``fleets-dark.svg``."""
    write_svg(picture(rows), folder / "fleets.svg")
