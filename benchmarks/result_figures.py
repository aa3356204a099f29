"""The forest plot of docs/results.md: paired differences in RMSE by data set, with both networks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from grace.controllers.titles import TITLES
from grace.core.stats import Estimate
from grace.report.chart import ACCENT, INK, LATE, MUTED, Spec, layer, write_svg

WIDTH, LINE = 145, 21
"""Of a panel, and height of a method's line."""
DOMAIN = (-0.75, 1.85)
"""Of the axes, cycles: a little beyond the widest interval."""
COLOURS = {"statistics": ACCENT, "compact": LATE}

Differences = Mapping[tuple[str, str], Estimate]
"""By data set and method."""


def rows(network: str, found: Differences) -> list[dict[str, Any]]:
    """A mark for each method and data set."""
    return [
        {"dataset": dataset, "method": TITLES[method], "network": network}
        | {"mean": round(one.mean, 4), "low": round(one.low, 4), "high": round(one.high, 4)}
        for (dataset, method), one in found.items()
    ]


def panels(title: str, values: list[dict[str, Any]]) -> Spec:
    """One panel a data set, side by side: what is left of 0 has the lower error."""
    order = list(dict.fromkeys(row["method"] for row in values))
    sign = "(datum.value > 0 ? '+' : datum.value < 0 ? '\u2212' : '') + abs(datum.value)"
    ticks = {"values": [-0.5, 0, 0.5, 1, 1.5], "labelExpr": sign, "labelFontSize": 11, "labelOverlap": False}
    x: Spec = {
        "field": "mean",
        "type": "quantitative",
        "title": None,
        "axis": ticks,
        "scale": {"domain": DOMAIN, "nice": False},
    }
    y: Spec = {"field": "method", "type": "nominal", "sort": order, "title": None, "axis": {"labelLimit": 190}}
    shared: Spec = {"y": y, "yOffset": {"field": "network", "sort": [*COLOURS]}}
    scale = {"domain": [*COLOURS], "range": [*COLOURS.values()]}
    legend = {"title": "network", "orient": "bottom", "symbolOpacity": 1}
    shared["color"] = {"field": "network", "type": "nominal", "scale": scale, "legend": legend}
    layers = [
        layer("rule", {"x": {"datum": 0}}, color=MUTED),
        layer("rule", shared | {"x": x | {"field": "low"}, "x2": {"field": "high"}}, strokeWidth=1.5),
        layer("point", shared | {"x": x}, filled=True, size=28, opacity=1),
    ]
    header: Spec = {
        "field": "dataset",
        "type": "nominal",
        "header": {"title": None, "labelFontSize": 13, "labelColor": INK},
    }
    spec = {"width": WIDTH, "height": LINE * len(order), "layer": layers}
    heading: Spec = {"text": title, "fontSize": 13}
    return {"title": heading, "data": {"values": values}, "facet": {"column": header}, "spec": spec, "spacing": 8}


def forest(parts: Mapping[str, Mapping[str, Differences]]) -> Spec:
    """Panels below one another: what is compared, and the differences of each network."""
    drawn = [
        panels(title, [row for name, found in of.items() for row in rows(name, found)]) for title, of in parts.items()
    ]
    title = {"text": "Test RMSE less that of the reference, cycles: paired by seed, 95 % intervals",
             "subtitle": "Left of 0 the method has the lower error.", "limit": 700}  # fmt: skip
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "title": title,
        "vconcat": drawn,
        "spacing": 30,
    }


def draw(parts: Mapping[str, Mapping[str, Differences]], folder: Path) -> None:
    """Write ``forest.svg`` and ``forest-dark.svg``."""
    write_svg(forest(parts), folder / "forest.svg")
