"""Records and diagnoses from folders; what cannot be read is named and left out, never half used."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from grace.alignment.decide import Evidence
from grace.alignment.recipes import RECIPES
from grace.bench.store import Store
from grace.errors import GraceError
from grace.report.runs import number, run_of, text
from grace.training.record import DONE, Record, read_record

T = TypeVar("T")
MALFORMED = (GraceError, KeyError, TypeError, ValueError, AttributeError, IndexError)


@dataclass(frozen=True)
class LeftOut:
    """A file that is not on the page, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class Diagnosed:
    """One measurement of ``grace diagnose``: what it was made on, and what a decision is made from."""

    dataset: str
    evidence: Evidence
    batches: int
    settled: bool | None


@dataclass(frozen=True)
class Material:
    """Everything that a page is made from.

    Attributes:
        records: Sound records of finished runs.
        diagnoses: Sound diagnoses, by data set and then by recipe.
        left_out: Files that are damaged, of another version or of a run that failed.
    """

    records: tuple[Record, ...]
    diagnoses: tuple[Diagnosed, ...] = ()
    left_out: tuple[LeftOut, ...] = field(default=())


def material(runs: Path, diagnosis: Path | None = None) -> Material:
    """Read a sweep's records, and the diagnoses in a folder.

    Args:
        runs: Folder of a sweep.
        diagnosis: Folder of files as ``grace diagnose --json`` prints them; None where there are none.

    Raises:
        GraceError: There is no record that can be used, or no folder of diagnoses where one is named.
    """
    left: list[LeftOut] = []
    records = list(_sound(Store(runs).paths(), _record, left))
    if not records:
        raise GraceError(
            f"{runs} should hold a record of a finished run. Found {len(left)} that cannot be used, "
            f"{left[0].name}: {left[0].reason}"
        )
    if diagnosis is not None and not diagnosis.is_dir():
        raise GraceError(
            f"{diagnosis} should be a folder of diagnoses. Found none. Make one with `grace diagnose FD001 --json`."
        )
    files = [] if diagnosis is None else sorted(diagnosis.glob("*.json"))
    found = sorted(_sound(files, _diagnosed, left), key=lambda d: (d.dataset, list(RECIPES).index(d.evidence.recipe)))
    return Material(tuple(records), tuple(found), tuple(left))


def _sound(paths: Iterable[Path], read: Callable[[Path], T], left: list[LeftOut]) -> Iterable[T]:
    for path in paths:
        try:
            yield read(path)
        except MALFORMED as error:
            words = str(error) if isinstance(error, GraceError) else f"damaged: {type(error).__name__} {error}"
            left.append(LeftOut(path.name, words.replace(f"{path.parent}/", "")))


def _record(path: Path) -> Record:
    record = read_record(path)
    if record.status != DONE:
        raise GraceError(f"The run failed: {record.reason}")
    run_of(record)  # whatever it needs is there and of the right kind
    return record


def _diagnosed(path: Path) -> Diagnosed:
    found = json.loads(path.read_text(encoding="utf-8"))
    rho, recipe = found["rho"], RECIPES[found["recipe"]]
    evidence = Evidence(
        rho=number(rho["mean"]),
        low=number(rho["low"]),
        high=number(rho["high"]),
        ratio=number(found["ratio"]["median"]),
        near_failure_share=number(found["near_failure_share"]),
        conditions=int(number(found["conditions"])),
        reliable=not recipe.single,
        inits=int(number(rho["inits"])),
        recipe=recipe.name,
    )
    if not (-1 <= evidence.low <= evidence.rho <= evidence.high <= 1 and math.isfinite(evidence.ratio)):
        raise ValueError("rho outside its interval")
    return Diagnosed(text(found["dataset"]), evidence, int(number(rho["batches"])), found["settled"])


def as_json(value: Diagnosed) -> dict[str, Any]:
    """The diagnosis as the page's script reads it."""
    e = value.evidence
    assert e.near_failure_share is not None  # a diagnosis of other tasks than RUL is left out when it is read
    return {
        "dataset": value.dataset,
        "recipe": e.recipe,
        "rho": round(e.rho, 4),
        "low": round(e.low, 4),
        "high": round(e.high, 4),
        "ratio": float(f"{e.ratio:.6g}"),
        "near_failure_share": round(e.near_failure_share, 6),
        "conditions": e.conditions,
        "inits": e.inits,
        "reliable": e.reliable,
        "batches": value.batches,
        "settled": value.settled,
    }
