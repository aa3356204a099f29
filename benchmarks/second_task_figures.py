"""Figures of docs/second-tasks.md from results/second_tasks.json: changes to RUL alone, paired by draw, and their picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from grace.core.stats import Estimate, Family, student
from grace.report.chart import EARLY, INK, LATE, MUTED, Spec, layer, write_svg

ALONE, USUALLY, RANDOM, BOUND = "RUL alone", "RUL alone as it comes", "random", "bound"
FUTURE = "future_sensors"
COMPACT = "compact"
"""Size at which some ways were trained, with some numbers of failures."""
FAST = "statistics"
"""Size at which all ways were trained."""
LEAST = 3
"""Draws from which on a change has an interval that is shown."""
COLOURS = {"second label": LATE, BOUND: EARLY, "label + bound": INK, FUTURE: "#2a9d5c", RANDOM: "#c9851c"}
PANEL, COLUMNS = 165, 3


class Cell(NamedTuple):
    """A family with so many failures that keep their RUL."""

    family: str
    known: int


class Change(NamedTuple):
    """What a way changed: mean logarithm of the RMSE over that of RUL alone, and what it stands for."""

    cell: Cell
    size: str
    way: str
    log: Estimate

    @property
    def percent(self) -> tuple[float, float, float]:
        """Change of the RMSE and the ends of its 95 % interval, per cent (of the geometric mean of the draws' ratios)."""
        mean, low, high = (100 * (float(np.exp(v)) - 1) for v in (self.log.mean, self.log.low, self.log.high))
        return mean, low, high

    @property
    def text(self) -> str:
        """In per cent; bold where the interval leaves out 0."""
        mean, low, high = self.percent
        if self.log.n < LEAST:
            return f"{mean:+.0f}"
        found = f"{mean:+.0f} [{low:+.0f}, {high:+.0f}]"
        return f"**{found}**" if self.log.measurable else found


class Figures:
    """Trainings by cell, size, way and draw.

    Args:
        rows: Of ``results/second_tasks.json``.
    """

    def __init__(self, rows: Sequence[dict[str, Any]]) -> None:
        self._rmse: dict[tuple[Cell, str, str], dict[int, float]] = {}
        self.cap = {row["family"]: row["cap"] for row in rows}
        for row in rows:
            key = Cell(row["family"], row["known"]), row["size"], row["way"]
            self._rmse.setdefault(key, {})[row["draw"]] = row["rmse"]

    @cached_property
    def cells(self) -> list[Cell]:
        """All cells, by family and failures."""
        families = list(dict.fromkeys(cell.family for cell, _, _ in self._rmse))
        found = {cell for cell, _, _ in self._rmse}
        return sorted(found, key=lambda cell: (families.index(cell.family), cell.known))

    def of(self, cell: Cell, size: str, way: str) -> dict[int, float]:
        """RMSE by draw."""
        return self._rmse.get((cell, size, way), {})

    def reference(self, cell: Cell, without: str = "") -> tuple[str, str]:
        """Size (but ``without``) and way of RUL alone with the lowest mean RMSE over the draws that all of them have: it is
        chosen on the very units that it is judged by, which flatters it, not the second tasks."""
        ways = [
            (size, way) for one, size, way in self._rmse if one == cell and way in (ALONE, USUALLY) and size != without
        ]
        draws = set.intersection(*(set(self.of(cell, *way)) for way in ways))
        return min(ways, key=lambda way: float(np.mean([self.of(cell, *way)[draw] for draw in draws] or [np.inf])))

    def change(self, cell: Cell, size: str, way: str, to: tuple[str, str] | None = None) -> Change | None:
        """Of a way against another one, by default against :meth:`reference`; None where no draw has both."""
        ours, theirs = self.of(cell, size, way), self.of(cell, *(to or self.reference(cell)))
        draws = sorted(ours.keys() & theirs.keys())
        if not draws:
            return None
        return Change(cell, size, way, student([float(np.log(ours[d] / theirs[d])) for d in draws]))

    def ways(self, cell: Cell, size: str) -> list[str]:
        """What was trained beside RUL alone."""
        found = [way for one, other, way in self._rmse if (one, other) == (cell, size)]
        return [way for way in dict.fromkeys(found) if way not in (ALONE, USUALLY)]

    def tuned(self, cell: Cell, way: str) -> Change | None:
        """Of a way at the size with its lowest mean RMSE, against the best of RUL alone: of all sizes, and without compact where
        the way was not trained with that. Both are tuned alike."""
        sizes = [size for one, size, name in self._rmse if (one, name) == (cell, way)]
        size = min(sizes, key=lambda size: float(np.mean(list(self.of(cell, size, way).values()))))
        return self.change(cell, size, way, self.reference(cell, "" if COMPACT in sizes else COMPACT))

    def changes(self) -> list[Change]:
        """All ways of all cells, tuned."""
        every = (self.tuned(cell, way) for cell in self.cells for way in self.ways(cell, FAST))
        return [change for change in every if change is not None]

    def label(self, family: str) -> str:
        """The family's first second label."""
        mine = [cell for cell in self.cells if cell.family == family]
        ways = [way for cell in mine for way in self.ways(cell, FAST)]
        return next(
            way.removesuffix(f" + {BOUND}") for way in ways if way.endswith(f" + {BOUND}") and RANDOM not in way
        )


def kind_of(figures: Figures, change: Change) -> str:
    """Name of a way in the picture; empty for one that is not in it."""
    label = figures.label(change.cell.family)
    names = {label: "second label", BOUND: BOUND, f"{label} + {BOUND}": "label + bound", FUTURE: FUTURE, RANDOM: RANDOM}
    return names.get(change.way, "")


def tally(changes: Sequence[Change]) -> str:
    """How many help, hurt and are not measurable, and how many remain after Benjamini-Hochberg."""
    shown = [change for change in changes if change.log.n >= LEAST]
    family = Family.of([change.log for change in shown])
    kept = [one for one, p in zip(shown, family.adjusted, strict=True) if p <= 0.05]
    lower = sum(change.log.mean < 0 for change in kept)
    return f"{family.words} Of these {lower} lower the RMSE and {len(kept) - lower} raise it."


def draw(figures: Figures, path: Path) -> None:
    """Small multiples: failures against the ratio to RUL alone, a panel a family, as SVG. The axis of ratios is logarithmic, so
    that twice the error is as far from 1 as half of it."""
    families = [name for name in dict.fromkeys(cell.family for cell in figures.cells) if " test" not in name]
    panels = [_panel(figures, family) for family in families]
    whole: Spec = {"$schema": "https://vega.github.io/schema/vega-lite/v6.json", "columns": COLUMNS, "spacing": 22}
    write_svg(whole | {"concat": panels, "resolve": {"scale": {"color": "shared", "y": "shared"}}}, path)


def _panel(figures: Figures, family: str) -> Spec:
    rows = list(_rows(figures, family))
    names = list(COLOURS)
    x = {"field": "place", "type": "quantitative", "title": "failures with RUL", "scale": {"type": "log", "base": 2,
         "domain": [3, 40]}, "axis": {"values": [4, 8, 16, 32], "grid": False}}  # fmt: skip
    scale = {"type": "log", "domain": [0.5, 2.0], "clamp": True}
    y = {"field": "ratio", "type": "quantitative", "title": "RMSE / RUL alone", "scale": scale,
         "axis": {"values": [0.5, 0.6, 0.8, 1, 1.25, 1.6, 2]}}  # fmt: skip
    legend = {"title": None, "orient": "bottom", "columns": 5, "symbolType": "circle", "symbolOpacity": 1}
    colour = {"field": "kind", "type": "nominal", "legend": legend}
    colour["scale"] = {"domain": names, "range": list(COLOURS.values())}
    tooltip: Spec = {"x": x, "color": colour}
    layers = [
        layer("rule", {"y": y | {"field": "at"}}, rows=[{"at": 1.0}], color=MUTED, strokeDash=[4, 3]),
        layer("rule", tooltip | {"y": y | {"field": "low"}, "y2": {"field": "high"}}, strokeWidth=1.3, opacity=0.7),
        layer("line", tooltip | {"y": y}, strokeWidth=1, opacity=0.5),
        layer("point", tooltip | {"y": y}, filled=True, size=45, opacity=1),
    ]
    return {"title": family, "width": PANEL, "height": PANEL, "data": {"values": rows}, "layer": layers}


def _rows(figures: Figures, family: str) -> Iterator[dict[str, Any]]:
    """Points of a panel; ways that share a number of failures stand side by side."""
    names = list(COLOURS)
    for change in figures.changes():
        kind = kind_of(figures, change)
        if change.cell.family == family and kind and change.cell.known in (4, 8, 16, 32):
            ratio, low, high = (float(np.exp(v)) for v in (change.log.mean, change.log.low, change.log.high))
            aside = 2 ** (0.09 * (names.index(kind) - (len(names) - 1) / 2))
            ends = {} if change.log.n < LEAST else {"low": max(low, 0.5), "high": min(high, 2.0)}
            yield {"kind": kind, "place": change.cell.known * aside, "ratio": ratio} | ends
