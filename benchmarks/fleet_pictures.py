"""The picture of a family on docs/fleets.md: predicted against true RUL, survival curves, calibration (benchmarks/fleets.py)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from fleet_figures import NETWORK, Found

from grace.files import write_text
from grace.report.chart import EARLY, INK, LATE, MUTED, Spec, layer, number, svg
from grace.survival.calibration import calibration

POINTS, UNITS, SIDE = 250, 6, 250
KINDS = {"failed": (LATE, "circle"), "suspended": (EARLY, "square"), "still running": (EARLY, "triangle-right")}
"""What happened after a landmark within the curve, and how it looks."""

Rows = list[dict[str, Any]]


def draw(found: Found, path: Path) -> None:
    """Write it as SVG."""
    panels = [_predicted(found), _curves(found), _calibration(found)]
    inner = [panel | {"width": SIDE, "height": SIDE} for panel in panels]
    whole = {"$schema": "https://vega.github.io/schema/vega-lite/v6.json", "hconcat": inner, "spacing": 30}
    write_text(path, svg(whole | {"resolve": {"scale": {"color": "independent", "shape": "independent"}}}))


def _predicted(found: Found) -> Spec:
    """Of failed units out of fold, up to the cap."""
    rul, true = found.failed[:2]
    cap, unit = float(found.spec.conventions.cap), found.spec.conventions.unit
    some = np.random.default_rng(0).permutation(len(rul))[:POINTS]
    rows: Rows = [{"true": float(true[i]), "rul": float(rul[i])} for i in some]
    ends: Rows = [{"true": at, "rul": at} for at in (0.0, cap)]
    x, y = _axis("true", f"true RUL, {unit}", cap), _axis("rul", f"predicted RUL, {unit}", cap)
    layers = [
        layer("line", {"x": x, "y": y}, rows=ends, color=MUTED, strokeDash=[4, 3]),
        layer("point", {"x": x, "y": y}, rows=rows, filled=True, size=18, opacity=0.55, color=EARLY),
    ]
    return {"title": "failed units alone", "layer": layers}


def _curves(found: Found) -> Spec:
    """Of one landmark in each sixth by risk: until the unit failed or was suspended, and paler after."""
    survival, unit = found.survival, found.spec.conventions.unit
    edges, seen = survival.curves.edges, survival.landmarks
    rng, order = np.random.default_rng(1), np.argsort(survival.curves.mean(), kind="stable")
    chosen = [int(rng.choice(part)) for part in np.array_split(order, UNITS)]
    lines: Rows = []
    ends: Rows = []
    for place in chosen:
        at = float(min(seen.time[place], edges[-1]))
        told = survival.curves.at(np.array([place]))
        (here,) = told.survival(np.array([at]))
        kind = ("failed" if seen.event[place] else "suspended") if seen.time[place] <= edges[-1] else "still running"
        ends.append({"time": at, "survival": float(here[0]), "then": kind})
        for before in (True, False):
            times = np.unique(np.append(edges[edges <= at] if before else edges[edges >= at], at))
            values = told.survival(times)[0]
            lines += [
                {"time": float(t), "survival": float(s), "curve": f"{place} {before}", "before": before}
                for t, s in zip(times, values, strict=True)
            ]
    x, y = _axis("time", f"{unit} after the landmark", float(edges[-1])), _axis("survival", "survival", 1, ".0%")
    drawn = {"x": x, "y": y, "detail": {"field": "curve"}}
    there = [kind for kind in KINDS if any(row["then"] == kind for row in ends)]
    looks = {"domain": there, "range": [KINDS[kind][0] for kind in there]}
    shapes = {"domain": there, "range": [KINDS[kind][1] for kind in there]}
    legend = {"title": "what happened", "orient": "bottom"}
    then = {"field": "then", "type": "nominal", "legend": legend}
    marks = {"x": x, "y": y, "color": then | {"scale": looks}, "shape": then | {"scale": shapes}}
    layers = [
        layer(
            "line",
            drawn,
            rows=[row for row in lines if not row["before"]],
            color=MUTED,
            opacity=0.45,
            strokeDash=[3, 3],
        ),
        layer("line", drawn, rows=[row for row in lines if row["before"]], color=INK, strokeWidth=1.5),
        layer("point", marks, rows=ends, filled=True, size=90, opacity=1),
    ]
    return {"title": "survival at six landmarks", "layer": layers}


def _calibration(found: Found) -> Spec:
    """Observed against predicted, at both horizons."""
    conventions, curves = found.spec.conventions, found.curves[NETWORK]
    rows: Rows = []
    for horizon in conventions.health_cuts[::-1]:
        predicted = 1 - curves.survival(np.array([float(horizon)]))[:, 0]
        for fifth in calibration(predicted, found.landmarks, float(horizon)):
            values = {name: None if np.isnan(value) else float(value) for name, value in vars(fifth).items()}
            rows.append(values | {"horizon": f"{horizon:,g} {conventions.unit}"})
    x, y = _axis("predicted", "predicted probability", 1, ".0%"), _axis("observed", "observed share", 1, ".0%")
    names = list(dict.fromkeys(row["horizon"] for row in rows))
    legend = {"title": "fails within", "orient": "bottom"}
    horizon: Spec = {"field": "horizon", "type": "nominal", "legend": legend}
    looks = {"color": horizon | {"scale": {"domain": names, "range": [LATE, EARLY]}}}
    shape = {"shape": horizon | {"scale": {"domain": names, "range": ["circle", "square"]}}}
    ends: Rows = [{"predicted": at, "observed": at} for at in (0, 1)]
    between = {"y": y | {"field": "low"}, "y2": {"field": "high"}}
    layers = [
        layer("line", {"x": x, "y": y}, rows=ends, color=MUTED, strokeDash=[4, 3]),
        layer("rule", {"x": x} | between | looks, rows=rows, where="isValid(datum.low)", strokeWidth=1.5),
        layer(
            "point",
            {"x": x, "y": y} | looks | shape,
            rows=rows,
            where="isValid(datum.observed)",
            filled=True,
            size=70,
            opacity=1,
        ),
    ]
    return {"title": "calibration", "layer": layers}


def _axis(field: str, title: str, most: float, form: str = ",~f") -> Spec:
    return number(field, title) | {
        "scale": {"domain": [0, most], "nice": False},
        "axis": {"format": form, "tickCount": 4},
    }
