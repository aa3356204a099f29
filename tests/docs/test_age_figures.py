"""The log's figures of age as a feature, made again."""

from __future__ import annotations

import importlib
import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from grace.core.stats import Family, student
from tests.command import grace
from tests.data.test_real_fleets import fleets_dir as fleets_dir
from tests.docs.figures import ROOT, missing

MODELS = ("quantiles", "tree", "ridge")


@pytest.fixture
def families(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(sys, "path", [str(ROOT / "benchmarks"), *sys.path])
    return importlib.import_module("families")


def test_what_age_does_to_the_rmse(families: Any) -> None:
    without, told = (
        json.loads((ROOT / "results" / f"{name}.json").read_text()) for name in ("families", "families_age")
    )
    names = dict.fromkeys(row["family"] for row in told)
    lines, estimates = [], {}
    for family in names:
        pairs = [tuple(families.rmse(side, family, model) for side in (without, told)) for model in MODELS]
        lines.append(f"| `{family}` | {' | '.join(f'{one:.4g} -> {other:.4g}' for one, other in pairs)} |")
        for model in MODELS:
            both = (families.squared_errors(side, family, model) for side in (told, without))
            estimates[family, model] = student(next(both) - next(both))
    found = Family.of(list(estimates.values()))
    kept = {key: estimates[key].mean < 0 for key, p in zip(estimates, found.adjusted, strict=True) if p <= 0.05}
    assert kept == {("filter_esrel22", model): True for model in MODELS} | {("hdd_backblaze", "tree"): False}
    ends = {family: [f"{families.rmse(side, family, 'quantiles'):.4g}" for side in (without, told)] for family in names}
    pages = {
        "docs/log.md": [*lines, found.words],
        "docs/your-own-engines.md": [
            "fell from {} to {} s".format(*ends["filter_esrel22"]),
            "rose from {} to {} cycles".format(*ends["battery_tju"]),
        ],
    }
    assert missing(pages) == ""


@pytest.mark.slow
def test_what_age_does_to_the_survival_of_disks(families: Any, fleets_dir: Path, tmp_path: Path) -> None:
    found = []
    for features in ("", ",age"):
        asked = families.FAMILIES["hdd_backblaze"] | {"table": str(fleets_dir / "hdd_backblaze" / "st3000dm001.csv.gz")}
        asked |= {"features": ",".join(n for n in asked["features"].split(",") if n != "age") + features}
        given = [text for name, value in asked.items() for text in (f"--{name.replace('_', '-')}", value)]
        done = grace("train", *given, "--method", "rul-only", "--to", "net.safetensors", cwd=tmp_path, columns=150)
        score = re.search(r"integrated Brier score ([\d.]+)", done.stdout)
        assert score is not None, done.stderr
        found.append(score[1])
    assert missing({"docs/log.md": ["{1} in place of {0}".format(*found)]}) == ""
