"""Records and diagnoses from folders; what cannot be read is named and left out, never half used."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from grace.alignment.decide import STUDY, UNMEASURED, Evidence
from grace.alignment.recipes import RECIPES
from grace.alignment.study import Study
from grace.bench.store import Store
from grace.bench.ways import way_of
from grace.errors import GraceError
from grace.formats import MALFORMED, json_object
from grace.report.estimates import VIEWS, figures
from grace.report.histories import history_of, paths
from grace.training.record import DONE, Record, task_line

T = TypeVar("T")
FEW_FAILURES = "few-failures"
"""Folder beside the records of a sweep, with those that :mod:`grace.bench.ways` compares."""
PREDICTIONS = "predictions"
"""Folder beside them with files of ``grace predict --every``."""


@dataclass(frozen=True)
class Diagnosed:
    """One measurement of ``grace diagnose``: what it was made on, and what a decision is made from."""

    dataset: str
    evidence: Evidence
    batches: int
    settled: bool | None
    elsewhere: str = ""  # that the study's edge was measured at another size or window; empty where it was not

    @property
    def edge(self) -> float:
        """Edge of rho by the study's rule."""
        return (UNMEASURED if self.elsewhere else STUDY).weak


@dataclass(frozen=True)
class Results:
    """Everything that a page is made from."""

    records: tuple[Record, ...]  # sound records of finished runs
    diagnoses: tuple[Diagnosed, ...] = ()  # sound diagnoses, by data set and then by recipe
    # files that are damaged, of another version or of a run that failed, each with the reason
    left_out: tuple[tuple[str, str], ...] = ()
    few_failures: tuple[Record, ...] = ()  # sound records of fleets with few failures, compared by way
    # predictions at inspections, a file each, see histories.py
    histories: tuple[dict[str, Any], ...] = ()


def beside(runs: Path, name: str) -> Path | None:
    """The folder ``name`` of a sweep: in the folder of the sweep, or beside that of its records where that one is named."""
    homes = [runs] if (runs / "records").is_dir() else [runs, runs.resolve().parent]
    return next((home / name for home in homes if (home / name).is_dir()), None)


def read_results(runs: Path, diagnosis: Path | None = None) -> Results:
    """Read a sweep's records, those in its folder :data:`FEW_FAILURES`, and the diagnoses in a folder of files as
    ``grace diagnose --json`` prints them.

    Raises:
        GraceError: There is no record that can be used, or no folder of diagnoses where one is named.
    """
    left: list[tuple[str, str]] = []
    records = list(_sound(Store(runs).paths(), _record, left))
    if not records:
        raise GraceError(
            f"{runs} should hold a record of a finished run. Found {len(left)} that cannot be used, "
            f"{left[0][0]}: {left[0][1]}"
        )
    if diagnosis is not None and not diagnosis.is_dir():
        raise GraceError(
            f"{diagnosis} should be a folder of diagnoses. Found none. Make one with `grace diagnose FD001 --json`."
        )
    files = [] if diagnosis is None else sorted(diagnosis.glob("*.json"))
    found = sorted(_sound(files, _diagnosed, left), key=lambda d: (d.dataset, list(RECIPES).index(d.evidence.recipe)))
    records.sort(key=lambda r: (r.spec["dataset"], r.spec["method"], r.spec["seed"]))  # not by their ids
    fleets = beside(runs, FEW_FAILURES)
    few = tuple(_sound(sorted(fleets.glob("*.json")) if fleets else (), _of_few_failures, left))
    seen = tuple(_sound(paths(beside(runs, PREDICTIONS)), history_of, left))
    return Results(tuple(records), tuple(found), tuple(left), few, seen)


def _sound(paths: Iterable[Path], read: Callable[[Path], T], left: list[tuple[str, str]]) -> Iterable[T]:
    for path in paths:
        try:
            yield read(path)
        except (GraceError, *MALFORMED) as error:
            if not path.exists():  # another process has removed it since it was listed
                continue
            words = str(error) if isinstance(error, GraceError) else f"damaged: {type(error).__name__} {error}"
            left.append((path.name, words.replace(f"{path.parent}/", "")))


def _record(path: Path) -> Record:
    record = Record.read(path)
    if record.status != DONE:
        raise GraceError(f"The run failed: {record.reason}")
    columns_of(record)  # whatever it needs is there and of the right kind
    return record


def _of_few_failures(path: Path) -> Record:
    record = _record(path)
    way_of(record)
    _number(record.test["rmse"])
    return record


