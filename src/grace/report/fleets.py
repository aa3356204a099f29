"""Panels of fleets with suspended units and second tasks: calibration, survival, and how well each task is predicted."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from grace.core.stats import student
from grace.report.chart import INK, MUTED, Spec, chart, layer
from grace.report.histories import history_specs
from grace.training.record import Record

Row = dict[str, Any]
_FIFTH = re.compile(r"within_(?P<horizon>[^_]+)_(?P<fifth>\d)_(?P<what>predicted|observed|low|high|landmarks)")
SURVIVAL = {"ibs": "integrated Brier score", "harrell": "concordance, Harrell", "uno": "concordance, Uno"}
"""Figures of survival, and what they are called."""
TOLD = {"r2": "R2", "loss": "loss"}
"""Figures by which tasks are compared: against their mean, or their base rates."""


def fleets(records: Sequence[Record], histories: Iterable[Row]) -> Row:
    """Values for the page's script; what no record holds is empty, and its panel is not shown."""
    return {
        "calibration": [row for record in records if record.survival for row in _fifths(record)],
        "survival": _by_method([record for record in records if record.survival], _survival_of),
        "tasks": _by_method([record for record in records if record.tasks], _tasks_of),
        "histories": list(histories),
        "specs": {"calibration": _calibration()} | history_specs(),
    }


def _fifths(record: Record) -> list[Row]:
    """Predicted and observed probability to fail within each horizon, in fifths of the landmarks."""
    found: dict[tuple[str, str], Row] = {}
    for name, value in record.survival.items():
        if value is not None and (part := _FIFTH.fullmatch(name)):
            found.setdefault((part["horizon"], part["fifth"]), {})[part["what"]] = round(float(value), 4)
    spec = record.spec
    of = {"dataset": spec["dataset"], "method": spec["method"], "seed": spec["seed"]}
    return [
        of | {"horizon": horizon} | row for (horizon, _), row in found.items() if {"predicted", "observed"} <= set(row)
    ]


def _by_method(records: Sequence[Record], figures: Callable[[Record], Mapping[str, float]]) -> dict[str, Row]:
    """By data set names of figures, and by method their means over seeds with Student's 95 % interval, in words."""
    found: dict[str, Row] = {}
    values: dict[tuple[str, str, str], list[float]] = {}
    for record in records:
        for name, value in figures(record).items():
            values.setdefault((record.spec["dataset"], record.spec["method"], name), []).append(float(value))
    for (dataset, method, name), some in values.items():
        of = found.setdefault(dataset, {"names": [], "of": {}})
        of["names"] += [] if name in of["names"] else [name]
        of["of"].setdefault(method, {})[name] = student(some).text(3)
    return found


def _survival_of(record: Record) -> Mapping[str, float]:
    return {words: value for name, words in SURVIVAL.items() if (value := record.survival.get(name)) is not None}


def _tasks_of(record: Record) -> Mapping[str, float]:
    return {
        f"{task}, {words}": value
        for task, figures in record.tasks.items()
        for name, words in TOLD.items()
        if (value := figures.get(name)) is not None
    }


def _calibration() -> Spec:
    """Observed against predicted probability of failure, a mark a fifth of the landmarks of a run."""
    axis: Spec = {"type": "quantitative", "scale": {"domain": [0, 1]}, "axis": {"format": "%"}}
    x = axis | {"field": "predicted", "title": "predicted probability of failure"}
    y = axis | {"field": "observed", "title": "observed"}
    colour = {"value": {"expr": "colour"}}
    told = ("seed", "predicted", "observed", "low", "high", "landmarks")
    tips = {"tooltip": [{"field": name, "type": "nominal"} for name in told]}
    corners = [{"predicted": end, "observed": end} for end in (0, 1)]
    ends = {"x": x, "y": y | {"field": "low"}, "y2": {"field": "high"}, "color": colour}
    layers = [
        layer("line", {"x": x, "y": y}, rows=corners, color=MUTED, strokeDash=[4, 3]),
        layer("rule", ends, where="isValid(datum.low)", opacity=0.5),
        layer("point", {"x": x, "y": y, "color": colour} | tips, filled=True, size=60, opacity=0.9),
    ]
    return chart("fifths", layers, height=300, params={"colour": INK})
