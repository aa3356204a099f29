"""The panels as PNG and SVG, for papers: the page's charts, light and dark, with a legend of their own."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from grace.alignment.decide import STUDY, UNMEASURED
from grace.files import replacing, write_text
from grace.report.chart import Spec, filled, svg
from grace.report.charts import EPOCHS, specs
from grace.report.cost import LEAST, PRICES, WORSE, costs
from grace.report.data import page_data
from grace.report.estimates import BASELINE
from grace.report.marks import Mark
from grace.report.read import Results

SMALL, SCALE = 230, 2
Row = dict[str, Any]


def draw(found: Results, folder: Path) -> int:
    """Write every panel of every data set as ``PANEL-DATASET.svg`` and ``.png``, and dark as ``PANEL-DATASET-dark``; of single
    runs GRACE's first on each data set, or the first. Returns how many figures there are, each in four files.
    """
    data = page_data(found)
    marks = {name: Mark(**values) for name, values in data["methods"].items()}
    charts = specs(marks, legend=True)
    names = [_file_name(dataset) for dataset in data["datasets"]]
    drawn = 0
    for number, (dataset, name) in enumerate(zip(data["datasets"], names, strict=True)):
        earlier = names[:number].count(name)
        panels = _panels(data, charts, dataset) | _cost(found, marks, charts["cost"], dataset)
        for panel, spec in panels.items():
            _write(spec, folder / f"{panel}-{name}{f'-{earlier}' if earlier else ''}")
            drawn += 1
    return drawn


def _file_name(dataset: str) -> str:
    """A name that every file system takes."""
    return re.sub(r"[^\w-]", "_", dataset, flags=re.ASCII)[:40]


def _panels(data: Row, charts: Mapping[str, Spec], dataset: str) -> dict[str, Spec]:
    """What there is to draw of a data set, by panel."""
    order = list(data["methods"])
    points = [p for p in data["points"] if p["dataset"] == dataset and p["view"] == "honest"]
    points = [p | data["methods"][p["method"]] | {"whose": "ours"} for p in points]
    points.sort(key=lambda p: order.index(p["method"]))
    alone = [p for p in points if "alone" in p]
    diagnoses = [d for d in data["diagnoses"] if d["dataset"] == dataset]
    runs = [r for r in data["runs"] if r["dataset"] == dataset]
    run = min(runs, key=lambda r: r["method"] != "grace", default=None)  # the one that the page opens with
    found: dict[str, Spec] = {}
    if points:
        title = {"text": dataset, "subtitle": _engine_error(points)}
        names = [p | {"chosen": False} for p in points if p["method"] == BASELINE]
        found["pareto"] = filled(charts["pareto"], {"points": points, "seeds": [], "pair": [], "names": names}, title)
    if diagnoses:
        found["rho"] = filled(charts["rho"], {"rho": diagnoses, **_bands(diagnoses)}, dataset)
    if alone:
        title = {"text": dataset, "subtitle": data["alone"][dataset]}
        found["sharing"] = filled(charts["sharing"], {"points": alone}, title)
    if run is not None:
        heading = f"{dataset}, {data['methods'][run['method']]['title']}, seed {run['seed']}"
        engines = _engines(run, data["engines"][run["engines"]])
        epochs = [filled(charts[EPOCHS[n][1]], {"epochs": rows}, EPOCHS[n][0], SMALL) for n, rows in _epochs(run)]
        if epochs:  # a baseline has none
            found["run"] = _beside(epochs, heading, run)
        found["engines"] = _beside([filled(charts[n], engines, "") for n in ("predicted", "errors")], heading, run)
    return found


def _cost(found: Results, marks: Mapping[str, Mark], chart: Spec, dataset: str) -> dict[str, Spec]:
    """The cost of every method minus the least, where a cycle late costs ten times a cycle early."""
    place = PRICES.tolist().index(10)
    of = {method: cost for (name, method), cost in costs(found.records).items() if name == dataset}
    rows, ends = [], [0.0]
    for method, cost in of.items():
        mean, half = cost.difference(place), float(np.nan_to_num(cost.half[place]))
        verdict = {LEAST: "reference", WORSE: "higher"}.get(cost.standing[place], "unclear")
        if not math.isnan(mean):
            row = {"title": marks[method].title, "verdict": verdict, "mean": mean}
            rows.append(row | {"low": mean - half, "high": mean + half})
            ends += [mean - half, mean + half]
    title = {
        "text": dataset,
        "subtitle": "a cycle late costs 10 times a cycle early; red: measurably worse than the least",
    }
    margin = 0.04 * (max(ends) - min(ends)) or 1
    scale = {"least": min(ends) - margin, "most": max(ends) + margin}
    return {"cost": filled(chart, {"differences": rows}, title, params=scale)} if rows else {}


def _engine_error(points: Sequence[Row]) -> list[str]:
    """The standard error that the intervals over seeds do not show."""
    found = sorted({p["engines"] for p in points} - {""}, key=float)
    return [f"intervals over seeds; SE of the RMSE over engines {found[0]} to {found[-1]} cycles"] if found else []


def _beside(charts: Sequence[Spec], title: str, run: Row) -> Spec:
    """Charts in one picture, which share what can be set."""
    known = {"kept": run["best"], "colour": "var(--ink)", "engine": -1}  # no engine is chosen on paper
    names = {param["name"] for chart in charts for param in chart["params"]}
    inner = [{key: value for key, value in chart.items() if key not in ("params", "$schema")} for chart in charts]
    params = [{"name": name, "value": known[name]} for name in sorted(names)]
    return {"$schema": charts[0]["$schema"], "title": title, "columns": 3, "concat": inner, "params": params}


def _bands(diagnoses: Sequence[Row]) -> dict[str, list[Row]]:
    """The bands of rho by the study's rule, and the edges between them."""
    edges = (UNMEASURED if any(d["elsewhere"] for d in diagnoses) else STUDY).edges()
    ends = pairwise((-1.0, *edges, 1.0))
    bands = [
        {"name": name, "low": low, "high": high, "tint": f"var(--band-{tint})"}
        for name, (low, high), tint in zip(STUDY.bands(), ends, "ad", strict=True)
    ]
    return {"bands": bands, "edges": [{"edge": edge} for edge in edges]}


