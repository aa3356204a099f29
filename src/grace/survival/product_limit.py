r"""The product-limit estimator of a survival curve (Kaplan & Meier, J. Am. Stat. Assoc. 53, 1958).

Of ``Y(t)`` at risk at a time ``t``, those not left before it, ``d(t)`` fail:

.. math:: \hat S(t) = \prod_{s \le t} \left(1 - \frac{d(s)}{Y(s)}\right)

A unit that was seen only from an age on is at risk after that age (left truncation). Beyond the last time the last value stays.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
ROUNDING = 1e-12
"""A share of those at risk that comes as close to 1 is 1: sums of weights end in rounded digits."""


@dataclass(frozen=True, eq=False)
class ProductLimit:
    """A survival curve in steps.

    Attributes:
        times: Times at which units leave, ascending, float64 ``[K]``.
        at_risk: Weight of the units at risk at each, float64 ``[K]``.
        fail: Share of it that fails, in ``[0, 1]``, float64 ``[K]``.
    """

    times: Values
    at_risk: Values
    fail: Values

    @classmethod
    def of(
        cls, time: Values, event: NDArray[np.bool_], weights: Values | None = None, entry: Values | None = None
    ) -> ProductLimit:
        """Of failures.

        Args:
            time: When each unit failed or was suspended, ``[N]``.
            event: Whether it failed, ``[N]``; one that was suspended at a time of failures was at risk for them.
            weights: Of the units, ``[N]``; None: 1 each.
            entry: Time after which each was at risk, ``[N]``; None: always. A unit that leaves when it enters never was.
        """
        weights = np.ones(len(time)) if weights is None else weights
        times, at_risk, (failed,) = _counts(time, weights, entry, event)
        return cls(times, at_risk, _share(failed, at_risk))

    @classmethod
    def of_censoring(cls, time: Values, event: NDArray[np.bool_], weights: Values | None = None) -> ProductLimit:
        """Of suspensions, arguments as of :meth:`of`: a unit that failed at a time of suspensions was not at risk for them."""
        weights = np.ones(len(time)) if weights is None else weights
        times, at_risk, (failed, suspended) = _counts(time, weights, None, event, ~event)
        return cls(times, at_risk - failed, _share(suspended, at_risk - failed))

    def survival(self, times: Values, since: Values | float = -np.inf) -> Values:
        """Probability to live on after some times where that was so at the times ``since``, broadcast together."""
        ends = self.fail >= 1
        logs = np.concatenate([[0.0], np.cumsum(np.log1p(-np.where(ends, 0.0, self.fail)))])
        ended = np.concatenate([[0], np.cumsum(ends)])
        last, first = (np.searchsorted(self.times, at, side="right") for at in (times, since))
        return np.asarray(np.exp(logs[last] - logs[first]) * (ended[last] == ended[first]))


def _counts(
    time: Values, weights: Values, entry: Values | None, *events: NDArray[np.bool_]
) -> tuple[Values, Any, list[Any]]:
    """Distinct times ``[K]``, the weight at risk at each, and that of each kind of event."""
    times, place = np.unique(time, return_inverse=True)
    leave = np.bincount(place, weights, len(times))
    at_risk = np.cumsum(leave[::-1])[::-1]
    if entry is not None:
        order = np.argsort(entry)
        later = np.concatenate([np.cumsum(weights[order][::-1])[::-1], [0.0]])
        at_risk = at_risk - later[np.searchsorted(entry[order], times, side="left")]
        events = tuple(event & (entry < time) for event in events)
    return times, at_risk, [np.bincount(place, weights * event, len(times)) for event in events]


def _share(part: Any, whole: Any) -> Values:
    """Part of a whole, 0 of none."""
    share = np.divide(part, whole, out=np.zeros(len(part)), where=part > 0)
    return np.where(share > 1 - ROUNDING, 1.0, share)
