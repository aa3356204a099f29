"""What must stay: import paths, the source's rule and demonstrations, and its published table. Values are worked by hand."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest
import torch

import grace
from grace.bench import published
from grace.cli.main import main
from grace.core.gradient_utils import compute_gradient_cosine
from grace.core.weighted_mse import moderate_weighted_mse_loss
from grace.data.health_labels import rul_to_health_3class
from grace.demos import cosine, two_regimes

ALIGNED = {"rho": 0.3, "low": 0.25, "high": 0.35, "ratio": 500.0, "near_failure_share": 0.17, "conditions": 6}

TABLE = """
baseline    | 10.08 / 143.2 | 7.37 / 224.5 | 11.53 / 211.8 | 8.76 / 280.5
dwa         | 10.58 / 146.1 | - / 234.4    | -             | -
gradnorm    | 9.38 / 127.6  | 8.19 / 260.9 | -             | -
uncertainty | 9.15 / 115.4  | - / 224.4    | -             | - / 243.2
amnl        | 10.43 / 434.4 | 6.74 / -     | 9.51 / -      | 8.16 / -
gaba        | 9.63 / 130.4  | 7.53 / 224.2 | 11.96 / -     | 8.25 / 247.2
grace       | 9.14 / 121.4  | 7.72 / 223.4 | 13.12 / 223.0 | 8.12 / 242.0
"""
"""RMSE and NASA score of FD001 to FD004 as published: 7 methods, 4 data sets, 5 seeds."""


def test_gradient_cosine() -> None:
    """Gradients (3, 4) and (4, 3): 24 / 25."""
    w = torch.zeros(2, requires_grad=True)
    a, b = torch.tensor([3.0, 4.0]), torch.tensor([4.0, 3.0])
    assert compute_gradient_cosine(w @ a, w @ b, [w]) == pytest.approx(0.96)
    assert compute_gradient_cosine is grace.compute_gradient_cosine


def test_weighted_mse() -> None:
    """Weights 1 at 125 cycles, 2 at failure and 1.6 at 50: (1 * 25^2 + 2 * 10^2 + 1.6 * 5^2) / 3."""
    found = moderate_weighted_mse_loss(torch.tensor([100.0, 10.0, 45.0]), torch.tensor([125.0, 0.0, 50.0]), 125.0)
    assert found.item() == pytest.approx((625 + 200 + 40) / 3)
    assert moderate_weighted_mse_loss is grace.moderate_weighted_mse_loss


def test_health_labels() -> None:
    assert rul_to_health_3class([125, 70, 69.9, 30, 29.9, 0]).tolist() == [0, 0, 1, 1, 2, 2]
    assert rul_to_health_3class([79, 50, 14], healthy=50, critical=15).tolist() == [0, 0, 2]
    assert rul_to_health_3class is grace.rul_to_health_3class


@pytest.mark.parametrize(
    ("change", "method", "strength"),
    [
        ({}, "grace", "strong"),
        ({"rho": 0.2, "low": 0.15}, "gaba", "strong"),  # the edge belongs to the band below
        ({"rho": 0.06, "low": 0.055}, "gaba", "strong"),  # the band wins over Q3
        ({"rho": 0.0, "low": -0.04}, "amnl", ""),
        ({"rho": 0.0, "low": -0.04, "near_failure_share": 0.1}, "single-task", ""),
        ({"rho": -0.05, "low": -0.05}, "amnl", ""),
        ({"rho": -0.1, "low": -0.2}, "separate-models", ""),
        ({"tasks": 1}, "single-task", ""),  # Q1
        ({"ratio": 100.0}, "baseline", ""),  # Q2: fixed equal weights
        ({"near_failure_share": 0.1}, "gaba", "strong"),  # Q4: plain MSE
        ({"conditions": 1}, "grace", "may still help"),  # Q5
    ],
)
def test_the_sources_rule(change: dict[str, Any], method: str, strength: str) -> None:
    found = grace.decide(grace.Evidence(**(ALIGNED | change)))
    assert (found.method, found.strength) == (method, strength)


def test_the_five_questions() -> None:
    """The band of rho answers Q3."""
    answers = {a.question: (a.text, a.passed) for a in grace.decide(grace.Evidence(**ALIGNED)).answers}
    assert answers == {
        "Q1": ("Two or more tasks on one backbone?", True),
        "Band": ("rho > +0.20? (Q3)", True),
        "Q2": ("Gradient ratio > 100?", True),
        "Q4": ("More than 10% of samples near failure?", True),
        "Q5": ("Several operating conditions?", True),
    }


def test_bands_source_prescribes_by_that_rule(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    quick = "--size tiny --inits 2 --batches 3 --steps 6 --batch-size 16 --jobs 1 --json"
    monkeypatch.setattr(sys, "argv", f"grace diagnose simulated --bands source {quick}".split())
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code in (None, 0)
    found = json.loads(capsys.readouterr().out)
    rho = found["rho"]
    measured = (rho["mean"], rho["low"], rho["high"], found["ratio"]["median"])
    expected = grace.decide(grace.Evidence(*measured, found["near_failure_share"], found["conditions"]))
    assert found["prescription"]["method"] == expected.method != "compare"
    assert found["prescription"]["decided"] == expected.decided


def test_the_demonstration_of_two_regimes() -> None:
    found = two_regimes.run()
    assert [found.a.baseline, found.a.gaba] == pytest.approx([11.38, 20.73], abs=0.005)
    assert [found.b.baseline, found.b.gaba] == pytest.approx([10.45, 19.16], abs=0.005)
    claimed = two_regimes.CLAIMED
    assert (claimed.a.baseline, claimed.a.gaba, claimed.b.baseline, claimed.b.gaba) == (19, 4.5, 19, 36)


def test_the_demonstration_of_the_cosine() -> None:
    """Centred on 0 with either labels, over initialisations; the source prints +0.32 and -0.04 of one."""
    found = cosine.run(200)
    for kind, spread in ((found.aligned, 0.14), (found.anti, 0.09)):
        assert abs(kind.mean) < 3 * spread / 200**0.5
        assert kind.sd == pytest.approx(spread, abs=0.03)
        assert 0.4 < kind.positive < 0.6
    assert cosine.CLAIMED == {"aligned": 0.32, "anti": -0.04}


@pytest.mark.parametrize("name", ["two-regimes", "cosine"])
def test_both_demonstrations_are_commands(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["grace", "demo", name, "--help"])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 0
    assert f"grace demo {name}" in capsys.readouterr().out


def test_the_published_table() -> None:
    rows = [[cell.strip() for cell in line.split("|")] for line in TABLE.strip().splitlines()]
    assert [name for name, *_ in rows] == list(published.SOURCE)
    for name, *cells in rows:
        for dataset, cell in zip(("FD001", "FD002", "FD003", "FD004"), cells, strict=True):
            found = published.SOURCE[name].get(dataset, published.Published())
            rmse, _, score = cell.partition(" / ")
            for value, text in ((found.rmse, rmse), (found.score, score or "-")):
                assert value == (None if text == "-" else float(text)), (name, dataset)
    spread = {n: found["FD001"].sd for n, found in published.SOURCE.items()}
    assert list(spread.values()) == [1.71, 1.66, 1.53, 0.42, 1.94, 1.90, 1.39]
