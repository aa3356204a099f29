"""What the page shows for advice: the study's cases as dots, yours among them, and the races of ``grace advise`` as they ran."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from grace.advice.advice import FORMAT
from grace.advice.rule import IGNORE, RUL_ALONE, Kind, Rule
from grace.errors import GraceError
from grace.formats import MALFORMED
from grace.report.chart import INK, MUTED, Spec, chart, layer
from grace.validity.advice_figures import EDGE, rows
from grace.validity.advice_study import HELPS, HURTS, NOTHING, UNRESOLVED, AdviceStudy

Row = dict[str, Any]
RACES = "*.advice.json"
LOOKS = {
    HELPS: ("var(--band-d)", "triangle-down", "▼"),
    HURTS: ("var(--late)", "triangle-up", "▲"),
    NOTHING: (INK, "square", "■"),
    UNRESOLVED: (MUTED, "circle", "○"),
}
"""Colour and shape of what a case came to, and the shape in text."""
LABELS = {"regression": "a measured number", "class": "classes, as of inspections", "future_sensors": "later readings"}
SUSPENDED = {"ignore": "ignored", "bound": "as a bound of RUL"}
FEW = {"4 to 8": (0, 8), "9 to 16": (9, 16), "17 or more": (17, 10**9)}
"""Groups of numbers of failures."""
FORESEEN = "expected"
"""What the rule expects of a way after its last lap."""
STEP = 11
"""Height of an interval, pixels; the script has as many groups of them as there are ways."""
WORST = 100
"""Change of the RMSE, per cent, at the right edge of the races."""


def advised(races: Path | None = None) -> Row:
    """Values for the page's script.

    Args:
        races: Folder of files that ``grace advise`` keeps; what is damaged in it stands under ``left_out`` with the reason.

    Raises:
        GraceError: The study is damaged.
    """
    study, rule = AdviceStudy.read(), Rule.read()
    cases = rows(study)
    found, left = _races(races)
    return {
        "words": _words(study, len(cases)),
        "cases": cases,
        "looks": LOOKS,
        "labels": LABELS,
        "suspended": SUSPENDED,
        "failures": FEW,
        "before": {
            f"{label}, {said}": _before(rule, Kind(label, said, _given(study, label)))
            for label in LABELS
            for said in SUSPENDED
        },
        "races": found,
        "left_out": left,
        "specs": {"evidence": _cases(), "race": _race(rule.laps)},
    }


def _given(study: AdviceStudy, label: str) -> float:
    """How far RUL predicted labels of a kind in the study, on average."""
    known = [one.given_rul for one in study.outcomes if one.taken_for.split(", ")[0] == label and one.given_rul >= 0]
    return sum(known) / len(known) if known else math.nan


def _before(rule: Rule, kind: Kind) -> str:
    """What is expected of a kind before any race, against RUL alone that ignores suspended units."""
    return rule.posterior([Kind(RUL_ALONE, IGNORE), kind], {}, 1).change(1, 0).text()


def _words(study: AdviceStudy, cases: int) -> str:
    so_far = f" {study.left:,} of {study.planned:,} trainings of the plan are still to be made: the dots will move."
    return (
        f"A dot is one of {cases} cases of the study in {len(study.groups)} groups of data: what a race and the rule expected of "
        "a second task before training, fitted without that group of data, against what training showed on units that nobody had "
        "seen; its line is the 97 % interval, as each case is looked at twice. Filled: the effect could be measured. On the "
        "diagonal what was expected came true. "
        f"What lies beyond {EDGE} % either way is drawn at the edge.{so_far if study.left else ''}"
    )


def _races(folder: Path | None) -> tuple[list[Row], list[tuple[str, str]]]:
    """Races by file, and files that could not be used."""
    found, left = list[Row](), list[tuple[str, str]]()
    for path in sorted(folder.glob(RACES)) if folder else ():
        try:
            found.append(_raced(FORMAT.read(path), path))
        except (GraceError, *MALFORMED) as error:
            words = str(error) if isinstance(error, GraceError) else f"damaged: {type(error).__name__} {error}"
            left.append((path.name, words.replace(f"{path.parent}/", "")))
    return found, left


def _raced(body: Mapping[str, Any], path: Path) -> Row:
    """One race: its ways as they stand, and those with a second task after each of their laps."""
    if "standing" not in body:
        raise GraceError(
            f"{path} should say how the race stands. Found a file of before. Give the same command again, which goes on with it."
        )
    ways = [_way(row) for row in body["standing"]]
    return {
        "name": str(body["name"]),
        "unit": str(body["unit"]),
        "seconds": round(float(body["spent"])),
        "ways": ways,
        "yours": [_expected(row) for row in body["standing"] if "kind" in row],
        "course": [*(_lap(row) for row in body["course"] if row["seen"]), *map(_foreseen, filter(_ran, body["standing"]))],
    }  # fmt: skip


def _ran(row: Mapping[str, Any]) -> bool:
    return bool(row["laps"] and "kind" in row)


def _way(row: Mapping[str, Any]) -> Row:
    """A way in a table: numbers as words."""
    seen, expected = row["seen"], row["expected"]
    return {
        "way": str(row["name"]),
        "kind": str(row.get("kind", "")),
        "units": None if seen is None else int(seen["units"]),
        "laps": str(int(row["laps"]) or ""),
        "error": "" if row["error"] is None else f"{row['error']:.1f}",
        "seen": "" if seen is None else _text(seen["change"], seen["low"], seen["high"]),
        "expected": "" if expected is None else _text(expected["mean"], expected["low"], expected["high"]),
    }


def _text(value: float, low: float | None, high: float | None) -> str:
    """In per cent, with the interval where it says something."""
    told = low is not None and high is not None and high < 10 * WORST
    return f"{value:+.0f} %" + (f" [{low:+.0f}, {high:+.0f}]" if told else "")


def _expected(row: Mapping[str, Any]) -> Row:
    """Yours among the cases."""
    ends = {name: _inside(row["expected"][name], -EDGE, EDGE) for name in ("mean", "low", "high")}
    return {"way": str(row["name"]), "words": _way(row)["expected"]} | ends


def _after(laps: int) -> str:
    return f"{laps} lap{'s' * (laps > 1)}"


def _lap(row: Mapping[str, Any]) -> Row:
    """What the race saw of a way after so many laps."""
    seen = row["seen"]
    return _bar(row, _after(int(row["laps"])), seen["change"], seen["low"], seen["high"])


def _foreseen(row: Mapping[str, Any]) -> Row:
    return _bar(row, FORESEEN, *(row["expected"][name] for name in ("mean", "low", "high")))


def _bar(row: Mapping[str, Any], stage: str, value: float, low: float | None, high: float | None) -> Row:
    ends = {"low": -WORST if low is None else low, "high": WORST if high is None else high}
    inside = {name: _inside(end, -WORST, WORST) for name, end in ({"change": value} | ends).items()}
    return {"way": str(row["name"]), "stage": stage, "words": _text(value, low, high)} | inside


def _inside(value: float, least: float, most: float) -> float:
    return round(max(min(float(value), most), least), 1)


def _change(field: str, title: str, edge: float, ticks: list[int]) -> Spec:
    """A change of RMSE in per cent, on a scale that is always the same."""
    scale = {"domain": [-edge, edge], "nice": False}
    return {"field": field, "type": "quantitative", "title": title, "scale": scale, "axis": {"values": ticks}}


def _cases() -> Spec:
    """Expected against shown: a dot a case, and yours with what is expected of it."""
    ticks = [-40, -20, 0, 20, 40]
    x = _change("expected", "expected before training: change of RMSE, %", EDGE, ticks)
    y = _change("effect", "what training showed, %", EDGE, ticks)
    words = list(LOOKS)

    def by_word(look: int) -> Spec:
        scale = {"domain": words, "range": [LOOKS[word][look] for word in words]}
        return {"field": "came to", "type": "nominal", "legend": None, "scale": scale}

    filled = _where(f"datum['came to'] === '{UNRESOLVED}'", 0, 1)
    looks = {"color": by_word(0), "fill": by_word(0), "shape": by_word(1), "fillOpacity": filled}
    of_case = {"tooltip": [{"field": name, "type": "nominal"} for name in ("case", "came to", "expected", "effect")]}
    corners = [{"expected": end, "effect": end} for end in (-EDGE, EDGE)]
    ends = {"y": y | {"field": "low"}, "y2": {"field": "high"}}
    faint = {"x": x, "color": by_word(0), "opacity": _where("datum.alike", 0.3, 0.05)}
    layers = [
        layer("line", {"x": x, "y": y}, rows=corners, color=MUTED, strokeDash=[4, 3]),
        layer("rule", {"y": {"datum": 0, "type": "quantitative"}}, rows=[{}], color=INK, opacity=0.4),
        layer("rule", {"x": {"datum": 0, "type": "quantitative"}}, rows=[{}], color=INK, opacity=0.4),
        layer("rule", faint | ends),
        layer("point", {"x": x, "y": y, "opacity": _where("datum.alike", 0.9, 0.12)} | looks | of_case, size=60),
        *_yours(x, y, ends),
    ]
    return chart("cases", layers, height=380, params={"way": ""})


def _yours(x: Spec, y: Spec, ends: Spec) -> list[Spec]:
    """What is expected of yours, on the diagonal, with its interval; the chosen one stands out."""
    tips = {"tooltip": [{"field": "way", "title": "yours"}, {"field": "words", "title": "expected"}]}
    at, accent = {"x": x | {"field": "mean"}, "opacity": _where("datum.way === way", 1, 0.3)}, "var(--accent)"
    looks = {"shape": "diamond", "size": 170, "fill": accent, "stroke": INK, "cursor": "pointer"}
    return [
        layer("rule", at | ends, rows="yours", color=accent, strokeWidth=3),
        layer("point", at | tips | {"y": y | {"field": "mean"}}, rows="yours", **looks),  # type: ignore[arg-type]
    ]


def _where(test: str, value: object, other: object) -> Spec:
    return {"condition": {"test": test, "value": value}, "value": other}


def _race(laps: int) -> Spec:
    """What a race saw of each way after each of its laps, and what is expected of it by the rule."""
    stages, ticks = [*map(_after, range(1, laps + 1)), FORESEEN], [-100, -50, 0, 50, 100]
    x = _change("change", "change of RMSE, %", WORST, ticks)
    axis = {"labelLimit": 150, "domain": False, "ticks": False}
    y = {"field": "way", "type": "nominal", "title": None, "sort": None, "axis": axis}
    at = {"y": y, "yOffset": {"field": "stage", "type": "nominal", "scale": {"domain": stages}}}
    colour = _where(f"datum.stage === '{FORESEEN}'", "var(--accent)", MUTED)
    looks = {"color": colour, "opacity": _where("datum.way === way", 1, 0.55)}
    told = {"way": "way", "stage": "after", "words": "change [95 %; expected: 90 %]"}
    tips = {"tooltip": [{"field": name, "type": "nominal", "title": title} for name, title in told.items()]}
    shapes = {"domain": stages, "range": ["circle"] * laps + ["diamond"]}
    shape = {"shape": {"field": "stage", "type": "nominal", "legend": None, "scale": shapes}}
    layers = [
        layer("rule", {"x": {"datum": 0, "type": "quantitative"}}, rows=[{}], color=INK),
        layer("rule", at | looks | {"x": x | {"field": "low"}, "x2": {"field": "high"}}, strokeWidth=2),
        layer("point", at | looks | shape | tips | {"x": x}, filled=True, size=70, cursor="pointer"),
    ]
    return chart("course", layers, height=STEP * len(stages), params={"way": ""})
