"""What a type checker makes of the public names: real types, and a refusal of what is misspelt."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import grace

ROOT = Path(__file__).parents[1]

GOOD = """
import torch
from torch import Tensor, nn
import grace

class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.backbone, self.a, self.b = nn.Linear(4, 8), nn.Linear(8, 1), nn.Linear(8, 1)

def losses(net: Net, x: Tensor) -> dict[str, Tensor]:
    h = net.backbone(x)
    return {"a": net.a(h).square().mean(), "b": net.b(h).square().mean()}

def shared(net: Net) -> list[nn.Parameter]:
    return list(net.backbone.parameters())

loader, fleet = [torch.ones(3, 4)], grace.simulate(grace.Simulation())[0]
report: grace.Diagnosis = grace.diagnose(Net, loader, losses, shared, inits=2)
report = grace.diagnose(fleet, inits=2)
report = grace.diagnose(grace.FleetProblem(fleet, size="tiny"), steps=60)
methods = {"alone": lambda: grace.Fixed(2, (1, 0)), "both": lambda: grace.GABA(2)}
grace.compare(Net, loader, losses, shared, lambda net: net.a.weight.sum(), methods, steps=3)
weights: Tensor = grace.backward(losses(Net(), loader[0]), shared(Net()), grace.GABA(2)).weights
"""

REFUSED = {
    "grace.diagnoze": "attr-defined",
    "grace.diagnose(fleet, init=2)": "call-arg",
    "grace.diagnose(Net, loader, shared, shared)": "arg-type",
    "grace.diagnose(3)": "arg-type",
    "grace.backward([], shared(Net()), outher=grace.GABA(2))": "call-arg",
    "grace.backward([], shared(Net()), 'gaba')": "arg-type",
    "grace.GABA(tasks='two')": "arg-type",
    "grace.GABA(2, betta=0.9)": "call-arg",
    "grace.run_spec('FD001', sizze='tiny')": "call-arg",
    "grace.run_spec('FD001', size=3)": "arg-type",
    "grace.run_spec('FD001', options={3: 4})": "dict-item",
    "grace.predict('net.safetensors', fleet)": "arg-type",
    "grace.compare(Net, loader, losses, shared, methods, methods, steps=3)": "arg-type",
    "grace.decide(report)": "arg-type",
    "report.rho.maen": "attr-defined",
}
"""Misspelt or of the wrong type, and the code of mypy's error."""


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[int, str]]:
    """What ``mypy --strict`` says of each line of three files; with the project's own cache, so that it takes long only once."""
    folder = tmp_path_factory.mktemp("typing")
    sources = {
        "good.py": GOOD,
        "refused.py": GOOD + "\n".join(REFUSED),
        "names.py": "import grace\n" + "\n".join(f"reveal_type(grace.{name})" for name in grace.__all__),
    }
    for name, text in sources.items():
        (folder / name).write_text(text)
    command = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--hide-error-context", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.stderr == ""
    found: dict[str, dict[int, str]] = {name: {} for name in sources}
    for file, line, text in re.findall(r"^(?:.*/)?(\w+\.py):(\d+): (.*)$", done.stdout, re.M):
        found[file][int(line)] = found[file].get(int(line), "") + text
    return found


@pytest.mark.slow
def test_what_the_readme_does_is_typed(said: dict[str, dict[int, str]]) -> None:
    assert said["good.py"] == {}


@pytest.mark.slow
def test_a_misspelt_name_or_argument_is_refused(said: dict[str, dict[int, str]]) -> None:
    first = GOOD.count("\n") + 1
    for number, (line, code) in enumerate(REFUSED.items(), start=first):
        assert f"[{code}]" in said["refused.py"].pop(number, ""), line
    assert said["refused.py"] == {}


@pytest.mark.slow
def test_every_public_name_has_a_real_type(said: dict[str, dict[int, str]]) -> None:
    """Any stands for what has no type: the number of an array's dimensions, or its kind of numbers."""
    assert len(said["names.py"]) == len(grace.__all__)
    for number, name in enumerate(grace.__all__, start=2):
        revealed = said["names.py"][number]
        known = re.sub(r"tuple\[Any, \.\.\.\]|numpy\.dtype\[Any\]", "", revealed)
        assert "Revealed type is" in revealed, name
        assert not re.search(r"\bAny\b", known), revealed
