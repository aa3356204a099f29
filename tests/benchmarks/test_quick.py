"""What CI holds against the committed ratios, and the powers that growth is told by."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

import quick
from growth import exponent
from quick import Ratio, ratios, slipped


@pytest.mark.parametrize(
    ("value", "larger_is_better", "committed", "expected"),
    [(1.9, False, 1.6, False), (1.93, False, 1.6, True), (1.7, True, 2.0, False), (1.6, True, 2.0, True)],
)
def test_a_fifth_is_the_limit(value: float, larger_is_better: bool, committed: float, expected: bool) -> None:
    assert slipped(Ratio(value, larger_is_better), committed) is expected


def test_a_ratio_that_slipped_is_measured_again_and_the_best_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = iter([3.0, 1.0, 2.0])
    monkeypatch.setattr(quick, "PARTS", (lambda: {"a": Ratio(next(seen), False)},))
    assert ratios({"a": 1.0}) == {"a": Ratio(1.0, False)}
    assert next(seen) == 2.0
    falling = iter([1.0, 1.5, 1.2, 9.0])
    monkeypatch.setattr(quick, "PARTS", (lambda: {"a": Ratio(next(falling), True)},))
    assert ratios({"a": 2.0}) == {"a": Ratio(1.5, True)}
    assert next(falling) == 9.0


def test_powers_of_growth() -> None:
    rows = [{"x": float(x), "seconds": 3.0 * x**1.5, "mib": 2.0 * x} for x in (1, 2, 4, 8)]
    assert exponent(rows, "seconds") == pytest.approx(1.5)
    assert exponent(rows, "mib") == pytest.approx(1)


def test_the_committed_ratios_are_of_their_kind_of_cpu_and_the_page_says_them() -> None:
    root = Path(__file__).parents[2]
    committed = json.loads((root / "results" / "speed.json").read_text())["quick"]
    assert set(committed) <= {"DEFAULT", "AVX2", "AVX512"}
    assert len({tuple(sorted(ratios_)) for ratios_ in committed.values()}) == 1
    page = " ".join((root / "docs" / "performance.md").read_text().split())
    names = ("step: Gramian in every step / plain", "training: GRACE / PyTorch loop")
    step, training = ({kind: committed[kind][name] for kind in committed} for name in names)
    assert f"takes {step['AVX512']:.2f} plain ones and a compact training is {training['AVX512']:.2f} times" in page
    assert f"with AVX2, where ours is used, {step['AVX2']:.2f} and {training['AVX2']:.2f}" in page
