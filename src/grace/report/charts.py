"""Every chart by name: the trade-off, the diagnosis beside what training showed, one run's epochs and its test engines."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from grace.alignment.recipes import RECIPES
from grace.bench.ways import WAYS
from grace.report.chart import EARLY, INK, LATE, MUTED, Spec, chart, layer, number
from grace.report.marks import Mark

EPOCHS = {
    "loss": ("RUL loss, cycles²", "epochs_log"),
    "loss_in_caps": ("RUL loss, caps²", "epochs_log"),
    "health": ("health loss, nats", "epochs"),
    "tasks": ("losses of tasks", "epochs"),
    "validation": ("validation RMSE, cycles", "epochs_log"),
    "weights": ("task weight", "epochs_zero"),
    "ratio": ("gradient ratio", "epochs_log"),
    "cosine": ("rho, cosine", "epochs"),
}
"""What is shown over epochs: its title, and the chart that draws it."""

ONCE: list[Spec] = [{}]
"""Rows of a layer that is drawn once."""

_DOT: Spec = {"filled": True, "stroke": INK, "opacity": 1}


def specs(methods: Mapping[str, Mark], legend: bool = False) -> dict[str, Spec]:
    """Every chart by name, without data; ``legend`` where no list beside the chart says what its colours mean."""
    return {
        "pareto": _pareto(methods, legend),
        "rmse_differences": _differences(methods, ["test RMSE,", "difference in cycles"]),
        "score_differences": _differences(methods, ["NASA score,", "difference"]),
        "cost": _differences(methods, ["cost minus the least,", "cycles early"]),
        "rho": _rho(),
        "sharing": _sharing(methods),
        "ways": _ways(),
        "epochs": _epochs(),
        "epochs_log": _epochs({"scale": {"type": "log"}, "axis": {"grid": False}}),
        "epochs_zero": _epochs({"scale": {"zero": True}}),
        "predicted": _predicted(),
        "errors": _errors(),
    }


def _pareto(methods: Mapping[str, Mark], legend: bool) -> Spec:
    """RMSE against NASA score: a mark a method, its intervals, seeds where asked for, and the frontier of ours and of theirs."""
    x, y = number("rmse", "RMSE, cycles"), number("score", "NASA score (sum over engines)")
    colour = {"color": _by_method(methods, "colour", legend)}
    looks = colour | {"shape": _by_method(methods, "shape", legend)}
    at = {"x": x, "y": y}
    tips = {"tooltip": [_text("title", "method"), _text("rmse_words", "RMSE"), _text("score_words", "score")]}
    of_seed = {"tooltip": [_text("title", "method"), _text("seed", "seed"), _decimals("rmse"), _decimals("score")]}
    emphasis = _where("datum.method === selected")
    bar = colour | {"size": emphasis(2.5, 1.5)}
    of_chosen = "(selected === '' || datum.method === selected)"  # on paper, where none is chosen, all have their bars
    order = {"field": "rmse", "type": "quantitative"}
    drawn = {"order": order, "strokeDash": _nominal("whose", {"ours": [1, 0], "published": [3, 3]})}
    stepped: Spec = {"interpolate": "step-after", "color": INK, "strokeWidth": 2}
    theirs = {"size": emphasis(190, 90)}
    hollow: Spec = {"filled": False, "strokeWidth": 2, "opacity": 1, "cursor": "pointer"}
    ours = {"size": emphasis(240, 110), "strokeWidth": emphasis(1.8, 0.6)}
    name = at | {"text": {"field": "title"}}
    whole, no_score, no_rmse = (f"datum.whose === 'published' && {lacks}" for lacks in LACKS)
    thin: Spec = {"strokeDash": [1, 3], "opacity": 0.8}
    right = "scale('x', datum.rmse) > width / 2"
    inwards: Spec = {
        "align": {"expr": f"{right} ? 'right' : 'left'"},
        "dx": {"expr": f"{right} ? -11 : 11"},
        "dy": {"expr": "datum.chosen ? 14 : -11"},
    }
    layers = [
        layer(
            "rule",
            at | _interval("x", x, "rmse_low", "rmse_high") | bar,
            where=f"isValid(datum.rmse_low) && {of_chosen}",
        ),
        layer(
            "rule",
            at | _interval("y", y, "score_low", "score_high") | bar,
            where=f"isValid(datum.score_low) && {of_chosen}",
        ),
        layer("line", at | drawn, where="datum.frontier", **stepped),
        layer("line", at | {"order": order}, rows="pair", color=INK, strokeWidth=1.5, strokeDash=[6, 3]),
        layer("rule", {"x": x} | colour, where=no_score, **thin),
        layer("rule", {"y": y} | colour, where=no_rmse, **thin),
        layer("point", at | looks | of_seed, rows="seeds", filled=True, size=22, opacity=0.8),
        layer("point", at | looks | tips | theirs, where=whole, **hollow),
        layer("point", {"x": x, "y": {"value": "height"}} | looks | tips | theirs, where=no_score, **hollow),
        layer("point", {"x": {"value": 0}, "y": y} | looks | tips | theirs, where=no_rmse, **hollow),
        layer("point", at | looks | tips | ours, where="datum.whose === 'ours'", cursor="pointer", **_DOT),
        layer("text", name, rows="names", **inwards, limit=120),
    ]
    return chart("points", layers, height=300, params={"selected": ""})


LACKS = (
    "isValid(datum.rmse) && isValid(datum.score)",
    "isValid(datum.rmse) && !isValid(datum.score)",
    "!isValid(datum.rmse) && isValid(datum.score)",
)
"""Published figures: both, RMSE alone, NASA score alone."""


def _differences(methods: Mapping[str, Mark], title: list[str]) -> Spec:
    """A figure of each method minus the reference's, paired by seed, with its interval; grey where nothing is measurable."""
    x = number("mean", title) | {
        "scale": {"zero": False, "nice": False, "domainMin": {"expr": "least"}, "domainMax": {"expr": "most"}}
    }
    order = [mark.title for mark in methods.values()]
    y = {"field": "title", "type": "nominal", "sort": order, "title": None, "axis": {"grid": True}}
    colour = _nominal("verdict", {"lower": EARLY, "higher": LATE, "unclear": MUTED, "reference": INK})
    bar = {"y": y, "color": colour} | _interval("x", x, "low", "high")
    tips = {"tooltip": [_text("title", "method"), _text("words", "difference")]}
    dot = {"x": x, "y": y, "color": colour, "size": _where("datum.method === selected")(170, 80)} | tips
    layers = [
        layer("rule", {"x": _at(0)}, rows=ONCE, color=INK),
        layer("rule", bar, where="isValid(datum.low)", strokeWidth=2, clip=True),
        layer("point", dot, filled=True, opacity=1, cursor="pointer", clip=True),
    ]
    height = 20 * max(len(methods), 2)
    return chart("differences", layers, height, params={"selected": "", "least": -1, "most": 1})