def _epochs(run: Row) -> list[tuple[str, list[Row]]]:
    """Charts of a run that hold something, with their rows."""
    loss = "loss_in_caps" if run["unit"] == "cap" else "loss"
    losses, weights, names = run["losses"], run["weights"], run.get("tasks", ["health"])

    def beside(columns: Sequence[Sequence[float | None]], wanted: Sequence[str]) -> list[Row]:
        """A series a task other than RUL."""
        found = [_series(columns[i : i + 1], name, 0.6 / i) for i, name in enumerate(names, 1) if name in wanted]
        return [row for rows in found for row in rows]

    rows = {
        loss: _series(losses[:1]),
        "health": [row | {"name": None} for row in beside(losses, ["health"])],
        "tasks": beside(losses, [name for name in names if name != "health"]),
        "validation": _series([run["validation"]]),
        "weights": _series(weights[:1], "RUL") + beside(weights, names),
        "ratio": _series([run.get("ratio", [])]),
        "cosine": _series([run.get("rho", [])]),
    }
    return [(name, found) for name, found in rows.items() if found]


def _series(columns: Sequence[Sequence[float | None]], label: str = "", share: float = 1.0) -> list[Row]:
    """Columns over epochs; the label stands at a ``share`` of them, so that two are never in one place."""
    return [
        {"epoch": epoch, "value": value, "series": label, "name": label if label and epoch == at else None}
        for column in columns
        for at in (int((len(column) - 1) * share),)
        for epoch, value in enumerate(column)
        if value is not None
    ]


def _engines(run: Row, engines: Row) -> dict[str, list[Row]]:
    rows = []
    for engine, true, rul in zip(engines["engine"], engines["true"], run["rul"], strict=True):
        if true is not None and rul is not None:
            target = min(true, run["cap"])
            late = "late" if rul > target else "early"
            rows.append({"engine": engine, "true": target, "rul": rul, "error": rul - target, "late": late})
    most = max((row["true"] for row in rows), default=1)
    return {"engines": rows, "diagonal": [{"true": at, "target": at} for at in (0, most)]}


def _write(spec: Spec, path: Path) -> None:
    import vl_convert

    for dark, name in ((False, path.name), (True, f"{path.name}-dark")):
        drawn = svg(spec, dark)
        write_text(path.with_name(f"{name}.svg"), drawn)
        with replacing(path.with_name(f"{name}.png")) as part:
            part.write_bytes(vl_convert.svg_to_png(drawn, scale=SCALE))
