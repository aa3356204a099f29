"""docs/replacement.md prints what its blocks of code print, and its figures are theirs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from grace.survival.curves import Curves
from grace.survival.replacement import Costs, plan
from tests.survival.wear import LOADS, SHAPE, conditional

PAGE = (Path(__file__).parents[2] / "docs" / "replacement.md").read_text()


def test_every_block_prints_what_stands_below_it(capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, Any] = {}
    found = re.findall(r"^```python\n(.*?)^```\n\n```text\n(.*?)^```$", PAGE, re.S | re.M)
    assert len(found) == PAGE.count("```python") == 2
    for code, printed in found:
        exec(compile(code, "docs/replacement.md", "exec"), names)
        assert capsys.readouterr().out == printed
    assert f"{1 - names['lives'].failed.mean():.0%} of the units".replace("%", " %") in PAGE
    assert names["costs"].failure == 10
    assert names["oldest"] < 40


def test_what_a_wrong_rate_costs() -> None:
    edges = np.linspace(0, 300, 3001)
    new = Curves(edges, np.vstack([conditional(SHAPE, load, np.zeros(1), edges).values for load in LOADS]))

    def cost(rate: float) -> float:
        plans = plan(new, Costs(10, 1), rate)
        return float(plans.cost.mean() / plans.runs.mean())

    best = 0.05
    for _ in range(50):
        best = cost(best)
    low, high = (100 * (cost(share * best) / best - 1) for share in (0.7, 1.3))
    assert f"off by 30 % cost {low:.1f} % more if it is low and {high:.1f} % more if it is high" in " ".join(
        PAGE.split()
    )
