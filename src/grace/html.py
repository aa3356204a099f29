"""Results as HTML for a notebook or a page: cards of text, tables and inline SVG, without a script and without a request.

Colours are CSS variables that follow the theme: the one of JupyterLab where it says so, else the reader's. Where styles are
left out, as on some sites that show notebooks, text and pictures have the colour of the text around them. All texts are escaped
here, and nowhere else.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from html import escape
from typing import NamedTuple

_LIGHT = "--ink:#1f2328;--dim:#59636e;--rule:#d1d9e0;--face:#ffffff;--lower:#1a7f37;--higher:#b42318;--unclear:#0969da"
_DARK = "--ink:#e6edf3;--dim:#9198a1;--rule:#3d444d;--face:#0d1117;--lower:#3fb950;--higher:#ff7b72;--unclear:#58a6ff"
STYLE = (
    f".grace-card{{{_LIGHT};color:var(--ink);background:var(--face);border:1px solid var(--rule);border-radius:6px;"
    "padding:.8em 1em;margin:.5em 0;max-width:46em;font:14px/1.5 system-ui,sans-serif;overflow-x:auto}"
    f"@media(prefers-color-scheme:dark){{.grace-card{{{_DARK}}}}}"
    f"[data-jp-theme-light=true] .grace-card{{{_LIGHT}}}[data-jp-theme-light=false] .grace-card{{{_DARK}}}"
    ".grace-card h3{font-size:1em;margin:0 0 .3em}.grace-card p{margin:.3em 0}.grace-card .answer{font-weight:600}"
    ".grace-card .dim,.grace-card figcaption,.grace-card caption{color:var(--dim);font-size:.9em;text-align:left}"
    ".grace-card table{border-collapse:collapse;margin:.5em 0;background:none;color:inherit}"
    ".grace-card th,.grace-card td{border-bottom:1px solid var(--rule);padding:.15em .7em .15em 0;text-align:left;"
    "font-variant-numeric:tabular-nums;vertical-align:top}.grace-card figure{margin:.6em 0}"
    ".grace-card code{display:block;white-space:pre-wrap;overflow-wrap:anywhere;color:inherit;background:none}"
    ".grace-card svg{display:block;width:100%;height:auto;max-width:32em;color:var(--ink)}"
    ".grace-card svg .lower{color:var(--lower)}.grace-card svg .higher{color:var(--higher)}"
    ".grace-card svg .unclear{color:var(--unclear)}"
)
_PAGE = (
    f":root{{{_LIGHT}}}@media(prefers-color-scheme:dark){{:root{{{_DARK}}}}}"
    "body{margin:0;background:var(--face);color:var(--ink);font:16px/1.5 system-ui,sans-serif}"
    "main{max-width:60em;margin:0 auto;padding:1em}h1{font-size:1.4em}main .grace-card{max-width:none}.dim{color:var(--dim)}"
    ".beside{display:flex;flex-wrap:wrap;gap:0 2em}.beside>div{flex:1 1 20em;min-width:0}"
)
_WIDTH, _LEFT, _RIGHT, _ROW, _GLYPH = 400, 160, 385, 24, 7.2
"""Of a picture, in pixels where it is shown at its width: ends of its axis, height of a row, width of a letter."""


class Bar(NamedTuple):
    """A row of :func:`intervals`: a value, and the ends of its interval (NaN: unknown)."""

    label: str
    value: float
    low: float
    high: float
    words: str = ""  # what a pointer over it shows
    verdict: str = "unclear"  # `lower`, `higher` or `unclear`: its colour


def card(title: str, *parts: str) -> str:
    """A card of parts that are HTML already."""
    return f'<div class="grace-card"><style>{STYLE}</style><h3>{escape(title)}</h3>{"".join(parts)}</div>'


def document(title: str, *parts: str) -> str:
    """A page of parts, which runs no script and loads nothing."""
    policy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width,initial-scale=1"><meta name="color-scheme" content="light dark">'
        f"<style>{_PAGE}</style></head><body><main><h1>{escape(title)}</h1>{''.join(parts)}</main></body></html>\n"
    )


def beside(*parts: str) -> str:
    """Parts beside each other, or below each other where there is no room."""
    return f'<div class="beside">{"".join(f"<div>{part}</div>" for part in parts)}</div>'


def said(*lines: str, kind: str = "") -> str:
    """A paragraph a line; ``kind`` is ``answer``, ``dim`` or nothing."""
    named = f' class="{kind}"' if kind else ""
    return "".join(f"<p{named}>{escape(line)}</p>" for line in lines if line)


def code(text: str) -> str:
    """A command as it is typed."""
    return f"<code>{escape(text)}</code>"


def table(head: Sequence[str], rows: Sequence[Sequence[str]], caption: str = "") -> str:
    """A table; rows have a cell for each name of ``head``, of which none is shown where all are empty."""
    named = f"<caption>{escape(caption)}</caption>" if caption else ""
    top = "".join(f'<th scope="col">{escape(name)}</th>' for name in head)
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table>{named}{f'<thead><tr>{top}</tr></thead>' if any(head) else ''}<tbody>{body}</tbody></table>"


def intervals(rows: Sequence[Bar], caption: str, edges: Sequence[float] = (0.0,), within: Sequence[float] = ()) -> str:
    """A picture of values with their intervals, one below the other, and of edges as dashed lines; its axis holds the values
    ``within``, too, so that several pictures can have one."""
    known = [v for row in rows for v in (row.value, row.low, row.high) if math.isfinite(v)]
    left, right = _axis([*known, *edges, *within])
    height = _ROW * (len(rows) + 1)

    def place(value: float) -> float:
        return round(_LEFT + (value - left) / (right - left) * (_RIGHT - _LEFT), 1)

    drawn = [_dashed(place(edge), height) for edge in edges]
    drawn.append(_ticks([*edges, *((min(known), max(known)) if known else ())], place, height))
    drawn += [_row(row, _ROW * (number + 0.5), place) for number, row in enumerate(rows) if math.isfinite(row.value)]
    return _figure("".join(drawn), height, caption, "; ".join(f"{row.label} {row.words}".strip() for row in rows))


def curve(values: Sequence[float], caption: str) -> str:
    """A picture of values along steps, one a step; the first, the least and the last are written out."""
    known = [(n, value) for n, value in enumerate(values) if math.isfinite(value)]
    if len(known) < 2:
        return ""
    low, high = _axis([value for _, value in known])
    height, last = 5 * _ROW, max(n for n, _ in known)

    def place(point: tuple[int, float]) -> tuple[float, float]:
        x = 40 + point[0] / last * (_RIGHT - 60)
        return round(x, 1), round(height - _ROW - (point[1] - low) / (high - low) * (height - 2 * _ROW), 1)

    line = " ".join(f"{x},{y}" for x, y in map(place, known))
    drawn = f'<polyline class="unclear" points="{line}" fill="none" stroke="currentColor" stroke-width="2"/>'
    least = min(known, key=lambda point: point[1])
    for point in dict.fromkeys((known[0], least, known[-1])):
        x, y = place(point)
        drawn += f'<circle cx="{x}" cy="{y}" r="3" fill="currentColor"/>' + _text(x, y - 8, f"{point[1]:.4g}", "middle")
    words = f"from {known[0][1]:.4g} to {known[-1][1]:.4g}, least {least[1]:.4g} at {least[0] + 1}"
    return _figure(drawn, height, caption, words)


def _axis(values: Sequence[float]) -> tuple[float, float]:
    """Ends that hold all values, with a margin."""
    low, high = min(values), max(values)
    margin = 0.06 * (high - low) or 0.5 * abs(high) or 1.0
    return low - margin, high + margin


def _dashed(x: float, height: float) -> str:
    return f'<path d="M{x} 0V{height - _ROW}" stroke="currentColor" stroke-dasharray="3 3" opacity=".5"/>'


def _ticks(values: Sequence[float], place: Callable[[float], float], height: float) -> str:
    """Values below the axis, in this order as far as there is room."""
    taken, drawn = list[tuple[float, float]](), ""
    for value in values:
        words, x = f"{value:.3g}", place(value)
        half = _GLYPH * (len(words) + 1) / 2
        if all(x + half < left or x - half > right for left, right in taken):
            taken.append((x - half, x + half))
            drawn += _text(x, height - 8, words, "middle")
    return drawn


def _row(row: Bar, y: float, place: Callable[[float], float]) -> str:
    """A label, an interval with its ends, and a dot."""
    x = place(row.value)
    drawn = f"<title>{escape(f'{row.label} {row.words}'.strip())}</title>"
    if math.isfinite(row.low) and math.isfinite(row.high):
        low, high = place(row.low), place(row.high)
        path = f"M{low} {y}H{high}M{low} {y - 5}v10M{high} {y - 5}v10"
        drawn += f'<path d="{path}" stroke="currentColor" stroke-width="2" fill="none"/>'
    drawn += f'<circle cx="{x}" cy="{y}" r="4.5" fill="currentColor"/>'
    most = int((_LEFT - 12) / _GLYPH)
    label = row.label if len(row.label) <= most else row.label[: most - 1] + "…"
    return _text(_LEFT - 12, y + 4, label, "end") + f'<g class="{row.verdict}">{drawn}</g>'


def _text(x: float, y: float, words: str, anchor: str) -> str:
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}" font-size="13" fill="currentColor">{escape(words)}</text>'


def _figure(drawn: str, height: float, caption: str, words: str) -> str:
    label = escape(f"{caption}: {words}", quote=True)
    svg = f'<svg viewBox="0 0 {_WIDTH} {height:g}" role="img" aria-label="{label}">{drawn}</svg>'
    return f"<figure>{svg}<figcaption>{escape(caption)}</figcaption></figure>"
