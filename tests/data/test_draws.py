"""Which windows each loss is taken on, and how they are drawn."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import grace
from grace.data.conventions import Conventions
from grace.data.draws import BOUND, Draw, Draws, drawn_apart, draws_beside, with_labels
from grace.data.fleet import Fleet
from grace.data.resident import ResidentWindows
from grace.data.tasks import HEALTH, Task
from grace.data.windows import Windows, training_windows
from grace.errors import GraceError
from studies.cuts import suspended

NAN = np.nan
SOH, TEMP = Task("soh", kind="regression"), Task("temp", kind="regression")


def windows(count: int, first: int) -> Windows:
    """So many windows, whose RUL is their number from ``first`` on."""
    numbers = np.arange(first, first + count)
    whole, none = np.zeros(count, dtype=np.int64), np.zeros((count, 0), dtype=np.float32)
    rows = np.zeros((count, 1), dtype=np.float32)
    return Windows(rows, np.arange(count), whole, numbers.astype(np.float32), numbers, whole, none, whole, 2)


def draws(*counts: int) -> Draws:
    """RUL's windows, from 0, and those of losses ``1``, ``2``, ..., from 1000, 2000, ..."""
    names = ["rul", *map(str, range(1, len(counts)))]
    found = [Draw((name,), windows(n, 1000 * place)) for place, (name, n) in enumerate(zip(names, counts, strict=True))]
    return Draws(found, [ResidentWindows(draw.windows) for draw in found])


def batches(of: Draws, size: int, count: int, seed: int = 0) -> NDArray[np.int64]:
    """Numbers of the windows in some batches, ``[count, B]``."""
    return np.array([batch.rul.numpy() for batch in islice(of.stream(size, seed), count)]).astype(np.int64)


def test_sizes_and_rows_of_a_batch() -> None:
    found = draws(20, 7, 5)
    assert found.sizes(8) == [8, 2, 2]
    assert found.parts(8) == {"rul": slice(0, 8), "1": slice(8, 10), "2": slice(10, 12)}
    assert draws(20).sizes(64) == [20]
    assert draws(20, 7).sizes(64) == [20, 32]
    assert draws(20, 7, 7, 7).sizes(2) == [2, 1, 1, 1]  # no loss without a window
    both = Draws([Draw(("rul",), windows(4, 0)), Draw(("a", "b"), windows(4, 9))], found.resident[:2])
    assert both.parts(4)["a"] == both.parts(4)["b"] == slice(4, 6)


def test_each_draw_sees_each_of_its_windows_once_a_permutation() -> None:
    found = batches(draws(20, 7, 5), 8, 70)
    for epoch in found[:, :8].reshape(-1, 2, 8):  # of 20 windows an epoch leaves out four
        assert len(np.unique(epoch)) == 16
    assert set(found[:, :8].ravel()) == set(range(20))
    for place, count in ((1, 7), (2, 5)):  # these run on from one batch to the next
        seen = found[:, 6 + 2 * place : 8 + 2 * place].reshape(-1, count)
        assert (np.sort(seen) == 1000 * place + np.arange(count)).all()
        assert len(np.unique(seen, axis=0)) > 1


def test_a_draw_smaller_than_its_part_is_seen_more_than_once_a_batch() -> None:
    found = batches(draws(20, 7), 64, 7)[:, 20:]
    assert found.shape == (7, 32)
    assert (np.sort(found.reshape(-1, 7)) == 1000 + np.arange(7)).all()


def test_a_seed_says_the_batches() -> None:
    first, again, other = (batches(draws(20, 7, 7), 8, 9, seed) for seed in (3, 3, 4))
    assert (first == again).all()
    assert (first != other).any(axis=0).all()
    assert (first[:, 8:10] - 1000 != first[:, 10:12] - 2000).any()  # each draw has an order of its own


def test_other_draws_leave_the_order_of_rul_as_it_was() -> None:
    alone = batches(draws(20), 8, 12)
    assert (batches(draws(20, 7), 8, 12)[:, :8] == alone).all()
    assert (batches(draws(20, 7, 300), 8, 12)[:, :8] == alone).all()
    plain = [batch.rul.numpy() for batch in islice(ResidentWindows(windows(20, 0)).stream(8, 0), 12)]
    assert (np.array(plain) == alone).all()


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    """Six engines that failed and ten that were suspended."""
    return suspended(replace(grace.simulate(grace.Simulation(engines=16))[0], labels={}), 6, 1)


def failed_rows(fleet: Fleet) -> NDArray[np.bool_]:
    return np.isin(fleet.engine_of_row(), fleet.failures)


