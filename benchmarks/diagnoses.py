"""The diagnoses of all four subsets by every recipe: results/diagnosis/*.json and the tables in docs/diagnosis.md.

python benchmarks/diagnoses.py --data DIR      run what is missing, then write the tables
python benchmarks/diagnoses.py --tables        write the tables from the committed results
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from pages import replace_between

ROOT = Path(__file__).parents[1]
RESULTS, PAGE = ROOT / "results" / "diagnosis", ROOT / "docs" / "diagnosis.md"
DEFAULT = RESULTS / "default"  # by the network and the windows that `grace diagnose` takes unless others are named
SUBSETS = ("FD001", "FD002", "FD003", "FD004")
RECIPES = ("joint", "init", "warmup", "warmup-each", "published")
# the source's claims at initialisation; it gives none for FD001 and FD004
CLAIMED = {"FD002": "+0.31", "FD003": "-0.02"}


def main() -> None:
    """Run what is missing, then write the tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", default=os.environ.get("GRACE_DATA", "cmapss"))
    parser.add_argument("--tables", action="store_true", help="only write the tables")
    arguments = parser.parse_args()
    if not arguments.tables:
        for subset in SUBSETS:
            for recipe in RECIPES:
                diagnose(
                    RESULTS / f"{subset}-{recipe}.json", subset, arguments.data, "--recipe", recipe, "--bands", "source"
                )
            diagnose(DEFAULT / f"{subset}.json", subset, arguments.data)
            with tempfile.NamedTemporaryFile("w", suffix=".txt") as labels:
                labels.write(random_labels(Path(arguments.data) / f"train_{subset}.txt"))
                labels.flush()
                diagnose(DEFAULT / f"{subset}-random.json", subset, arguments.data, "--labels", labels.name)
    replace_between(PAGE, tables())


def tables() -> dict[str, str]:
    """Every table of the page by its mark."""
    found = results()
    return {
        "rho": rho_table(found),
        "curve": curve_table(found),
        "rest": rest_table(found),
        "default": default_table(),
    }


def random_labels(train: Path) -> str:
    """A health label a row of a file, drawn uniformly: what says nothing of RUL."""
    rows = sum(1 for line in train.read_text().splitlines() if line.strip())
    return "".join(f"{label}\n" for label in np.random.default_rng(0).integers(0, 3, rows))


def diagnose(path: Path, subset: str, data: str, *options: str) -> None:
    """One diagnosis; a result that is there is not made again."""
    if path.exists():
        return
    command = ["diagnose", subset, "--data", data, "--json", *options]
    done = subprocess.run(
        [sys.executable, "-m", "grace.cli.main", *command], capture_output=True, text=True, check=True
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".part")
    beside.write_text(done.stdout)
    beside.replace(path)
    print(path.relative_to(ROOT), flush=True)


def results() -> dict[tuple[str, str], dict[str, Any]]:
    """Results by subset and recipe."""
    return {(s, r): json.loads((RESULTS / f"{s}-{r}.json").read_text()) for s in SUBSETS for r in RECIPES}


def rho_table(found: dict[tuple[str, str], dict[str, Any]]) -> str:
    """Rho, SDs and prescription of every subset and recipe."""
    lines = [
        "| subset | recipe | rho [95 %] | SD inits | SD batches | claimed | prescription |",
        "|---|---|---|---|---|---|---|",
    ]
    for (subset, recipe), result in found.items():
        rho, advice = result["rho"], result["prescription"]
        interval = f"[{rho['low']:+.2f}, {rho['high']:+.2f}]" if rho["inits"] > 1 else "[unknown]"
        spread = f"{rho['sd_inits']:.2f}" if rho["inits"] > 1 else "-"
        claim = CLAIMED.get(subset, "-") if recipe in ("init", "warmup", "warmup-each", "published") else "-"
        verdict = advice["method"] if advice["decided"] else f"undecided (at the mean: {advice['method']})"
        lines.append(
            f"| {subset} | {recipe} | {rho['mean']:+.2f} {interval} | {spread} | {rho['sd_batches']:.2f} | {claim} | {verdict} |"
        )
    return "\n".join(lines) + "\n"


def curve_table(found: dict[tuple[str, str], dict[str, Any]]) -> str:
    """Rho along the joint steps."""
    curves = {subset: found[subset, "joint"] for subset in SUBSETS}
    bins = [f"{p['first_step']}-{p['last_step']}" for p in curves["FD001"]["curve"]]
    lines = ["| steps | " + " | ".join(bins) + " | settled |", "|---" * (len(bins) + 2) + "|"]
    for subset, result in curves.items():
        cells = [f"{p['mean']:+.2f} [{p['low']:+.2f}, {p['high']:+.2f}]" for p in result["curve"]]
        lines.append(f"| {subset} | " + " | ".join(cells) + f" | {'yes' if result['settled'] else 'no'} |")
    return "\n".join(lines) + "\n"


def default_table() -> str:
    """Rho by the default network, of the labels as they are and of random ones."""
    lines = ["| subset | labels | rho [95 %] | SD inits | SD batches | reading |", "|---|---|---|---|---|---|"]
    for subset in SUBSETS:
        for text, name in (("cut from RUL", subset), ("random", f"{subset}-random")):
            found = json.loads((DEFAULT / f"{name}.json").read_text())
            rho = found["rho"]
            lines.append(
                f"| {subset} | {text} | {rho['mean']:+.3f} [{rho['low']:+.3f}, {rho['high']:+.3f}] | {rho['sd_inits']:.3f} | "
                f"{rho['sd_batches']:.2f} | {found['reading']} |"
            )
    return "\n".join(lines) + "\n"


def rest_table(found: dict[tuple[str, str], dict[str, Any]]) -> str:
    """Ratios, redrawn initialisations and cost."""
    lines = [
        "| subset | recipe | ratio, cycles^2 (range over inits) | larger | in units of the cap | unit-free | "
        "dead starts | passes | share of a training | seconds |",
        "|---" * 10 + "|",
    ]
    for (subset, recipe), result in found.items():
        ratio, cost = result["ratio"], result["cost"]
        lines.append(
            f"| {subset} | {recipe} | {ratio['median']:,.0f} ({ratio['low']:,.0f}-{ratio['high']:,.0f}) | {ratio['larger']} | "
            f"{ratio['in_cap_units']:,.3g} | {ratio['unit_free']:.2f} | {result['rho']['redrawn']} | "
            f"{cost['forward_backward']:,} | {cost['share_of_training']:.2%} | {cost['seconds']:.0f} |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
