"""Figures of tasks by hand, and against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score, log_loss, mean_absolute_error, r2_score

from grace.training.concerns import of_tasks
from grace.training.record import task_line
from grace.training.task_figures import figures_of, no_better
from tests.training.labelled import FUTURE, SOH, STAGE, WEAR

ENGINE = np.array([4, 4, 7, 7, 9])


def column(*values: float) -> np.ndarray:
    return np.array(values, dtype=np.float32)[:, None]


def test_values_by_hand() -> None:
    """Errors of 1, -2 and 2 about labels 10, 20 and 30; the last window has no label."""
    found = figures_of(SOH, column(11, 18, 32, 0, 0), column(10, 20, 30, np.nan, np.nan), ENGINE)
    expected = {"windows": 3, "units": 2, "rmse": 3**0.5, "mae": 5 / 3, "r2": 1 - 9 / 200}
    assert found == pytest.approx(expected)
    assert not no_better(found)


def test_ordered_classes_by_hand() -> None:
    """Two windows of classes 0 and 1 of four: above the first threshold lies one of two, above the others none."""
    told = np.array([[0.5, 0.25, 0.25, 0.0], [0.25, 0.25, 0.5, 0.0]], dtype=np.float32)
    above = np.log([0.5, 0.75, 1.0, 0.75, 0.5, 1.0])  # of what is so: not above 1, not above 2, ...
    base = (2 * np.log(2)) / 6
    found = figures_of(WEAR, told, column(0, 1), np.array([0, 1]))
    expected = {"windows": 2, "units": 2, "accuracy": 0.5, "macro_f1": 1 / 3, "loss": -above.mean() / base}
    assert found == pytest.approx(expected, rel=1e-6)
    assert no_better(found)


def test_features_by_hand() -> None:
    """The mean of R2 over those features that differ: 1 - 2 / 2 and 1 - 0 / 2; the third is constant."""
    label = np.array([[1, 1, 5], [3, 3, 5], [np.nan, np.nan, np.nan]], dtype=np.float32)
    told = np.array([[2, 1, 4], [2, 3, 6], [0, 0, 0]], dtype=np.float32)
    assert figures_of(FUTURE, told, label, np.array([1, 1, 2])) == {"windows": 2, "units": 1, "r2": 0.5}


@given(st.integers(0, 10_000))
def test_against_scikit_learn(seed: int) -> None:
    draw = np.random.default_rng(seed)
    count = int(draw.integers(3, 40))
    label, told = draw.normal(5, 3, count), draw.normal(5, 3, count)
    engine = draw.integers(0, 5, count)
    gaps = draw.random(count) < 0.3
    gaps[:2] = False
    known = ~gaps
    found = figures_of(SOH, column(*told), column(*np.where(gaps, np.nan, label)), engine)
    assert found["windows"] == known.sum()
    assert found["units"] == len(set(engine[known]))
    assert found["r2"] == pytest.approx(r2_score(label[known], told[known]), rel=1e-3, abs=1e-3)
    assert found["mae"] == pytest.approx(mean_absolute_error(label[known], told[known]), rel=1e-4)

    code = draw.integers(0, 3, count)
    code[:2] = 0, 1
    p = draw.dirichlet([1, 1, 1], count).astype(np.float32)
    found = figures_of(STAGE, p, column(*np.where(gaps, np.nan, code)), engine)
    code, p = code[known], p[known].astype(float)
    shares = np.bincount(code, minlength=3) / len(code)
    wide = {"labels": [0, 1, 2]}
    base = log_loss(code, np.tile(shares, (len(code), 1)), **wide)
    assert found["loss"] == pytest.approx(log_loss(code, p / p.sum(1, keepdims=True), **wide) / base, rel=1e-3)
    assert found["accuracy"] == pytest.approx(accuracy_score(code, p.argmax(1)))
    either = sorted(set(code) | set(p.argmax(1)))
    assert found["macro_f1"] == pytest.approx(f1_score(code, p.argmax(1), labels=either, average="macro"))


@pytest.mark.parametrize("task", [SOH, STAGE, WEAR])
def test_base_rates_are_the_edge(task: object) -> None:
    """Who says the mean, or the shares, has an R2 of 0, or a loss of 1."""
    label = np.array([0, 1, 2, 2, 1], dtype=np.float32)
    width = {"soh": 1, "stage": 3, "wear": 4}[task.name]  # type: ignore[attr-defined]
    shares = np.bincount(label.astype(int), minlength=width) / 5
    told = np.tile(np.array([label.mean()]) if width == 1 else shares, (5, 1)).astype(np.float32)
    found = figures_of(task, told, label[:, None], ENGINE)  # type: ignore[arg-type]
    assert found.get("r2", 0.0) == pytest.approx(0, abs=1e-6)
    assert found.get("loss", 1.0) == pytest.approx(1, abs=1e-6)


def test_what_cannot_be_compared_is_left_out() -> None:
    constant = figures_of(SOH, column(1, 2), column(3, 3), np.array([0, 1]))
    assert constant == pytest.approx({"windows": 2, "units": 2, "rmse": 2.5**0.5, "mae": 1.5})
    one = figures_of(STAGE, np.full((2, 3), 1 / 3, np.float32), column(1, 1), np.array([0, 1]))
    assert set(one) == {"windows", "units", "accuracy", "macro_f1"}
    nowhere = figures_of(SOH, column(1, 2), column(np.nan, np.nan), np.array([0, 1]))
    assert nowhere == {"windows": 0, "units": 0}
    assert not any(map(no_better, (constant, one, nowhere)))


def test_words() -> None:
    soh = {"windows": 96.0, "units": 12.0, "rmse": 1.2345678, "mae": 1.0, "r2": -0.1}
    stage = {"windows": 1.0, "units": 1.0, "accuracy": 0.5, "macro_f1": 0.25, "loss": 1.251}
    assert task_line(soh) == "RMSE 1.235, MAE 1, R2 -0.10, on 96 windows of 12 units"
    assert (
        task_line(stage)
        == "accuracy 0.500, macro-F1 0.250, loss over that of the base rates 1.25, on 1 window of 1 unit"
    )
    assert task_line({"windows": 0.0, "units": 0.0}) == "known on no held-out window"
    assert of_tasks(
        {"soh": soh, "stage": stage, "wear": stage | {"loss": 0.9}, "x": {"windows": 0.0, "units": 0.0}}
    ) == [
        "soh is predicted no better than by its mean: R2 -0.10 on 12 units.",
        "stage is predicted no better than by its base rates: loss 1.25 of theirs on 1 unit.",
        "x is known of no held-out unit that failed: nothing shows how well it is predicted.",
    ]
