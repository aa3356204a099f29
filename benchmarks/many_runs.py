"""A page of 2,000 runs: bytes, seconds to write, and milliseconds of each interaction in a browser; needs Chromium.

    python benchmarks/many_runs.py

The runs are those of ``results``, varied: each method, and variants of it, with 25 seeds on each of the four data sets.
"""

from __future__ import annotations

import random
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import cycle, islice
from pathlib import Path

from pages import ROOT
from playwright.sync_api import Page, sync_playwright

from grace.report.page import page
from grace.report.read import Results, read_results
from grace.training.record import Record
from grace.validity.evidence import advised

RUNS, SEEDS, REPEATS = 2000, 25, 5
TURNS: dict[str, Callable[[Page, int], object]] = {
    "reference": lambda tab, i: tab.locator("#against select").select_option(index=1 + i),
    "method": lambda tab, i: tab.locator("#pareto-cards article >> nth=0 >> input[type=radio]").nth(i).check(),
    "cost": lambda tab, i: tab.locator("#price").fill(str(10 * i)),
    "data set hidden or shown": lambda tab, i: tab.locator("#datasets input").first.click(),
    "labels": lambda tab, i: tab.locator("#labels input").nth(1 - i % 2).check(),
    "trade-off or differences": lambda tab, i: tab.locator("#comparison input").nth(1 - i % 2).check(),
    "each seed": lambda tab, i: tab.locator("#seeds input").click(),
    "run": lambda tab, i: tab.locator("#run select[name=seed]").select_option(index=i),
    "engine": lambda tab, i: tab.locator("#run select[name=engine]").select_option(index=i),
}
"""What a reader does, by what is changed."""


def varied(runs: int = RUNS, seeds: int = SEEDS) -> Results:
    """So many runs with ``seeds`` seeds of a method on each data set, with noise of their own."""
    found, noise = read_results(ROOT / "results", ROOT / "results" / "diagnosis" / "default"), random.Random(0)
    by_set: dict[str, list[Record]] = {}
    for record in found.records:
        by_set.setdefault(record.spec["dataset"], []).append(record)
    records = [one for of in by_set.values() for one in islice(_varied(of, seeds, noise), runs // len(by_set))]
    return replace(found, records=tuple(records))


def _varied(records: list[Record], seeds: int, noise: random.Random) -> Iterator[Record]:
    """Methods of a data set, each with many seeds; after the last one, variants of them under other names."""
    of: dict[str, list[Record]] = {}
    for record in records:
        of.setdefault(record.spec["method"], []).append(record)
    for number, (method, mine) in enumerate(cycle(of.items())):
        name = method if number < len(of) else f"{method} {number // len(of) + 1}"
        for seed in range(seeds):
            yield _noisy(mine[seed % len(mine)], name, seed, noise)


def _noisy(record: Record, method: str, seed: int, noise: random.Random) -> Record:
    def column(name: str) -> list[float]:
        values = record.predictions[name]
        return values if name in ("engine", "true", "health") else [max(v + noise.gauss(0, 1), 0.0) for v in values]

    def figure(value: object) -> object:
        if isinstance(value, list):
            return [figure(one) for one in value]
        return value * (1 + noise.gauss(0, 0.03)) if isinstance(value, float) else value

    predictions = {name: column(name) for name in record.predictions}
    for low, rul, high in [("low", "rul", "high")] if "low" in predictions else []:
        for i, value in enumerate(predictions[rul]):
            half = 10 + noise.random() * 15
            predictions[low][i], predictions[high][i] = max(value - half, 0), min(value + half, 125)
    return replace(
        record,
        spec=record.spec | {"method": method, "seed": seed},
        history=[{key: figure(value) for key, value in epoch.items()} for epoch in record.history],
        test={key: figure(value) for key, value in record.test.items()},  # type: ignore[misc]
        predictions=predictions,
    )


def turns(path: Path) -> dict[str, list[float]]:
    """Milliseconds from an input until all is drawn, for each way to interact; ``open`` from the address on."""
    executable = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        tab = browser.new_page(viewport={"width": 1280, "height": 900})
        began = time.perf_counter()
        tab.goto(path.as_uri())
        tab.wait_for_selector("body[aria-busy=false]")
        found = {"open": [1000 * (time.perf_counter() - began)]}
        for name, turn in TURNS.items():
            found[name] = [timed(tab, turn, i) for i in range(REPEATS)]
        browser.close()
    return found


def timed(tab: Page, turn: Callable[[Page, int], object], number: int) -> float:
    """Milliseconds of one turn."""
    began = time.perf_counter()
    turn(tab, number)
    tab.wait_for_selector("body[aria-busy=false]")
    return 1000 * (time.perf_counter() - began)


def main() -> None:
    """Measure, and print a table."""
    found = varied()
    began = time.perf_counter()
    text = page(found, advised())
    print(
        f"{len(found.records):,} runs: {len(text.encode()) / 1e6:.2f} MB, written in {time.perf_counter() - began:.1f} s"
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "many.html"
        path.write_text(text)
        for name, times in turns(path).items():
            print(f"{name:26} {statistics.median(times):6.0f} ms, at most {max(times):.0f}")


if __name__ == "__main__":
    main()
