"""The log's figures of age as a feature, made again."""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path

import pytest

from tests.command import grace
from tests.data.test_real_fleets import fleets_dir as fleets_dir
from tests.docs.figures import ROOT, missing

MODELS = ("network", "tree", "ridge")


def errors(family: str, features: str, fleets: Path, folder: Path) -> list[str]:
    """RMSE out of fold of a network with a hazard, and of what needs none, by the command of the log."""
    options = importlib.import_module("families").USUAL | importlib.import_module("families").FAMILIES[family]
    files = {name: str(fleets / family / options[name]) for name in ("table", "unit_table") if name in options}
    asked = options | files | {"features": options["features"] + features}
    given = [text for name, value in asked.items() for text in (f"--{name.replace('_', '-')}", value)]
    plan = ["--method", "rul-only", "--rul-scale", "hazard", "--folds", "10", "--to", "net.safetensors"]
    done = grace("train", *given, *plan, cwd=folder, columns=150)
    found = re.search(r"^out of fold: (.*?):", done.stdout, re.MULTILINE)
    assert found is not None, done.stderr
    by_model = dict(part.split() for part in found[1].split(", "))
    return [f"{float(by_model[name]):.4g}" for name in MODELS]


@pytest.mark.slow
@pytest.mark.parametrize("family", ["filter_esrel22", "battery_tju", "hdd_backblaze"])
def test_what_age_does(family: str, fleets_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [str(ROOT / "benchmarks"), *sys.path])
    without, told = (errors(family, features, fleets_dir, tmp_path) for features in ("", ",age"))
    cells = " | ".join(f"{one} -> {other}" for one, other in zip(without, told, strict=True))
    said = {
        "filter_esrel22": "fell from {} to {} s",
        "battery_tju": "rose from {} to {} cycles",
        "hdd_backblaze": "from {} to {} hours",
    }
    pages = {
        "docs/log.md": [f"| `{family}` | {cells} |"],
        "docs/your-own-engines.md": [said[family].format(without[0], told[0])],
    }
    assert missing(pages) == ""
