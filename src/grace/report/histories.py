"""What ``grace predict --every`` wrote, as the page shows it: each unit with its predictions at every inspection."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from grace.errors import GraceError
from grace.files import unreadable
from grace.report.chart import INK, MUTED, Spec, chart, layer, number

Row = dict[str, Any]
UNITS, INSPECTIONS = 200, 60
"""Most units of a file that are shown, those of the least RUL, and most inspections of a unit, evenly back from its last."""
WITHIN = "fails_within_"
ENDINGS = (".json", ".csv")


def paths(folder: Path | None) -> list[Path]:
    """Files of predictions in a folder, of every kind that ``grace predict --to`` writes."""
    every = sorted(folder.iterdir()) if folder else []
    return [path for path in every if path.suffix in (*ENDINGS, ".parquet")]


def history_of(path: Path) -> Row:
    """One file of predictions: columns over the inspections of each unit, and the horizons that all of these are told of.

    Raises:
        GraceError: It cannot be read, or is a table of Parquet.
        KeyError, TypeError, ValueError: It is none that ``grace predict`` writes.
    """
    rows = [row for row in _rows(path) if row["rul"] is not None]  # a unit that was left out has a note alone
    engine, time, *others = rows[0]
    horizons = [name for name in others if name.startswith(WITHIN) and all(row[name] is not None for row in rows)]
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(str(row[engine]), []).append(row)
    kept = sorted(found, key=lambda name: _number(found[name][-1]["rul"]))[:UNITS]
    return {
        "file": path.name,
        "names": [engine, time],
        "unit": str(rows[0].get("rul_unit", "cycles")),
        "horizons": [float(name.removeprefix(WITHIN)) for name in horizons],
        "of": len(found),
        "units": {name: _columns(_thinned(found[name]), time, horizons) for name in kept},
    }


def _rows(path: Path) -> list[Row]:
    if path.suffix not in ENDINGS:
        raise GraceError(
            f"{path} should end in .json or .csv. Found {path.suffix}. Write it with `grace predict ... --to FILE.json`."
        )
    try:
        with path.open(encoding="utf-8", newline="") as file:
            found = json.load(file) if path.suffix == ".json" else [_parsed(row) for row in csv.DictReader(file)]
    except OSError as error:
        raise unreadable(path, error) from None
    if not isinstance(found, list) or not found:
        raise ValueError("no rows")
    return found


def _parsed(row: Mapping[str, str]) -> Row:
    def value(text: str) -> object:
        try:
            return float(text) if text else None
        except ValueError:
            return text

    return {name: value(text) for name, text in row.items()}


def _thinned(rows: Sequence[Row]) -> list[Row]:
    step = math.ceil(len(rows) / INSPECTIONS)
    return [*rows[::-1][::step]][::-1]


def _columns(rows: Sequence[Row], time: str, horizons: Iterable[str]) -> Row:
    """Of one unit; a time that is no number is a text beside the number of the inspection."""
    found: Row = {
        "time": [row[time] if isinstance(row[time], int | float) else str(row[time]) for row in rows],
        "rul": [_tenth(row["rul"]) for row in rows],
        "note": [str(row.get("note") or "") for row in rows],
    }
    if all(row[name] is not None for row in rows for name in ("low", "high")):
        found |= {name: [_tenth(row[name]) for row in rows] for name in ("low", "high")}
    shares = [[round(_number(row[name]), 3) for name in horizons] for row in rows]
    if any(not 0 <= share <= 1 for of_row in shares for share in of_row):
        raise ValueError("a probability outside 0 to 1")
    return found | {"within": shares}


def _tenth(value: object) -> float:
    kept = round(_number(value), 1 if abs(_number(value)) >= 1 else 3)
    return int(kept) if float(kept).is_integer() else kept


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise TypeError(f"{value!r:.40} where a number should be")
    return value


def history_specs() -> dict[str, Spec]:
    """Charts of a unit: its RUL at each inspection, and its survival from an inspection on."""
    x, y = number("time", "time of the inspection"), number("rul", "predicted RUL")
    y |= {"scale": {"zero": True}}
    chosen = {"condition": {"test": "datum.place === place", "value": 150}, "value": 40}
    ends = {"x": x, "y": y | {"field": "low"}, "y2": {"field": "high"}}
    tips = {"tooltip": [{"field": name, "type": "nominal"} for name in ("at", "rul", "low", "high", "note")]}
    history = [
        layer("area", ends, where="isValid(datum.low)", color=MUTED, opacity=0.25),
        layer("line", {"x": x, "y": y}, color="var(--accent)", strokeWidth=2),
        layer("point", {"x": x, "y": y, "size": chosen} | tips, filled=True, color="var(--accent)", opacity=1,
              stroke=INK, strokeWidth=0.5, cursor="pointer"),
    ]  # fmt: skip
    share: Spec = {
        "field": "share",
        "type": "quantitative",
        "title": "probability to live on",
        "scale": {"domain": [0, 1]},
    }
    ahead = {"x": number("ahead", "time from the inspection on") | {"scale": {"zero": True}}, "y": share}
    by_place: Spec = {"detail": {"field": "place", "type": "nominal"}}
    told = {"tooltip": [{"field": name, "type": "nominal"} for name in ("at", "ahead", "share")]}
    survival = [
        layer("line", ahead | by_place, where="datum.place !== place", color=MUTED, opacity=0.3),
        layer("line", ahead, where="datum.place === place", color="var(--accent)", strokeWidth=2.5),
        layer(
            "point", ahead | told, where="datum.place === place", filled=True, color="var(--accent)", size=50, opacity=1
        ),
    ]
    return {
        "history": chart("history", history, height=240, params={"place": -1}),
        "survival": chart("survival", survival, height=240, params={"place": -1}),
    }