def apart(fleet: Fleet, rul: NDArray[np.int64] | None = None, **known: NDArray[np.bool_]) -> list[tuple[str, ...]]:
    """What is drawn apart of tasks that are known in these rows."""
    labels = {name: np.where(rows, 1.0, NAN) for name, rows in known.items()}
    tasks = tuple(HEALTH if name == "health" else Task(name, kind="regression") for name in known)
    conventions = Conventions(window=30, tasks=tasks)
    return drawn_apart(replace(fleet, labels=labels), conventions, fleet.failures if rul is None else rul)


def test_labels_on_the_rows_of_rul_share_its_windows(fleet: Fleet) -> None:
    ours, place = failed_rows(fleet), np.arange(len(fleet.values))
    assert apart(fleet, soh=ours) == []
    assert apart(fleet, soh=ours & (place % 4 > 0)) == []  # three in four
    assert apart(fleet, soh=ours & (place % 4 == 0)) == [("soh",)]  # one in four would be one label in four rows
    assert apart(fleet, soh=np.zeros_like(ours)) == []  # known nowhere: nothing to draw
    assert drawn_apart(fleet, Conventions(), fleet.failures) == []  # health states follow from RUL


def test_labels_on_suspended_units_are_drawn_apart(fleet: Fleet) -> None:
    ours = failed_rows(fleet)
    one = ours.copy()
    one[np.flatnonzero(~ours)[0]] = True
    assert apart(fleet, soh=one) == [("soh",)]
    assert apart(fleet, soh=~ours) == [("soh",)]
    assert apart(fleet, health=np.ones_like(ours)) == [("health",)]
    # where RUL is learned of all engines, so that its windows are all
    assert apart(fleet, np.arange(16), soh=np.ones_like(ours)) == []


def test_tasks_known_on_nearly_the_same_rows_share_a_draw(fleet: Fleet) -> None:
    place = np.arange(len(fleet.values))
    some, fewer, others = place % 10 < 5, place % 10 < 4, place % 10 >= 5
    assert apart(fleet, soh=some, temp=fewer, wear=others) == [("soh", "temp"), ("wear",)]
    assert apart(fleet, soh=some, wear=others, temp=fewer) == [("soh", "temp"), ("wear",)]
    assert apart(fleet, soh=some, temp=place % 10 < 2) == [("soh",), ("temp",)]  # two rows in five are both


def test_tasks_on_the_features_are_known_wherever_there_are_rows_ahead(fleet: Fleet) -> None:
    conventions = Conventions(window=30, tasks=(Task("future_sensors"),))
    assert drawn_apart(fleet, conventions, fleet.failures) == [("future_sensors",)]
    whole = fleet.select(fleet.failures)
    assert drawn_apart(whole, conventions, whole.failures) == []


def test_windows_of_a_draw_have_a_label(fleet: Fleet) -> None:
    place = np.arange(len(fleet.values))
    soh, temp = np.where(place % 3 == 0, 1.0, NAN), np.where(place % 2 == 0, 2.0, NAN)
    conventions = Conventions(window=30, tasks=(SOH, TEMP))
    labelled = replace(fleet, labels={"soh": soh, "temp": temp})
    every = training_windows(labelled, np.zeros((len(place), 14), np.float32), conventions, 2)
    assert isinstance(every, Windows)
    for names, rows in ((["soh"], place % 3 == 0), (["soh", "temp"], (place % 3 == 0) | (place % 2 == 0))):
        found = with_labels(every, names, conventions)
        assert isinstance(found, Windows)
        assert found.ends.tolist() == [end for end in every.ends.tolist() if rows[end]]
        np.testing.assert_array_equal(found.labels[:, 0], soh[found.ends])
    bound = draws_beside([(BOUND,), ("soh",)], every, every, every.at(np.arange(3)), conventions)
    assert [(draw.losses, len(draw.windows)) for draw in bound] == [
        ((BOUND,), 3),
        (("soh",), int((every.ends % 3 == 0).sum())),
    ]
    none = replace(labelled, labels={"soh": np.full(len(place), NAN), "temp": temp})
    without = training_windows(none, np.zeros((len(place), 14), np.float32), conventions, 2)
    with pytest.raises(GraceError, match=r"soh should be known of some engines beside those held out. Found none"):
        draws_beside([("soh",)], without, without, without, conventions)


def test_the_stream_is_that_of_the_moment_it_is_asked_for() -> None:
    """No state is kept between two streams of one training, and the global one is left alone."""
    of, before = draws(20, 7), torch.get_rng_state()
    first = batches(of, 8, 5)
    assert (batches(of, 8, 5) == first).all()
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("name", ["rul", "bound"])
def test_names_of_losses_are_taken(name: str) -> None:
    with pytest.raises(GraceError, match=f"other than rul and bound. Found '{name}'"):
        Task(name, "column", "regression")
