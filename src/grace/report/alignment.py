"""Charts of the diagnosis and of what training then showed."""

from __future__ import annotations

from collections.abc import Mapping

from grace.alignment.recipes import RECIPES
from grace.report.chart import INK, MUTED, Spec, by_method, chart, chosen, decimals, number, of, words
from grace.report.marks import Mark


def rho() -> Spec:
    """rho with its interval by recipe, on the bands of a rule."""
    x = number("rho", "rho, 95 % interval over initialisations") | {"scale": {"domain": [-1, 1], "nice": False}}
    y = {"field": "recipe", "type": "nominal", "sort": list(RECIPES), "title": None, "axis": {"grid": True}}
    tips = [
        words("recipe", "recipe"),
        *(decimals(f) for f in ("rho", "low", "high")),
        words("inits", "initialisations"),
    ]
    emphasis = chosen("datum.recipe === selected")
    band = {
        "data": {"name": "bands"},
        "mark": {"type": "rect", "opacity": 0.13},
        "encoding": {
            "x": number("low", x["title"]) | {"scale": x["scale"]},
            "x2": {"field": "high"},
            "color": {"field": "tint", "type": "nominal", "scale": None, "legend": None},
            "tooltip": [words("name", "band"), decimals("low"), decimals("high")],
        },
    }
    interval = {
        "mark": {"type": "rule", "color": INK, "cursor": "pointer"},
        "encoding": {"y": y, "x": number("low", x["title"]), "x2": {"field": "high"}, "size": emphasis(4, 1.75)},
    }
    mean = {
        "mark": {"type": "point", "stroke": INK, "opacity": 1, "cursor": "pointer"},
        "encoding": {
            "y": y,
            "x": x,
            "size": emphasis(190, 80),
            "fill": {"condition": {"test": "datum.reliable", "value": INK}, "value": "var(--paper)"},
            "tooltip": tips,
        },
    }
    edge = {
        "data": {"name": "edges"},
        "mark": {"type": "rule", "color": MUTED, "strokeDash": [3, 3]},
        "encoding": {"x": number("edge", x["title"]) | {"scale": x["scale"]}},
    }
    return chart("rho", [band, edge, interval, mean], height=26 * len(RECIPES), params={"selected": "joint"})


def sharing(methods: Mapping[str, Mark]) -> Spec:
    """What the second task did to the test RMSE: each method against RUL alone under the same RUL loss, paired by seed."""
    title = ["test RMSE minus RUL alone's", "under the same loss, cycles"]
    order = [mark.title for mark in methods.values()]
    y = {"field": "title", "type": "nominal", "sort": order, "title": None, "axis": {"grid": True}}
    colour, shape = by_method(methods, "colour"), by_method(methods, "shape")
    zero = {
        "data": {"values": [{}]},
        "mark": {"type": "rule", "color": INK},
        "encoding": {"x": {"datum": 0, "type": "quantitative"}},
    }
    tips = [words("title", "method"), words("to_alone", "against RUL alone")]
    bars = {"y": y, "x": number("alone_low", title), "x2": {"field": "alone_high"}, "color": colour}
    point = {"type": "point", "filled": True, "size": 100, "stroke": INK, "strokeWidth": 0.6, "opacity": 1}
    return chart(
        "points",
        [
            zero,
            of("isValid(datum.alone_low)", {"type": "rule", "strokeWidth": 2}, bars),
            {
                "mark": point,
                "encoding": {"y": y, "x": number("alone", title), "color": colour, "shape": shape, "tooltip": tips},
            },
        ],
        height=24 * max(len(methods), 2),
    )
