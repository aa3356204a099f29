"""The script that measures a GPU runs in tiny where there is none."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "gpu.py"


@pytest.mark.slow
def test_the_gpu_script_checks_and_measures_a_stack(tmp_path: Path) -> None:
    to = tmp_path / "gpu.json"
    command = [sys.executable, str(SCRIPT), "--device", "cpu", "--quick", "--to", str(to)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    found = json.loads(to.read_text())
    assert max(value for name, value in found["differences"].items() if name.startswith("gradients")) < 1e-8
    assert set(found["modes"]) == {"float32", "tf32", "bfloat16"}
    for row in found["modes"].values():
        for kind in ("plain", "measuring", "alone"):
            assert row[kind]["low"] <= row[kind]["windows_per_s"] <= row[kind]["high"]
        assert row["hours_of_the_table"] > 0
        assert row["floor_hours"]["operations"] > 0
