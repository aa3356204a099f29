"""The monitor as a plain hook."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats

import grace
from grace.loop.watch import MIN_MEASUREMENTS, Watch


def gram(cosine: float, a: float = 2.0, b: float = 1.0) -> torch.Tensor:
    return torch.tensor([[a * a, cosine * a * b], [cosine * a * b, b * b]])


def test_the_running_interval_is_of_the_last_measurements() -> None:
    watch, drawn = Watch(("a", "b"), window=20), np.random.default_rng(0).uniform(-0.5, 0.9, 60)
    for cosine in drawn:
        watch.measured(gram(cosine))
    last = drawn[-20:]
    low, high = stats.t.interval(0.95, 19, last.mean(), stats.sem(last))
    assert watch.rho() == pytest.approx((last.mean(), low, high), abs=1e-5)
    assert watch.values()["ratio"] == pytest.approx(2.0)


def test_the_alarm_comes_once_and_again_after_a_recovery() -> None:
    watch = Watch(("a", "b"), edge=0.0, window=10)
    draw = np.random.default_rng(1)

    def told(mean: float, count: int) -> list[str]:
        return [line for _ in range(count) if (line := watch.measured(gram(draw.normal(mean, 0.01))))]

    assert told(0.5, 20) == []
    first = told(-0.5, 20)
    assert len(first) == 1
    assert "rho of a and b has turned below +0.00" in first[0]
    assert told(0.5, 20) == []
    assert len(told(-0.5, 20)) == 1


def test_no_alarm_from_few_measurements() -> None:
    watch = Watch(("a", "b"))
    assert not any(watch.measured(gram(-0.9 + 0.001 * i)) for i in range(MIN_MEASUREMENTS - 1))
    assert watch.measured(gram(-0.9))


def test_an_absent_task_and_a_dead_gradient_give_no_cosine() -> None:
    watch = Watch(("a", "b", "c"))
    whole = torch.diag(torch.tensor([1.0, 4.0, 9.0]))
    whole[2] = whole[:, 2] = torch.nan
    for _ in range(3):
        watch.measured(whole)
        watch.measured(torch.zeros(3, 3))
    assert watch.values().keys() == {"rho/a-b", "rho/a-b/low", "rho/a-b/high"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [((("a",),), "two tasks or more"), ((("a", "a"),), "each once"), ((("a", "b"), 0.0, 1), "at least 2 measurements")],
)
def test_bad_input_is_named(arguments: tuple[object, ...], message: str) -> None:
    with pytest.raises(grace.GraceError, match=message):
        Watch(*arguments)  # type: ignore[arg-type]