def _diagnosed(path: Path) -> Diagnosed:
    found = json_object(path)
    rho, recipe = found["rho"], RECIPES[found["recipe"]]
    mean, low, high = (_number(rho[name]) for name in ("mean", "low", "high"))
    if not -1 <= low <= mean <= high <= 1:
        raise ValueError("rho outside its interval")
    ratio, share = _number(found["ratio"]["median"]), _number(found["near_failure_share"])
    conditions, inits, batches = (int(_number(v)) for v in (found["conditions"], rho["inits"], rho["batches"]))
    tasks = len(found.get("tasks", ("rul", "health")))
    evidence = Evidence(mean, low, high, ratio, share, conditions, tasks, not recipe.single, inits, recipe.name)
    seen = found["conventions"]
    elsewhere = Study.read().elsewhere(seen.get("size"), seen.get("window"))
    return Diagnosed(_text(found["dataset"]), evidence, batches, found["settled"], elsewhere)


def columns_of(record: Record) -> dict[str, Any]:
    """What the page shows of one run, in rounded numbers: small enough for hundreds of runs on one page.

    Columns are lists over epochs (``losses`` and ``weights`` one list a task) or over test engines (``rul``, and what
    :func:`_widths` makes of intervals of their own width); ``engines`` holds the numbers of the engines and their true RUL,
    cycles, which runs of one data set share.

    Of a run with other tasks than the health states from RUL, ``tasks`` are the names of all, and ``told`` is how well each is
    predicted.

    Raises:
        KeyError, TypeError, ValueError: A field is missing, or of another kind than a record has.
    """
    spec, history, interval = record.spec, record.history, record.interval
    columns = ("engine", "true", "rul", *(name for name in ("low", "high") if name in record.predictions))
    predictions = {name: [_optional(v) for v in record.predictions.get(name, [])] for name in columns}
    if len({len(column) for column in predictions.values()}) > 1:
        raise ValueError("columns of predictions of different length")
    run = {
        "dataset": _text(spec["dataset"]),
        "method": _text(spec["method"]),
        "seed": int(_number(spec["seed"])),
        "protocol": _text(spec["protocol"]),
        "unit": _text(spec["rul_scale"]),
        "cap": _number(spec["conventions"]["cap"]),
        "figures": {view: [_number(v) for v in pair] for view in VIEWS if (pair := figures(record, view))},
        "best": int(_number(record.best_epoch)),
        "losses": _by_task(epoch["losses"] for epoch in history),
        "weights": _by_task(epoch["weights"] for epoch in history),
        "validation": [_short(epoch["validation_rmse"]) for epoch in history],
        "half": _short(interval.get("half_width")),
        "level": _optional(interval.get("level")),
        "coverage": _short(interval.get("coverage")),
        "rul": [None if v is None else _tenth(v) for v in predictions["rul"]],
        "engines": {name: predictions[name] for name in ("engine", "true")},
    }
    if tasks := [_text(task["name"]) for task in spec["conventions"].get("tasks", ())]:
        run |= {"tasks": tasks, "told": [f"{name}: {task_line(found)}" for name, found in record.tasks.items()]}
    if columns[3:]:
        rul, low, high = ([_number(v) for v in predictions[name]] for name in columns[2:])
        run |= _widths(rul, low, high, _number(spec["conventions"]["cap"]))
    for name in ("ratio", "rho", "rho_low", "rho_high"):  # only methods with a Gramian have them
        column = [_short(epoch.get(name)) for epoch in history]
        if any(value is not None for value in column):
            run[name] = column
    return run


def _widths(rul: list[float], low: list[float], high: list[float], cap: float) -> dict[str, list[int]]:
    """Half widths of intervals around predictions before they are cut at 0 and the cap, whole cycles; the ends where they lie
    otherwise, as those of an ensemble do."""
    halves = [max(r - a, b - r) for r, a, b in zip(rul, low, high, strict=True)]
    cut = [(max(r - h, 0.0), min(r + h, cap)) for r, h in zip(rul, halves, strict=True)]
    if all(abs(a - c) + abs(b - d) < 0.01 for a, b, (c, d) in zip(low, high, cut, strict=True)):
        return {"widths": [round(h) for h in halves]}
    return {"low": [round(v) for v in low], "high": [round(v) for v in high]}


def _by_task(rows: Iterable[Iterable[object]]) -> list[list[float | None]]:
    return [list(column) for column in zip(*([_short(v) for v in row] for row in rows), strict=True)]


def _number(value: object) -> float:
    """A finite number as it is; a TypeError where it is something else."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise TypeError(f"{value!r:.40} where a number should be")
    return value


def _optional(value: object) -> float | None:
    return None if value is None else _number(value)


def _short(value: object) -> float | None:
    """Four significant digits of a finite number: more than a chart can show; None as it is."""
    if value is None:
        return None
    kept = float(f"{_number(value):.4g}")
    return int(kept) if kept.is_integer() else kept


def _tenth(value: float) -> float:
    """To a tenth of a cycle: more than anyone reads off a prediction."""
    kept = round(_number(value), 1)
    return int(kept) if kept.is_integer() else kept


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r:.40} where text should be")
    return value
