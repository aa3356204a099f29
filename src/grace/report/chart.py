"""What every chart is built from: Vega-Lite as plain dictionaries; the page fills their data in, pictures hold it."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from grace.files import write_text

Spec = dict[str, Any]

INK, MUTED, LINE, LATE, EARLY, ACCENT = (
    f"var(--{name})" for name in ("ink", "muted", "line", "late", "early", "accent")
)
"""Colours that the page's style sheet sets, light and dark, also of pictures: :func:`svg`."""

WIDTH = 440
"""Of a picture."""

_AXIS: Spec = {"labelColor": MUTED, "gridColor": LINE, "domainColor": MUTED, "tickColor": MUTED, "titleFontSize": 12.5}
_LEGEND: Spec = {"labelColor": INK, "titleFontSize": 12, "labelLimit": 240}
_BOTH: Spec = {"titleColor": INK, "titleFontWeight": "normal", "labelFontSize": 12}
_TITLE: Spec = {"color": INK, "fontSize": 14, "fontWeight": "normal", "anchor": "start", "limit": 440}

CONFIG: Spec = {
    "font": "system-ui, sans-serif",
    "background": "transparent",
    "padding": 4,
    "aria": False,  # the chart is one picture with a description; the lists beside it are what a screen reader reads
    "axis": _AXIS | _BOTH | {"labelLimit": 130, "tickCount": 5},
    "legend": _LEGEND | _BOTH,
    "title": _TITLE | {"subtitleColor": MUTED, "subtitleFontSize": 11},
    "view": {"stroke": None},
    "text": {"color": INK, "fontSize": 12},
}


def chart(data: str, layers: Sequence[Spec], height: int, params: Mapping[str, object] | None = None) -> Spec:
    """Layers on one pair of axes, as wide as what holds them; ``data`` names the rows and ``params`` what can be set later."""
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "width": "container",
        "height": height,
        "data": {"name": data},
        "params": [{"name": name, "value": value} for name, value in (params or {}).items()],
        "layer": list(layers),
    }


def number(field: str, title: str | list[str] | None) -> Spec:
    """A quantity with a title of one line, several or none; axes need not begin at 0."""
    return {"field": field, "type": "quantitative", "title": title, "scale": {"zero": False}}


def layer(
    kind: str, encoding: Spec, *, where: str = "", rows: str | Sequence[Spec] | None = None, **mark: object
) -> Spec:
    """Marks of one kind: of the rows that pass a test ``where``, or of other ``rows`` than the chart's, by name or in place."""
    found: Spec = {"mark": {"type": kind, **mark}, "encoding": encoding}
    if where:
        found["transform"] = [{"filter": where}]
    if rows is not None:
        found["data"] = {"name": rows} if isinstance(rows, str) else {"values": list(rows)}
    return found


def filled(
    spec: Spec,
    rows: Mapping[str, Sequence[Spec]],
    title: str | Spec,
    width: int = WIDTH,
    params: Mapping[str, object] | None = None,
) -> Spec:
    """A chart that holds its rows, with a width, a title and some ``params`` of its own."""

    def held(part: Spec) -> Spec:
        name = part.get("data", {}).get("name")
        return part if name is None else part | {"data": {"values": list(rows[name])}}

    known = {"selected": "", **(params or {})}  # nothing is chosen on paper
    own = [param | {"value": known.get(param["name"], param["value"])} for param in spec["params"]]
    layers = [held(part) for part in spec["layer"]]
    return held(spec) | {"layer": layers, "width": width, "title": title, "params": own}


def svg(spec: Spec, dark: bool = False) -> str:
    """A chart with its data as SVG: the style sheet's light or dark colours in place of its names, which only a page knows."""
    import vl_convert

    css = files("grace.report").joinpath("page.css").read_text(encoding="utf-8")
    colours = {name: both[dark] for name, *both in re.findall(r"--([\w-]+): light-dark\((#\w+), (#\w+)\)", css)}
    text = json.dumps(
        {"config": CONFIG | {"background": colours["paper"] if dark else "white", "font": "sans-serif"}} | spec
    )
    coloured = re.sub(r"var\(--([\w-]+)\)", lambda found: colours[found[1]], text)
    return str(vl_convert.vegalite_to_svg(json.loads(coloured)))


def write_svg(spec: Spec, path: Path) -> None:
    """Write ``NAME.svg`` and ``NAME-dark.svg``, for a page that is read in both, each with a comment on what it was made from."""
    for dark in (False, True):
        text = svg(spec, dark) + f"\n<!-- {digest(spec)} -->\n"
        write_text(path.with_name(f"{path.stem}-dark.svg") if dark else path, text)


def digest(spec: Spec) -> str:
    """Of a chart and its data, by which a picture is known to be theirs, whatever version of the library drew it."""
    return hashlib.sha256(json.dumps(spec).encode()).hexdigest()
