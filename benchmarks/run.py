"""Every speed of this project beside what it is compared with: python benchmarks/run.py [--data DIR] [--quick]

Writes results/speed.json, docs/performance.md and docs/figures/growth.svg; nothing else should run. ``--quick`` measures a few
ratios alone, holds them against the committed ones and fails where one slipped by more than 20 %. The peers come with
``pip install '.[bench]'``; those that are not installed are left out and said to be.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch
from pages import replace_between
from performance import page_parts
from quick import kind, ratios, slipped
from throughput import link_for_rul_datasets

from grace.files import write_text

ROOT = Path(__file__).parents[1]
RESULTS, PAGE = ROOT / "results" / "speed.json", ROOT / "docs" / "performance.md"
PACKAGES = ("torch", "torchjd", "lightning", "rul-datasets", "pandas", "polars", "scikit-learn", "numpy")
SETS = ("FD001", "FD002", "FD003", "FD004")


def machine() -> dict[str, Any]:
    """Hardware and versions."""
    found: dict[str, Any] = {
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "python": platform.python_version(),
    }
    cpu = Path("/proc/cpuinfo")
    names = (
        [line.split(":", 1)[1].strip() for line in cpu.read_text().splitlines() if line.startswith("model name")]
        if cpu.exists()
        else []
    )
    found["cpu"] = f"{names[0] if names else platform.processor()}, {torch.backends.cpu.get_cpu_capability()}"
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = None
    return found


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median, range and number."""
    return {"median": statistics.median(values), "low": min(values), "high": max(values), "n": len(values)}


def against(ours: Sequence[float], theirs: Sequence[float]) -> dict[str, float]:
    """Ratio of two ways that took turns, round by round."""
    return spread([a / b for a, b in zip(ours, theirs, strict=True)])


def timed(command: list[str]) -> float:
    """Seconds of one whole process."""
    began = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - began


def measure_steps() -> dict[str, Any]:
    """Ways of a multi-task step as ratios to a plain one."""
    from steps import agreement, operations, step_seconds

    found: dict[str, Any] = {"operations": operations(), "agreement": agreement(30)}
    for batch, rounds in ((64, 9), (256, 5)):
        spent = step_seconds("paper", batch, rounds)
        plain = next(iter(spent.values()))
        found[str(batch)] = {name: against(values, plain) for name, values in spent.items()}
        found[f"seconds {batch}"] = spread(plain)
        measured = spent["GRACE, Gramian in every step"]
        shipped = [
            (9 * a + b) / 10 for a, b in zip(plain, measured, strict=True)
        ]  # nine plain steps and one that measures
        found[str(batch)]["GRACE as shipped"] = against(shipped, plain)
    return found


def measure_training(data: Path) -> dict[str, Any]:
    """Windows per second of every way, and our ratio to each."""
    from throughput import rates

    from grace.data.cmapss.fleets import read_train

    fleet, found = read_train(data, "FD001"), {}
    for size, steps, rounds in (("compact", 20, 9), ("paper", 3, 5)):
        spent = rates(size, steps, rounds, fleet)
        ours = [name for name in spent if name.startswith("GRACE")]
        found[size] = {
            "windows_per_s": {name: spread(values) for name, values in spent.items()},
            "ratios": {name: {peer: against(spent[name], values) for peer, values in spent.items()} for name in ours},
        }
    return found


def measure_text(data: Path, scratch: Path) -> dict[str, Any]:
    """Seconds and memory from text to tensors, all four subsets, processes in turn."""
    from text import measured
    from throughput import lightning_installed

    ways = {"parse": data, "grace": data, "pandas": data} | ({"rul-datasets": scratch} if lightning_installed() else {})
    runs: dict[str, list[dict[str, float]]] = {way: [] for way in ways}
    for _ in range(5):
        for way, folder in ways.items():
            runs[way] += measured(way, folder, list(SETS), 1)
    lines = (data / "train_FD001.txt").read_text().splitlines(keepends=True)[:300]
    (scratch / "train_FEW.txt").write_text("".join(lines))
    runs["few lines"] = measured("grace", scratch, ["FEW"], 3)
    return {
        way: {field: spread([run[field] for run in rows]) for field in ("seconds", "mib")} for way, rows in runs.items()
    }


