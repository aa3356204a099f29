"""What the study of advice looks at before a training: each number by hand, or by what it is to first order."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from grace.advice.looks import coverage, given_rul
from grace.alignment.probe import initialised_model
from grace.core.gradient_utils import task_gradients
from grace.data.tasks import CLASS, REGRESSION
from grace.data.windows import Windows
from grace.models.rul_problem import RULProblem
from grace.models.second_tasks import Head
from grace.training.protocol import Split
from studies.advice.cases import Way, World
from studies.advice.looks import _held, look_ahead, looked, means
from studies.advice.outcomes import measured, spec_of
from studies.advice.worlds import Place, cut, whole

NOWHERE = Place(Path("nowhere"), Path("nowhere"))
WORLD = World("sim8", 8)


@pytest.fixture(scope="module")
def split() -> Split:
    training, _ = cut(WORLD, 0, NOWHERE)
    way = Way("narrow", "ignore", "wear", 0.1)
    training = replace(training, labels={"wear": training.labels["wear"]})
    return Split.folds(spec_of(WORLD, way, whole("sim8", NOWHERE), 1), training, None)[0]


def labelled(windows: Windows, label: np.ndarray) -> Windows:
    return replace(windows, labels=np.asarray(label, dtype=np.float32)[:, None])


def test_what_rul_says_of_a_label(split: Split) -> None:
    windows, rng = split.train, np.random.default_rng(0)
    assert isinstance(windows, Windows)
    value, states = Head("x", REGRESSION, 1, slice(0, 1)), Head("x", CLASS, 3, slice(0, 1))
    rul = windows.rul.astype(float)
    assert given_rul(labelled(windows, rul), value) > 0.95
    assert abs(given_rul(labelled(windows, rng.standard_normal(len(rul))), value)) < 0.1
    thirds = np.digitize(rul, np.quantile(rul, [1 / 3, 2 / 3]))
    assert given_rul(labelled(windows, thirds), states) > 0.7
    assert abs(given_rul(labelled(windows, rng.integers(0, 3, len(rul))), states)) < 0.1
    assert np.isnan(given_rul(labelled(windows, np.full(len(rul), np.nan)), value))


def test_coverage_counts_rows_of_suspended_units() -> None:
    training, _ = cut(WORLD, 0, NOWHERE)
    still = np.setdiff1d(np.arange(len(training.engines)), training.failures)
    rows = np.isin(training.engine_of_row(), still)
    known = ~np.isnan(training.labels["health"])
    assert coverage(training, "health") == pytest.approx((rows & known).sum() / known.sum())
    assert coverage(training, "future_sensors") == pytest.approx(rows.mean())
    assert coverage(replace(training, labels={}), "health") == 0.0  # by RUL: of failed units alone


def test_a_short_step_does_what_it_does_to_first_order(split: Split) -> None:
    spec = spec_of(WORLD, Way("narrow", "ignore", "wear", 0.1), whole("sim8", NOWHERE), 1)
    problem = RULProblem(split.train, spec.conventions.cap, spec.size, "cap", "mse", 64, beside=split.beside,
                         heads=Head.every(spec.conventions), every=split.every)  # fmt: skip
    torch.manual_seed(0)
    model, _ = initialised_model(problem, 0)
    shared, held, batch = problem.shared(model), _held(split.validation, spec.size), next(problem.batches(0))
    before = [p.detach().clone() for p in model.parameters()]
    length = 1e-3
    found = look_ahead(problem, model, shared, batch, held, length)
    assert all((a == b).all() for a, b in zip(before, model.parameters(), strict=True))
    assert model.training
    model.eval()
    loss = ((model(held.x)[0] - held.rul) / problem.cap).square().mean()
    there = task_gradients([loss], shared)[0]
    first_order = length * found["rho"] * float(there.norm() / loss.detach())
    assert found["ahead"] == pytest.approx(first_order, rel=0.05, abs=1e-6)
    assert -1 <= found["rho"] <= 1


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 6), st.integers(2, 4), st.integers(0, 99))
def test_means_of_cosines(count: int, tasks: int, seed: int) -> None:
    gradients = np.random.default_rng(seed).standard_normal((count, tasks, 7))
    gradients[0, 1] = 0  # no label in this batch
    found = means(gradients @ gradients.swapaxes(1, 2))
    first, second = gradients[1:, 0], gradients[1:, 1]
    cosines = (first * second).sum(1) / np.linalg.norm(first, axis=1) / np.linalg.norm(second, axis=1)
    assert found["cosine"][0][1] == pytest.approx(cosines.mean() if len(cosines) else 0.0, abs=1e-9)
    assert found["cosine"][0][0] == pytest.approx(1.0, abs=1e-12)


@pytest.mark.system
def test_a_look_and_a_training_of_a_case() -> None:
    way = Way("narrow", "bound", "wear", 0.1)
    raw = looked(WORLD, way, 0, NOWHERE)
    assert raw is not None
    assert raw["failures"] == 8
    assert np.shape(raw["joint"][0]["cosine"]) == (3, 3)
    assert all(np.isfinite(one["held"]) for one in raw["label"])
    json.dumps(raw, allow_nan=False)  # as files are written
    brief = looked(WORLD, way, 0, NOWHERE, brief=True)
    assert brief is not None
    assert {name: brief[name] for name in brief if name != "seconds"} == {
        name: raw[name] for name in ("failures", "coverage", "given_rul")
    }
    row = measured(WORLD, way, 0, 0, NOWHERE)
    assert row is not None
    assert 0 < row["rmse"] < 1
    assert len(row["squared"]) == 8
    assert cut(World("sim8", 60), 0, NOWHERE) is None