def _rho() -> Spec:
    """rho with its interval by recipe, on the bands of a rule."""
    x = number("rho", ["rho, 95 % interval", "over initialisations"]) | {"scale": {"domain": [-1, 1], "nice": False}}
    y = {"field": "recipe", "type": "nominal", "sort": list(RECIPES), "title": None, "axis": {"grid": True}}
    emphasis = _where("datum.recipe === selected")
    tint = {"field": "tint", "type": "nominal", "scale": None, "legend": None}
    band = {"color": tint, "tooltip": [_text("name", "band"), _decimals("low"), _decimals("high")]}
    values = [_decimals(name) for name in ("rho", "low", "high")]
    dot = {
        "size": emphasis(190, 80),
        "fill": {"condition": {"test": "datum.reliable", "value": INK}, "value": "var(--paper)"},
        "tooltip": [_text("recipe", "recipe"), *values, _text("inits", "initialisations")],
    }
    interval = _interval("x", x, "low", "high")
    layers = [
        layer("rect", interval | band, rows="bands", opacity=0.13),
        layer("rule", {"x": x | {"field": "edge"}}, rows="edges", color=MUTED, strokeDash=[3, 3]),
        layer("rule", {"y": y, "size": emphasis(4, 1.75)} | interval, color=INK, cursor="pointer"),
        layer("point", {"y": y, "x": x} | dot, stroke=INK, opacity=1, cursor="pointer"),
    ]
    return chart("rho", layers, height=26 * len(RECIPES), params={"selected": "joint"})


def _sharing(methods: Mapping[str, Mark]) -> Spec:
    """What the second task did to the test RMSE: each method against RUL alone under the same RUL loss, paired by seed."""
    x = number("alone", ["test RMSE minus RUL alone's", "under the same loss, cycles"])
    order = [mark.title for mark in methods.values()]
    y = {"field": "title", "type": "nominal", "sort": order, "title": None, "axis": {"grid": True}}
    bar = {"y": y, "color": _by_method(methods, "colour")}
    tips = {"tooltip": [_text("title", "method"), _text("to_alone", "against RUL alone")]}
    interval = bar | _interval("x", x, "alone_low", "alone_high")
    dot = bar | {"x": x, "shape": _by_method(methods, "shape")} | tips
    layers = [
        layer("rule", {"x": _at(0)}, rows=ONCE, color=INK),
        layer("rule", interval, where="isValid(datum.alone_low)", strokeWidth=2),
        layer("point", dot, size=100, strokeWidth=0.6, **_DOT),
    ]
    return chart("points", layers, height=24 * max(len(methods), 2))


def _ways() -> Spec:
    """What each way to learn from few failures did to the test RMSE, against RUL alone, paired by fleet."""
    x = number("difference", ["test RMSE minus RUL alone's,", "cycles, 95 % interval over fleets"])
    y = {"field": "name", "type": "nominal", "sort": list(WAYS), "title": None, "axis": {"grid": True}}
    words = [("name", "way"), ("rmse_words", "RMSE"), ("difference_words", "difference"), ("change_words", "per cent")]
    tips = {"tooltip": [_text(field, title) for field, title in words]}
    interval = {"y": y} | _interval("x", x, "difference_low", "difference_high")
    layers = [
        layer("rule", {"x": _at(0)}, rows=ONCE, color=INK),
        layer("rule", interval, where="isValid(datum.difference_low)", color=INK, strokeWidth=2),
        layer("point", {"y": y, "x": x} | tips, size=100, fill=INK, **_DOT),
    ]
    return chart("ways", layers, height=24 * len(WAYS))