def measure_profile(data: Path) -> dict[str, Any]:
    """Where the time of a step and of reading goes."""
    from profiles import profile_text, profile_training

    from grace.data.cmapss.fleets import read_train

    fleet = read_train(data, "FD001")
    steps = profile_training("compact", 30, fleet) | profile_training("paper", 3, fleet)
    return {"steps": steps, "text": profile_text(data, SETS)}


def measure_commands(data: Path) -> dict[str, Any]:
    """Whole processes."""
    grace = [sys.executable, "-m", "grace.cli.main"]
    timed([*grace, "--help"])
    return {
        "grace --help": spread([timed([*grace, "--help"]) for _ in range(9)]),
        "grace diagnose FD003": spread([timed([*grace, "diagnose", "FD003", "--data", str(data)]) for _ in range(3)]),
        "grace demo": spread([timed([*grace, "demo"]) for _ in range(2)]),
    }


def measure_report() -> dict[str, float]:
    """Seconds of the page of the committed runs."""
    with tempfile.TemporaryDirectory() as scratch:
        call = [sys.executable, "-m", "grace.cli.main", "report", str(ROOT / "results"), "-o", f"{scratch}/page.html"]
        return spread([timed(call) for _ in range(3)])


def measure_growth() -> dict[str, Any]:
    """Every series, each size in a process of its own."""
    from growth import SERIES, points

    return {series: points(series, values) for series, values in SERIES.items()}


def full(data: Path, parts: Sequence[str]) -> None:
    """Measure everything, or some parts anew, write results and page."""
    from diagnosis_cost import shares
    from growth import chart
    from own_loop import measured as own_loop

    from grace.report.chart import svg

    found: dict[str, Any] = json.loads(RESULTS.read_text()) if parts else {}
    found |= {"date": date.today().isoformat(), "machine": machine()}
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        link_for_rul_datasets(data, scratch)
        measures: dict[str, Callable[[], Any]] = {
            "quick": lambda: found.get("quick", {}) | {kind(): {name: ratio.value for name, ratio in ratios().items()}},
            "step": measure_steps,
            "loop": lambda: own_loop(9),
            "training": lambda: measure_training(data),
            "text": lambda: measure_text(data, scratch),
            "profile": lambda: measure_profile(data),
            "diagnosis": shares,
            "commands": lambda: measure_commands(data),
            "report": measure_report,
            "growth": measure_growth,
        }
        for part in parts or measures:
            began = time.perf_counter()
            found[part] = measures[part]()
            print(f"{part}: {time.perf_counter() - began:.0f} s", flush=True)
    write_text(RESULTS, json.dumps(found, indent=1) + "\n")
    write_text(ROOT / "docs" / "figures" / "growth.svg", svg(chart(found["growth"])))
    write_page(found)


def write_page(found: dict[str, Any]) -> None:
    """Put the tables into the page, with the GPU's where it was measured."""
    gpu = ROOT / "results" / "gpu.json"
    replace_between(PAGE, page_parts(found, json.loads(gpu.read_text()) if gpu.exists() else None))


def held(committed: dict[str, float]) -> bool:
    """Measure the quick ratios and print them beside the committed ones; whether all of them hold."""
    good = True
    for name, ratio in ratios(committed).items():
        known = committed.get(name)
        bad = known is not None and slipped(ratio, known)
        good &= not bad
        was = "not committed" if known is None else f"committed {known:.3g}"
        print(f"{'SLIPPED' if bad else 'ok':8} {name}: {ratio.value:.3g} ({was})")
    return good


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--data", type=Path, default=Path(os.environ.get("GRACE_DATA", ROOT.parent / "shared" / "cmapss"))
    )
    parser.add_argument("--quick", action="store_true", help="a few ratios against the committed ones")
    parser.add_argument(
        "--parts", default="", help="measure these parts anew, with commas between, and keep the others"
    )
    parser.add_argument("--page", action="store_true", help="write the page again from results/speed.json")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.page:
        write_page(json.loads(RESULTS.read_text()))
    elif options.quick:
        committed = json.loads(RESULTS.read_text())["quick"].get(kind(), {}) if RESULTS.exists() else {}
        raise SystemExit(0 if held(committed) else 1)
    else:
        full(options.data, [part for part in options.parts.split(",") if part])


if __name__ == "__main__":
    main()
