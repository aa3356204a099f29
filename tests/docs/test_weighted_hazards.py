"""What failure-biased weights do to probabilities, as docs/training.md says it."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest

from grace.survival.product_limit import ProductLimit
from grace.training.model_file import load_model
from tests.command import grace
from tests.data.test_real_fleets import fleets_dir as fleets_dir
from tests.docs.figures import ROOT, missing

HORIZON = 3100.0


@pytest.mark.slow
def test_weights_lean_towards_failure(fleets_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [str(ROOT / "benchmarks"), *sys.path])
    asked = importlib.import_module("families").FAMILIES["hdd_backblaze"]
    asked = asked | {
        "table": str(fleets_dir / "hdd_backblaze" / "st3000dm001.csv.gz"),
        "features": f"{asked['features']},age",
    }
    given = [text for name, value in asked.items() for text in (f"--{name.replace('_', '-')}", value)]
    told = []
    for method in ("rul-only-weighted", "rul-only"):
        grace("train", *given, "--method", method, "--to", "net.safetensors", cwd=tmp_path)
        seen = load_model(tmp_path / "net.safetensors").survival
        assert seen is not None
        told.append(1 - float(seen.curves.survival(np.array([HORIZON])).mean()))
    curve = ProductLimit.of(seen.landmarks.time, seen.landmarks.event)
    failed = 1 - float(curve.survival(np.array(HORIZON)))
    said = "{:.1%} with `rul-only-weighted` and {:.1%} with `rul-only`, where {:.1%} did".format(*told, failed)
    assert missing({"docs/training.md": [said.replace("%", " %")]}) == ""