def _epochs(kind: Spec | None = None) -> Spec:
    """A quantity over the epochs of a run, one line a series, with its interval where there is one; its title stands above."""
    axis = {"format": "d", "tickMinStep": 1, "grid": False}
    x = {"field": "epoch", "type": "quantitative", "title": "epoch", "axis": axis}
    y = number("value", None) | (kind or {})
    colour = {"color": {"value": {"expr": "colour"}}}
    dash = {"strokeDash": _nominal("series", {"": [1, 0], "RUL": [1, 0], "health": [5, 3]})}
    drawn = {"x": x, "y": y, "tooltip": [_text(name, name) for name in ("series", "epoch", "value")], **colour}
    band = {"x": x} | _interval("y", y, "low", "high") | colour
    layers = [
        layer("area", band, where="isValid(datum.low)", opacity=0.22),
        layer("rule", {"x": _at({"expr": "kept"})}, rows=ONCE, color=MUTED, strokeDash=[2, 3]),
        layer("line", drawn | dash, strokeWidth=2),
        layer("point", drawn, filled=True, size=30, opacity=1),
        layer("text", {"x": x, "y": y, "text": {"field": "name"}}, where="isValid(datum.name)", align="right", dy=-9),
    ]
    return chart("epochs", layers, height=150, params={"colour": INK, "kept": 0})


def _predicted() -> Spec:
    """Predicted against true RUL of the test engines; the chosen one with its interval."""
    x, y = number("true", "true RUL, cycles"), number("rul", "predicted RUL, cycles")
    where = "datum.engine === engine && isValid(datum.low)"
    layers = [
        layer("line", {"x": x, "y": y | {"field": "target"}}, rows="diagonal", color=MUTED, strokeDash=[4, 3]),
        layer("rule", {"x": x} | _interval("y", y, "low", "high"), where=where, color=INK, strokeWidth=2.5),
        _engines(x, y),
    ]
    return chart("engines", layers, height=300, params={"engine": -1})


def _errors() -> Spec:
    """Error against true RUL: above the line the network promised more cycles than there were."""
    x, y = number("true", "true RUL, cycles"), number("error", "predicted minus true RUL, cycles (above 0: late)")
    layers = [layer("rule", {"y": _at(0)}, rows=ONCE, color=INK), _engines(x, y)]
    return chart("engines", layers, height=300, params={"engine": -1})


def _engines(x: Spec, y: Spec) -> Spec:
    emphasis = _where("datum.engine === engine")
    looks = {
        "color": _nominal("late", {"late": LATE, "early": EARLY}),
        "shape": _nominal("late", {"late": "triangle-up", "early": "circle"}),
        "size": emphasis(220, 36),
        "opacity": emphasis(1, 0.75),
        "strokeWidth": emphasis(2, 0),
        "tooltip": [_text(name, name) for name in ("engine", "true", "rul", "error")],
    }
    return layer("point", {"x": x, "y": y} | looks, filled=True, stroke=INK, cursor="pointer")


def _interval(axis: str, quantity: Spec, low: str, high: str) -> Spec:
    """From one field to another along the axis of a quantity."""
    return {axis: quantity | {"field": low}, f"{axis}2": {"field": high}}


def _nominal(field: str, looks: Mapping[str, object]) -> Spec:
    """How each value of a field looks, without a legend."""
    scale = {"domain": list(looks), "range": list(looks.values())}
    return {"field": field, "type": "nominal", "legend": None, "scale": scale}


def _at(value: object) -> Spec:
    """A place on an axis that no row names."""
    return {"datum": value, "type": "quantitative"}


def _text(field: str, title: str) -> Spec:
    """A field that is shown as it is."""
    return {"field": field, "title": title, "type": "nominal"}


def _decimals(field: str) -> Spec:
    """A field with two decimals."""
    return {"field": field, "type": "quantitative", "format": ".2f"}


def _by_method(methods: Mapping[str, Mark], what: str, legend: bool = False) -> Spec:
    """Colour or shape of each method, which its rows hold, or with a legend where no list stands beside the chart."""
    if not legend:
        return {"field": what, "type": "nominal", "scale": None, "legend": None}
    scale = {"domain": [m.title for m in methods.values()], "range": [getattr(m, what) for m in methods.values()]}
    return {"field": "title", "type": "nominal", "scale": scale, "legend": {"title": "method"}}


def _where(test: str) -> Callable[[float, float], Spec]:
    """What an encoding is for the rows that pass a test, and for the others."""
    return lambda value, other: {"condition": {"test": test, "value": value}, "value": other}
