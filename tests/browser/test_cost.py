"""The slider: what it ranks and marks, against scipy from the figures of the runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Page, expect
from scipy import stats

from tests.browser.conftest import SETS, Open, card, data_of, drawn


def ranking(tab: Page, dataset: str) -> list[tuple[str, str, str]]:
    script = "items => items.map(item => ['bdi', '.figure', '.tie'].map(part => item.querySelector(part).innerText))"
    parts = card(tab, "cost", dataset).locator("li").evaluate_all(script)
    return [(title, figure, tie) for title, figure, tie in parts]


def expected_rankings(data: Any, w: float) -> dict[str, list[tuple[str, str, str]]]:
    """J by its definition from the figures of the runs, and by scipy what can be told from the first, alone and among all."""
    found: dict[str, list[tuple[str, str]]] = {}
    p: list[float] = []
    for dataset in SETS:
        runs: dict[str, dict[int, list[float]]] = {}
        for run in data["runs"]:
            if run["dataset"] == dataset:
                runs.setdefault(run["method"], {})[run["seed"]] = run["figures"]["honest"]
        values = np.array([[by_seed[seed] for seed in sorted(by_seed)] for by_seed in runs.values()])
        means = values.mean(axis=1)
        scaled = (values - means.min(axis=0)) / np.ptp(means, axis=0)
        cost = (1 - w) * scaled[..., 0] + w * scaled[..., 1]  # [methods, seeds]
        order = np.argsort(cost.mean(axis=1), kind="stable")
        names = [data["methods"][name]["title"] for name in runs]
        found[dataset] = [(names[i], f"{abs(cost[i].mean()):.2f}") for i in order]
        p += [float(stats.ttest_rel(cost[i], cost[order[0]]).pvalue) for i in order[1:]]
    pairs = iter(zip(p, stats.false_discovery_control(p), strict=True))
    marks = {d: ["", *(mark(*next(pairs)) for _ in rows[1:])] for d, rows in found.items()}
    return {d: [(*row, tie) for row, tie in zip(rows, marks[d], strict=True)] for d, rows in found.items()}


def mark(own: float, adjusted: float) -> str:
    return "≈" if own >= 0.05 else "(≈)" if adjusted > 0.05 else ""


def test_the_slider_ranks_by_j(visit: Open, explorer: Path) -> None:
    tab = visit(explorer)
    data, slider = data_of(tab), tab.locator("#w")
    steps: list[tuple[float, Callable[[], None]]] = [
        (0.91, lambda: None),
        (0.56, lambda: tab.get_by_role("button", name="truck").click()),
        (0.99, lambda: tab.get_by_role("button", name="cruise").click()),
        (0.0, lambda: slider.press("Home")),
        (1.0, lambda: slider.press("End")),
        (0.99, lambda: slider.press("ArrowLeft")),
    ]
    for w, act in steps:
        act()
        drawn(tab)
        assert float(slider.input_value()) == w
        expected = expected_rankings(data, w)
        assert {dataset: ranking(tab, dataset) for dataset in SETS} == expected, w
        ties = [tie for rows in expected.values() for *_, tie in rows[1:]]
        expect(tab.locator("#tie-words")).to_have_text(
            f"32 differences to the first looked at, all data sets: {32 - ties.count('≈')} beyond noise, "
            f"{ties.count('')} after Benjamini-Hochberg at 5\u00a0%."
        )
    expect(tab.locator("#w-words")).to_have_text("w = 0.99: a late failure costs 99 times an early one.")
    expect(tab.get_by_role("button", name="cruise")).to_have_attribute("aria-pressed", "true")
