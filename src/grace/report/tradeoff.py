"""Charts of the trade-off: RMSE against NASA score, and what it costs by the price of a late failure."""

from __future__ import annotations

from collections.abc import Mapping

from grace.report.chart import INK, MUTED, Spec, by_method, chart, chosen, decimals, number, of, words
from grace.report.marks import Mark

REGIMES = {"truck": 0.56, "airline": 0.91, "cruise": 0.99}
"""The source's deployments by ``w = c_late / (c_late + c_early)`` (its section 13.3)."""


def pareto(methods: Mapping[str, Mark], legend: bool = False) -> Spec:
    """RMSE against NASA score: a mark a method, its intervals, seeds where asked for, and the frontier of ours and of theirs."""
    x, y = number("rmse", "RMSE, cycles"), number("score", "NASA score (sum over engines)")
    colour = {"color": by_method(methods, "colour", legend)}
    shape = {"shape": by_method(methods, "shape", legend)}
    tips = {"tooltip": [words("title", "method"), words("rmse_words", "RMSE"), words("score_words", "score")]}
    seed = {"tooltip": [words("title", "method"), words("seed", "seed"), *(decimals(f) for f in ("rmse", "score"))]}
    emphasis = chosen("datum.method === selected")
    line = {"type": "line", "interpolate": "step-after", "color": INK, "strokeWidth": 2}
    around = {"opacity": emphasis(1, 0.5), "size": emphasis(2.5, 1.5)}
    x2, y2 = {"x2": {"field": "rmse_high"}}, {"y2": {"field": "score_high"}}
    layers: list[Spec] = [
        of("isValid(datum.rmse_low)", "rule", {"x": number("rmse_low", x["title"]), "y": y, **x2, **colour, **around}),
        of(
            "isValid(datum.score_low)", "rule", {"x": x, "y": number("score_low", y["title"]), **y2, **colour, **around}
        ),
        {
            "transform": [{"filter": "datum.frontier"}],
            "mark": line,
            "encoding": {
                "x": x,
                "y": y,
                "order": {"field": "rmse", "type": "quantitative"},
                "strokeDash": _by_whose([1, 0], [3, 3]),
            },
        },
        {
            "data": {"name": "seeds"},
            "mark": {"type": "point", "filled": True, "size": 22, "opacity": 0.8},
            "encoding": {"x": x, "y": y, **colour, **shape, **seed},
        },
        of(
            "datum.whose === 'published'",
            {"type": "point", "filled": False, "strokeWidth": 2, "opacity": 1, "cursor": "pointer"},
            {"x": x, "y": y, **colour, **shape, **tips, "size": emphasis(190, 90)},
        ),
        of(
            "datum.whose === 'ours'",
            {"type": "point", "filled": True, "stroke": INK, "opacity": 1, "cursor": "pointer"},
            {"x": x, "y": y, **colour, **shape, **tips, "size": emphasis(240, 110), "strokeWidth": emphasis(1.8, 0.6)},
        ),
        of("datum.method === 'baseline'", _beside("right"), {"x": x, "y": y, "text": {"field": "title"}}),
        of(
            "datum.method === selected && datum.method !== 'baseline'",
            _beside("left"),
            {"x": x, "y": y, "text": {"field": "title"}},
        ),
    ]
    return chart("points", layers, height=300, params={"selected": "baseline"})


def cost(methods: Mapping[str, Mark], legend: bool = False) -> Spec:
    """J of every method against w, and where w stands."""
    x = number("w", "w = c_late / (c_late + c_early)") | {"scale": {"domain": [0, 1], "nice": False}}
    y = number("j", "J(w), 0: best in both")
    emphasis = chosen("datum.method === selected")
    regimes = [{"w": w, "name": name} for name, w in REGIMES.items()]
    line = {
        "mark": {"type": "line", "clip": True},
        "encoding": {
            "x": x,
            "y": y,
            "color": by_method(methods, "colour", legend),
            "detail": {"field": "method"},
            "strokeWidth": emphasis(3.5, 1.75),
        },
    }
    at = {
        "data": {"values": [{}]},
        "mark": {"type": "rule", "color": INK, "strokeWidth": 1.5},
        "encoding": {"x": {"datum": {"expr": "w"}, "type": "quantitative"}},
    }
    dashes = {
        "data": {"values": regimes},
        "mark": {"type": "rule", "color": MUTED, "strokeDash": [2, 3]},
        "encoding": {"x": x},
    }
    names = {
        "data": {"values": regimes},
        "mark": {
            "type": "text",
            "angle": 270,
            "align": "right",
            "baseline": "bottom",
            "dy": -3,
            "fontSize": 11,
            "color": MUTED,
        },
        "encoding": {"x": x, "y": {"value": 3}, "text": {"field": "name"}},
    }
    return chart("lines", [dashes, names, line, at], height=200, params={"selected": "baseline", "w": 0.91})


def _beside(align: str) -> Spec:
    """Words at the left or the right of a mark."""
    return {"type": "text", "align": align, "dx": 11 if align == "left" else -11, "dy": -11, "limit": 120}


def _by_whose(ours: list[int], published: list[int]) -> Spec:
    scale = {"domain": ["ours", "published"], "range": [ours, published]}
    return {"field": "whose", "type": "nominal", "scale": scale, "legend": None}
