"""The tables and sentences of docs/training.md on sizes and small fleets, from the measurements in results/."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from grace.bench.store import Store
from grace.bench.summary import engine_error
from grace.core.stats import Family, adjust, student

ROOT = Path(__file__).parents[2]


def rows(name: str) -> list[dict[str, Any]]:
    return list(json.loads((ROOT / "results" / f"{name}.json").read_text()))


@pytest.mark.parametrize(
    "name", ["out_of_fold", "small_fleets", "irregular", "intervals", "suspended", "suspended_families", "families"]
)
def test_the_table_is_that_of_the_measurements(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [str(ROOT / "benchmarks"), *sys.path])
    table = importlib.import_module(name).table(rows(name))
    assert table in (ROOT / "docs" / "training.md").read_text()


def test_what_is_said_of_all_intervals() -> None:
    scaled, constant = (np.array([row[kind] for row in rows("intervals")]).sum(0) for kind in ("scaled", "constant"))
    page = " ".join((ROOT / "docs" / "training.md").read_text().split())
    counts, inside, _ = scaled.T
    widths = [kind[0, 2] / kind[0, 0] for kind in (scaled, constant)]
    assert f"coverage {inside.sum() / counts.sum():.1%}, at least {min(inside / counts):.0%} in each band" in page
    assert f"half width of {widths[0]:.1f} cycles where less than 50 are predicted ({widths[1]:.1f} with one" in page


def test_the_table_of_ensembles_is_that_of_the_records(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [str(ROOT / "benchmarks"), *sys.path])
    module = importlib.import_module("ensembles")
    records = Store(module.FOLDER).all_records()
    assert module.table(records) in (ROOT / "docs" / "training.md").read_text()
    alone = sorted((r for r in records if r.spec["method"] == "rul-only"), key=lambda r: r.spec["dataset"])
    *first, last = (f"{record.test['rmse']:.2f}" for record in alone)
    errors = [engine_error([record]) for record in alone]
    words = f"{', '.join(first)} and {last} (one seed, standard errors {min(errors):.2f} to {max(errors):.2f};"
    assert words in " ".join((ROOT / "docs" / "training.md").read_text().split())


def test_what_is_said_of_the_differences_out_of_fold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [str(ROOT / "benchmarks"), *sys.path])
    module, found = importlib.import_module("out_of_fold"), rows("out_of_fold")
    errors = {dataset: module.squared_errors(found, dataset) for dataset in module.SUBSETS}
    keys = [(dataset, *pair) for dataset in module.SUBSETS for pair in module.PAIRS]
    estimates = {(d, ours, other): student(errors[d][ours] - errors[d][other]) for d, ours, other in keys}
    family = Family.of(list(estimates.values()))
    page = " ".join((ROOT / "docs" / "training.md").read_text().split())
    assert family.words in page
    kept = {key for key, p in zip(estimates, family.adjusted, strict=True) if p <= 0.05}
    assert kept == {("FD002", "folds", "compact"), ("FD004", "folds", "compact")}
    at_most = {key for key, estimate in estimates.items() if estimate.mean <= 0}
    assert {key[0] for key in at_most if key[1:] == ("folds", "compact")} == set(module.SUBSETS)
    assert {key[0] for key in at_most if key[1:] == ("folds", "tree")} == {"FD001", "FD004"}
    alone = [{key[0] for key in at_most if key[1:] == ("statistics", other)} for other in ("compact", "tree")]
    assert alone[0] & alone[1] == {"FD004"}


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


def test_what_is_said_of_suspended_engines() -> None:
    found, pages = rows("suspended"), {}
    for name in ("training.md", "your-own-engines.md"):
        pages[name] = " ".join((ROOT / "docs" / name).read_text().split())
    errors = {
        (known, said): np.array([r["test"] for r in found if (r["known"], r["said"]) == (known, said)])
        for known in (25, 8)
        for said in ("hazard", "ignore", "bound", "nothing")
    }
    cost = {known: (errors[known, "nothing"] - errors[known, "ignore"]).mean() for known in (25, 8)}
    assert f"cost {cost[25]:.0f} cycles at 25 failures and {cost[8]:.0f} at 8" in pages["training.md"]
    for known, said in ((k, s) for k in (25, 8) for s in ("bound", "hazard")):
        difference = student(errors[known, said] - errors[known, "ignore"])
        assert difference.low < 0 < difference.high
    brier = {
        known: student(
            [r["brier"] - s["brier"] for r in found for s in found
             if (r["known"], r["said"], s["said"], s["known"], s["draw"]) == (known, "hazard", "ignore", known, r["draw"])]
        )
        for known in (25, 8)
    }  # fmt: skip
    assert all(score.high < 0 for score in brier.values())
    assert f"by {-brier[25].mean:.3f} and {-brier[8].mean:.3f}" in pages["training.md"]
    assert (errors[8, "bound"] < errors[8, "ignore"]).sum() == 4
    means = [errors[25, said].mean() for said in ("nothing", "hazard")]
    assert f"the test RMSE is {means[0]:.2f} in place of {means[1]:.2f} cycles" in pages["your-own-engines.md"]


def test_what_is_said_of_suspended_units_of_real_families(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [str(ROOT / "benchmarks"), *sys.path])
    module, found = importlib.import_module("suspended_families"), rows("suspended_families")
    real, every = (
        [draw for family, known in cells for draw in module.of_all_ways(found, family, known)]
        for cells in (module.REAL, module.CELLS)
    )
    page = " ".join((ROOT / "docs" / "training.md").read_text().split())
    assert f"The {len(real)} pairs of the real families together, four comparisons:" in page
    for said in ("hazard", "bound"):
        texts = []
        for side in module.SIDES:
            change = module.change(real, said, side)
            ends = (100 * (np.exp(value) - 1) for value in (change.mean, change.low, change.high))
            texts.append("{:+.0f} % [{:+.0f}, {:+.0f}]".format(*ends))
        assert f"`{said}` {texts[0]} out of fold and {texts[1]} on the units held out" in page
    assert module.change(real, "hazard", "out_of_fold").low > 0
    assert module.change(real, "bound", "out_of_fold").high > 0
    bound = [100 * (1 - np.exp(module.change(every, "bound", side).mean)) for side in module.SIDES]
    said = f"`bound` is lower out of fold by {bound[0]:.0f} %, and by {bound[1]:.0f} % on the units held out"
    assert said in page
    disks = next(row for row in rows("fleets") if row["family"] == "hdd_backblaze")
    scores = {name: disks["models"][name]["ibs"] for name in ("network", "tree")}
    assert f"({disks['units'] - disks['failed']:,} of {disks['units']:,} still run)" in page
    assert (
        f"hazards have an integrated Brier score of {scores['network']:.3f}, and a tree on failed units {scores['tree']:.3f}"
        in page
    )


def test_what_is_said_of_the_sizes_on_real_families(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [str(ROOT / "benchmarks"), *sys.path])
    module, found = importlib.import_module("families"), rows("families")
    estimates = {(f, o): e for o in ("tree", "statistics") for f, e in module.differences(found, o).items()}
    family = Family.of(list(estimates.values()))
    page = " ".join((ROOT / "docs" / "training.md").read_text().split())
    assert family.words in page
    kept = {key: estimates[key].mean < 0 for key, p in zip(estimates, family.adjusted, strict=True) if p <= 0.05}
    lower = {("filter_esrel22", "tree"): True, ("filter_phme20", "statistics"): True, ("hdd_backblaze", "tree"): False}
    assert kept == lower
    ahead = {f for f in module.FAMILIES if module.rmse(found, f, "quantiles") <= module.rmse(found, f, "tree")}
    assert ahead == {"battery_hust", "filter_esrel22", "bearing_femto"}
