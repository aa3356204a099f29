"""The tables and sentences of docs/training.md on sizes and small fleets, from the measurements in results/."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from grace.core.stats import adjust, student

ROOT = Path(__file__).parents[2]


def rows(name: str) -> list[dict[str, Any]]:
    return list(json.loads((ROOT / "results" / f"{name}.json").read_text()))


@pytest.mark.parametrize("name", ["out_of_fold", "small_fleets", "irregular"])
def test_the_table_is_that_of_the_measurements(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [str(ROOT / "benchmarks"), *sys.path])
    table = importlib.import_module(name).table(rows(name))
    assert table in (ROOT / "docs" / "training.md").read_text()


def test_what_is_said_of_the_eight_differences() -> None:
    found = rows("out_of_fold")
    estimates = {}
    for dataset in ("FD001", "FD002", "FD003", "FD004"):
        squared = {
            model: np.concatenate([r["squared"] for r in found if (r["dataset"], r["model"]) == (dataset, model)])
            for model in ("statistics", "compact", "tree")
        }
        for model in ("compact", "tree"):
            estimates[dataset, model] = student(squared[model] - squared["statistics"])
    assert {key for key, e in estimates.items() if e.low > 0} == {("FD002", "compact"), ("FD004", "compact")}
    assert not [key for key, e in estimates.items() if e.high < 0]
    least = min(adjust(np.array([e.p for e in estimates.values()])))
    page = " ".join((ROOT / "docs" / "training.md").read_text().split())
    assert f"the least adjusted p is {least:.2f}" in page
    assert least > 0.05


def test_what_is_said_of_the_time() -> None:
    found = rows("out_of_fold")
    for dataset in ("FD001", "FD002", "FD003", "FD004"):
        compact, statistics = (
            float(np.median([r["seconds"] for r in found if (r["dataset"], r["model"]) == (dataset, model)]))
            for model in ("compact", "statistics")
        )
        assert 6 < compact / statistics < 11


def test_what_is_said_of_statistics_over_time() -> None:
    found, estimates, gains = rows("irregular"), {}, []
    for key in ((d, m) for d in ("FD001", "FD002", "FD003", "FD004") for m in ("network", "tree")):
        over_rows, over_time = (
            np.concatenate([r["squared"] for r in found if (r["dataset"], r["model"], r["over"]) == (*key, over)])
            for over in ("rows", "time")
        )
        estimates[key] = student(over_rows - over_time)
        gains.append(float(np.sqrt(over_rows.mean()) - np.sqrt(over_time.mean())))
    page = " ".join((ROOT / "docs" / "training.md").read_text().split())
    assert f"lower in all eight, by {min(gains):.1f} to {max(gains):.1f} cycles" in page
    noise = adjust(np.array([estimate.p for estimate in estimates.values()])) > 0.05
    assert [key for key, kept in zip(estimates, noise, strict=True) if kept] == [
        ("FD001", "network"),
        ("FD003", "network"),
    ]
