"""Losses and heads of the tasks beside RUL: by hand, against scikit-learn and scipy, and where labels are missing."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.special import expit, softmax
from scipy.stats import entropy
from sklearn.metrics import log_loss
from torch import Tensor

from grace.data.conventions import Conventions
from grace.data.fleet import AGE
from grace.data.tasks import HEALTH, Task
from grace.models.second_tasks import Head

SOH = Head("soh", "regression", 1, slice(0, 1))
PAIR = Head("pair", "regression", 2, slice(0, 2))
STAGE = Head("stage", "class", 3, slice(0, 1))
WEAR = Head("wear", "ordinal", 3, slice(0, 1))  # four classes
NAN = math.nan
CODES = [0, 2, 2, 1, 0, 2, 0, 0, 2, 1]
WORN = [0, 3, 1, 1, 2, 0, 0, 3, 1, 1]


def column(values: list[float]) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)[:, None]


def loss_of(head: Head, emitted: Tensor, labels: Tensor, moments: Tensor | None = None) -> float:
    """The loss of one network, with the moments of these or other labels."""
    scale = head.moments(labels if moments is None else moments).get(f"{head.name}_scale")
    (found,) = head.loss(emitted[None], labels[None], None if scale is None else scale[None])
    return found.item()


def logits(count: int, columns: int) -> NDArray[np.float64]:
    return np.random.default_rng(0).normal(size=(count, columns))


def test_a_regression_by_hand() -> None:
    labels = column([1.0, 3.0, NAN, 5.0])
    moments = SOH.moments(labels)
    assert float(moments["soh_mean"]) == pytest.approx(3)
    assert float(moments["soh_scale"]) == pytest.approx(math.sqrt(8 / 3))  # population SD
    emitted = column([2.0, 3.0, 77.0, 3.0])
    assert loss_of(SOH, emitted, labels) == pytest.approx((1 + 0 + 4) / 3 / (8 / 3))


def test_several_columns_count_by_their_known_fields() -> None:
    labels = torch.tensor([[0.0, 10.0], [2.0, NAN], [4.0, 30.0]], dtype=torch.float64)
    emitted = torch.tensor([[1.0, 10.0], [2.0, 99.0], [4.0, 20.0]], dtype=torch.float64)
    # variances 8/3 and 100; squared errors 1, 0, 0 and 0, -, 100
    assert loss_of(PAIR, emitted, labels) == pytest.approx((1 / (8 / 3) + 100 / 100) / 5)


def test_classes_against_scikit_learn_over_the_entropy_of_the_base_rates() -> None:
    found = logits(10, 3)
    expected = log_loss(CODES, softmax(found, axis=1), labels=[0, 1, 2]) / entropy(np.bincount(CODES) / 10)
    assert loss_of(STAGE, torch.from_numpy(found), column(CODES)) == pytest.approx(expected)


def test_ordered_classes_are_the_mean_of_their_thresholds() -> None:
    found = logits(10, 3)
    above = [[worn > threshold for worn in WORN] for threshold in range(3)]
    costs = [log_loss(side, expit(found[:, t]), labels=[False, True]) for t, side in enumerate(above)]
    base = [entropy([np.mean(side), 1 - np.mean(side)]) for side in above]
    assert loss_of(WEAR, torch.from_numpy(found), column(WORN)) == pytest.approx(np.mean(costs) / np.mean(base))


def test_health_keeps_nats() -> None:
    (head,) = Head.every(Conventions())
    assert head.moments(column(CODES)) == {}
    found = logits(10, 3)
    expected = log_loss(CODES, softmax(found, axis=1), labels=[0, 1, 2])
    assert loss_of(head, torch.from_numpy(found), column(CODES)) == pytest.approx(expected)


def best_constants() -> list[tuple[Head, list[float], list[float]]]:
    shares = np.bincount(CODES) / 10
    above = [np.mean([worn > threshold for worn in WORN]) for threshold in range(3)]
    return [
        (SOH, [1.0, 3.0, 5.0, 11.0], [5.0]),
        (STAGE, CODES, np.log(shares).tolist()),
        (WEAR, WORN, np.log(above / (1 - np.array(above))).tolist()),  # type: ignore[operator]
    ]


@pytest.mark.parametrize(("head", "labels", "constant"), best_constants())
def test_knowing_the_base_rates_alone_costs_exactly_one(head: Head, labels: list[float], constant: list[float]) -> None:
    emitted = torch.tensor([constant] * len(labels), dtype=torch.float64)
    assert loss_of(head, emitted, column(labels)) == pytest.approx(1, abs=1e-6)  # base rates are in single precision
    for place in range(len(constant)):
        worse = emitted.clone()
        worse[:, place] += 0.1
        assert loss_of(head, worse, column(labels)) > 1


@pytest.mark.parametrize("head", [SOH, STAGE, WEAR])
def test_rows_without_a_label_are_as_if_they_were_not_there(head: Head) -> None:
    labels, emitted = column([0, 2, 1, 2, 0]), torch.from_numpy(logits(5, head.outputs)).requires_grad_()
    gaps = torch.tensor([False, True, False, False, True])
    holed = torch.where(gaps[:, None], torch.nan, labels)
    moments = labels
    assert loss_of(head, emitted, holed, moments) == pytest.approx(
        loss_of(head, emitted[~gaps], labels[~gaps], moments)
    )
    for name, value in head.moments(holed).items():
        torch.testing.assert_close(value, head.moments(labels[~gaps])[name])
    scale = head.moments(moments)[f"{head.name}_scale"][None]
    head.loss(emitted[None], holed[None], scale).sum().backward()
    assert emitted.grad is not None
    assert (emitted.grad[gaps] == 0).all()
    assert (emitted.grad[~gaps] != 0).all()


@pytest.mark.parametrize("head", [SOH, STAGE, WEAR])
def test_a_batch_without_any_label_costs_nothing_and_moves_nothing(head: Head) -> None:
    emitted = torch.from_numpy(logits(4, head.outputs)).requires_grad_()
    loss = head.loss(emitted[None], torch.full((1, 4, 1), torch.nan), torch.ones(1, 1))
    loss.sum().backward()
    assert loss.tolist() == [0.0]
    assert emitted.grad is not None
    assert (emitted.grad == 0).all()


@pytest.mark.parametrize("head", [SOH, STAGE, WEAR])
@pytest.mark.parametrize("labels", [[2.0, 2.0, NAN], [NAN, NAN, NAN]])
def test_labels_that_say_nothing_are_divided_by_one(head: Head, labels: list[float]) -> None:
    assert float(head.moments(column(labels))[f"{head.name}_scale"]) == 1


@pytest.mark.parametrize("head", [SOH, STAGE, WEAR])
def test_networks_side_by_side_have_the_losses_that_they_have_alone(head: Head) -> None:
    labels = torch.stack([column([0, 2, NAN, 1]), column([NAN, NAN, 2, 1])])
    emitted = torch.from_numpy(logits(8, head.outputs)).view(2, 4, head.outputs)
    scale = torch.tensor([[0.5], [2.0]], dtype=torch.float64)
    together = head.loss(emitted, labels, scale)
    for r in range(2):
        torch.testing.assert_close(
            together[r : r + 1], head.loss(emitted[r : r + 1], labels[r : r + 1], scale[r : r + 1])
        )


def test_probabilities_of_ordered_classes_sum_to_one_and_are_never_negative() -> None:
    emitted = torch.from_numpy(3 * logits(500, 3))  # thresholds that contradict one another among them
    found = WEAR.told(emitted)
    assert found.shape == (500, 4)
    assert (found >= 0).all()
    torch.testing.assert_close(found.sum(-1), torch.ones(500, dtype=torch.float64))
    in_order = emitted.sort(-1, descending=True).values
    above = in_order.sigmoid()
    told = WEAR.told(in_order)
    torch.testing.assert_close(told[:, 0], 1 - above[:, 0])
    torch.testing.assert_close(told[:, 1:3], above[:, :2] - above[:, 1:])
    torch.testing.assert_close(told[:, 3], above[:, 2])


def test_what_heads_tell() -> None:
    emitted = torch.from_numpy(logits(5, 3))
    np.testing.assert_allclose(STAGE.told(emitted).numpy(), softmax(emitted.numpy(), axis=1))
    assert SOH.told(emitted) is emitted
    two = Head("worn", "ordinal", 1, slice(0, 1)).told(emitted[:, :1])  # one threshold is a logistic regression
    np.testing.assert_allclose(two[:, 1].numpy(), expit(emitted[:, 0].numpy()))


def test_heads_read_their_own_columns() -> None:
    tasks = (
        Task("soh", kind="regression"),
        HEALTH,
        Task("future_sensors"),
        Task("wear", kind="ordinal", classes=("0", "1", "2")),
    )
    found = Head.every(Conventions(features=("sensor_2", "sensor_3", AGE), tasks=tasks))
    assert [(h.name, h.outputs, h.columns) for h in found] == [
        ("soh", 1, slice(0, 1)),
        ("health", 3, slice(1, 2)),
        ("future_sensors", 2, slice(2, 4)),  # age is told by nothing
        ("wear", 2, slice(4, 5)),
    ]
