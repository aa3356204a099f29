"""Ranges of training units against plain loops over units and windows."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from grace.data import seen
from grace.data.fleet import Fleet
from grace.data.seen import Seen


def fleet_of(lengths: list[int], seed: int = 0) -> Fleet:
    values = np.random.default_rng(seed).normal(size=(sum(lengths), 3)).astype(np.float32).astype(np.float64)
    engine = np.repeat(np.arange(len(lengths)), lengths)
    return Fleet.of_rows("made", engine, values, ("a", "b", "c"))


def as_is(fleet: Fleet, rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """Readings that are scaled already, and a column of times, which is no feature."""
    return np.column_stack([fleet.taken(rows, fleet.columns), np.full(len(rows), 99.0)]).astype(np.float32)


@pytest.mark.parametrize("window", [1, 2, 5, 9])
@pytest.mark.parametrize("chunk", [3, 7, 1 << 14])
def test_readings_and_window_means(monkeypatch: pytest.MonkeyPatch, window: int, chunk: int) -> None:
    monkeypatch.setattr(seen, "CHUNK", chunk)
    fleet = fleet_of([4, 9, 1, 12])
    found = Seen.of(fleet, as_is, 3, window)
    values = np.asarray(fleet.values)
    units = [values[a:b] for a, b in zip(fleet.starts[:-1], fleet.starts[1:], strict=True)]
    means = [unit[i : i + window].mean(axis=0) for unit in units for i in range(len(unit) - window + 1)]
    for kind, every in enumerate((values, np.array(means))):
        np.testing.assert_allclose(found.low[kind], every.min(axis=0), atol=1e-12)
        np.testing.assert_allclose(found.high[kind], every.max(axis=0), atol=1e-12)


def test_without_a_full_window_there_is_no_mean() -> None:
    found = Seen.of(fleet_of([4, 3]), as_is, 3, 5)
    assert np.isfinite(found.low[0]).all()
    assert np.isnan(found.low[1]).all()
    assert np.isnan(found.high[1]).all()
    assert np.isnan(found.beyond(1, 0, np.zeros(2))).all()


def test_beyond_is_signed_and_0_inside() -> None:
    found = Seen(np.array([[-1.0], [0.0]]), np.array([[2.0], [0.5]]))
    assert found.beyond(0, 0, np.array([-3.0, -1.0, 0.0, 2.0, 2.5])).tolist() == [-2, 0, 0, 0, 0.5]
    assert found.beyond(1, 0, np.array([0.75, -0.25])).tolist() == [0.25, -0.25]
