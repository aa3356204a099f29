"""Charts of one run: its epochs, and its test engines."""

from __future__ import annotations

from grace.report.chart import EARLY, INK, LATE, MUTED, Spec, chart, chosen, number, of, words

KINDS: dict[str, Spec] = {
    "linear": {"scale": {"zero": False}},
    "from 0": {"scale": {"zero": True}},
    "log": {"scale": {"type": "log"}, "axis": {"grid": False}},
}
"""Scales of a quantity over epochs."""


def epochs(title: str, kind: str = "linear") -> Spec:
    """A quantity over the epochs of a run, one line a series, with its interval where there is one."""
    x = {
        "field": "epoch",
        "type": "quantitative",
        "title": "epoch",
        "axis": {"format": "d", "tickMinStep": 1, "grid": False},
    }
    scale = KINDS[kind]
    y = number("value", title) | scale
    dashes = {"domain": ["", "RUL", "health"], "range": [[1, 0], [1, 0], [5, 3]]}
    dash = {"field": "series", "type": "nominal", "legend": None, "scale": dashes}
    tips = [words("series", "series"), words("epoch", "epoch"), words("value", "value")]
    colour = {"color": {"value": {"expr": "colour"}}}
    band = {
        "transform": [{"filter": "isValid(datum.low)"}],
        "mark": {"type": "area", "opacity": 0.22},
        "encoding": {"x": x, "y": number("low", title) | scale, "y2": {"field": "high"}, **colour},
    }
    kept = {
        "data": {"values": [{}]},
        "mark": {"type": "rule", "color": MUTED, "strokeDash": [2, 3]},
        "encoding": {"x": {"datum": {"expr": "kept"}, "type": "quantitative"}},
    }
    drawn = {"x": x, "y": y, "tooltip": tips, **colour}
    line = {"mark": {"type": "line", "strokeWidth": 2}, "encoding": {**drawn, "strokeDash": dash}}
    points = {"mark": {"type": "point", "filled": True, "size": 30, "opacity": 1}, "encoding": drawn}
    last = {
        "transform": [
            {"filter": "isValid(datum.name)"},
        ],
        "mark": {"type": "text", "align": "right", "dy": -9},
        "encoding": {"x": x, "y": y, "text": {"field": "name"}},
    }
    return chart("epochs", [band, kept, line, points, last], height=150, params={"colour": INK, "kept": 0}) | {
        "description": f"{title} over the epochs of the run"
    }


LATENESS = {"domain": ["late", "early"], "range": [LATE, EARLY]}
POINTING = {"domain": ["late", "early"], "range": ["triangle-up", "circle"]}


def predicted() -> Spec:
    """Predicted against true RUL of the test engines; the chosen one with its interval."""
    x, y = number("true", "true RUL, cycles"), number("rul", "predicted RUL, cycles")
    mine = "datum.engine === engine"
    diagonal = {
        "data": {"name": "diagonal"},
        "mark": {"type": "line", "color": MUTED, "strokeDash": [4, 3]},
        "encoding": {"x": x, "y": number("target", y["title"])},
    }
    interval = of(
        f"{mine} && isValid(datum.low)",
        {"type": "rule", "color": INK, "strokeWidth": 2.5},
        {"x": x, "y": number("low", y["title"]), "y2": {"field": "high"}},
    )
    return chart("engines", [diagonal, interval, _engines(x, y)], height=300, params={"engine": -1})


def errors() -> Spec:
    """Error against true RUL: above the line the network promised more cycles than there were."""
    x, y = number("true", "true RUL, cycles"), number("error", "predicted minus true RUL, cycles (above 0: late)")
    zero = {
        "data": {"values": [{}]},
        "mark": {"type": "rule", "color": INK},
        "encoding": {"y": {"datum": 0, "type": "quantitative"}},
    }
    return chart("engines", [zero, _engines(x, y)], height=300, params={"engine": -1})


def _engines(x: Spec, y: Spec) -> Spec:
    emphasis = chosen("datum.engine === engine")
    names = ("engine", "true", "rul", "error")
    return {
        "mark": {"type": "point", "filled": True, "stroke": INK, "cursor": "pointer"},
        "encoding": {
            "x": x,
            "y": y,
            "color": {"field": "late", "type": "nominal", "scale": LATENESS, "legend": None},
            "shape": {"field": "late", "type": "nominal", "scale": POINTING, "legend": None},
            "size": emphasis(220, 36),
            "opacity": emphasis(1, 0.75),
            "strokeWidth": emphasis(2, 0),
            "tooltip": [words(name, name) for name in names],
        },
    }
