"""The hierarchical model of effects: groups, fleets in them, worlds of these, and cases in a world, each with its own variance.

    effect = kind of label and suspended + u_group + u_fleet + u_world + u_case + noise,

the noise with the variance that is known of each case. Fitted by restricted maximum likelihood (Patterson and Thompson,
Biometrika 58, 1971).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from studies.advice.judged import Seen
from studies.advice.kinds import kind

NAMES = ("group", "fleet", "world", "case")
Matrix = NDArray[np.float64]


def levels(observed: Sequence[Seen]) -> dict[str, float]:
    """Standard deviation of each level of :data:`NAMES`, as a logarithm of RMSE."""
    cases = {one.case: one for one in observed}
    if len(cases) < 3:
        return {}
    effect = np.array([one.verdict.effect.mean for one in cases.values()])
    noise = np.array([one.error**2 for one in cases.values()])
    keys: list[list[object]] = [[case.world.group for case in cases], [case.world.fleet for case in cases],
                                [case.world for case in cases], list(cases)]  # fmt: skip
    shared = [_same(names) for names in keys]
    fixed = _same([kind(case.way) for case in cases], columns=True)

    def criterion(log: Matrix) -> float:
        return -restricted_likelihood(np.exp(log), shared, noise, fixed, effect)

    start = np.full(len(NAMES), np.log(max(effect.var() / len(NAMES), 1e-6)))
    found = minimize(criterion, start, method="L-BFGS-B", bounds=[(-18.0, 2.0)] * len(NAMES))
    return dict(zip(NAMES, np.sqrt(np.exp(found.x)).tolist(), strict=True))


def restricted_likelihood(
    variances: Matrix, shared: Sequence[Matrix], noise: Matrix, fixed: Matrix, effect: Matrix
) -> float:
    r"""Log restricted likelihood of ``n`` effects, but for a constant:
    :math:`-\frac12 (\log|V| + \log|X^T V^{-1} X| + r^T V^{-1} r)` with :math:`V = \sum_l s_l Z_l + \mathrm{diag}(noise)`.

    Args:
        variances: Of each level, ``[L]``.
        shared: For each level whether two effects share it, ``[n, n]``.
        noise: Known variance of each effect, ``[n]``.
        fixed: Design of the means, ``[n, k]``.
        effect: ``[n]``.
    """
    v = np.diag(noise) + sum(s * z for s, z in zip(variances, shared, strict=True))
    inverse = np.linalg.inv(v)
    gram = fixed.T @ inverse @ fixed
    mean = np.linalg.solve(gram, fixed.T @ inverse @ effect)
    left = effect - fixed @ mean
    return float(-0.5 * (np.linalg.slogdet(v)[1] + np.linalg.slogdet(gram)[1] + left @ inverse @ left))


def _same(keys: Sequence[object], columns: bool = False) -> Matrix:
    """Whether two share a key, ``[n, n]``; or a column a key, ``[n, k]``."""
    names = list(dict.fromkeys(keys))
    found = np.array([[key == name for name in names] for key in keys], float)
    return found if columns else found @ found.T
