"""The silhouette that chooses the number of conditions, against scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import silhouette_score

from grace.data.conditions import _distances, silhouette


@pytest.mark.parametrize("seed", range(5))
def test_silhouette_equals_scikit_learns(seed: int) -> None:
    rng = np.random.default_rng(seed)
    points, label = rng.normal(size=(200, 3)), rng.integers(0, 5, 200)
    label[0] = 5  # a point that is alone
    assert silhouette(_distances(points), label) == pytest.approx(silhouette_score(points, label), abs=1e-12)


def test_by_hand_and_of_one_cluster() -> None:
    points, label = np.array([[0.0], [1.0], [10.0]]), np.array([0, 0, 1])
    # a = 1, b = 10 and 9 for the pair; 0 for the point alone
    assert silhouette(_distances(points), label) == pytest.approx((9 / 10 + 8 / 9 + 0) / 3)
    assert silhouette(_distances(points), np.zeros(3, dtype=np.int64)) == 0
