"""The hierarchical model: its likelihood against that of the data without their means, and what it finds in drawn effects."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import linalg, stats

from studies.advice.levels import restricted_likelihood


def shared(size: int, times: int) -> np.ndarray:
    return np.kron(np.eye(size // times), np.ones((times, times)))


def test_the_restricted_likelihood_is_that_of_contrasts() -> None:
    """Of error contrasts A y with A X = 0, whose density is normal with covariance A V A' (Harville 1974), but for a constant."""
    rng = np.random.default_rng(0)
    n, levels = 12, [shared(12, 4), shared(12, 2), np.eye(12)]
    fixed, noise = rng.standard_normal((n, 2)), rng.uniform(0.1, 0.3, n)
    effect = rng.standard_normal(n)
    contrasts = linalg.null_space(fixed.T).T

    def by_contrasts(variances: np.ndarray) -> float:
        v = np.diag(noise) + sum(s * z for s, z in zip(variances, levels, strict=True))
        return float(stats.multivariate_normal.logpdf(contrasts @ effect, cov=contrasts @ v @ contrasts.T))

    one, other = np.array([0.3, 0.1, 0.2]), np.array([0.01, 0.5, 0.05])
    found = [restricted_likelihood(variances, levels, noise, fixed, effect) for variances in (one, other)]
    assert found[0] - found[1] == pytest.approx(by_contrasts(one) - by_contrasts(other))
