r"""A discrete hazard over time: what the RUL head emits where RUL is learned from failures and from engines that still run.

``[0, cap]`` is cut into ``K`` equal intervals. The head emits ``K`` logits; ``h_k``, their sigmoid, is the probability to fail
in interval ``k`` if it is reached, and survival at its end is :math:`S_{k+1} = \prod_{j \le k} (1 - h_j)`, with ``S_0 = 1``
and ``S_K`` the probability of the cap or more. Within an interval survival is linear: failures are uniform there (Brown 1975;
Tutz and Schmid, Modeling Discrete Time-to-Event Data, 2016; as a network's loss Gensheimer and Narasimhan, PeerJ 7:e6257, 2019).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import pad, softplus

INTERVALS = 32
"""``K``: 4 cycles each at a cap of 125."""


def start(intervals: int) -> Tensor:
    """Logits ``[K]`` by which failure in each interval and none before the cap are equally likely, ``h_k = 1 / (K + 1 - k)``."""
    return -torch.arange(intervals, 0, -1, dtype=torch.get_default_dtype()).log()


def survival(hazards: Tensor) -> Tensor:
    """Survival at the edges of the intervals, ``[..., K] -> [..., K + 1]``; 1 at the first, 0."""
    return _log_survival(hazards).exp()


def restricted_mean(hazards: Tensor, cap: float) -> Tensor:
    r""":math:`E[\min(T, cap)]`, the area under the survival curve, ``[..., K] -> [...]``, cycles.

    A squared loss on RUL that is capped has the same aim.
    """
    curve = survival(hazards)
    return (curve[..., 1:] + curve[..., :-1]).mean(-1) * (cap / 2)


def surprise(hazards: Tensor, rul: Tensor, cap: float, suspended: Tensor | None = None) -> Tensor:
    r"""Negative log likelihood of each window, nats ``[...]``, of logits ``[..., K]`` and RUL ``[...]``, cycles.

    With ``k`` the interval that RUL lies in, and ``s`` the share of it that lies before:

    .. math::
        -\log S_k h_k \text{ (failed)}, \quad -\log S_k (1 - s h_k) \text{ (suspended)}, \quad
        -\log S_K \text{ (at the cap or above)}

    Args:
        hazards: Logits.
        rul: RUL, or of a suspended window what its engine ran after it; not negative.
        cap: End of the last interval, cycles.
        suspended: Which windows are of suspended engines, bool ``[...]``; None: none is.
    """
    count = hazards.shape[-1]
    place = (rul / cap).clamp(max=1) * count
    k = place.floor().clamp(max=count - 1)
    index = k.long()[..., None]
    logit = hazards.gather(-1, index)[..., 0]
    before = _log_survival(hazards)
    reached = before.gather(-1, index)[..., 0]
    found = reached - softplus(-logit)
    if suspended is not None:
        share = place - k
        beyond = torch.logaddexp(torch.log1p(-share), share.log() - softplus(logit))  # of 1 - s h = (1 - s) + s (1 - h)
        found = torch.where(suspended, reached + beyond, found)
    return -torch.where(rul >= cap, before[..., -1], found)


def _log_survival(hazards: Tensor) -> Tensor:
    """Logarithm of :func:`survival`; from logits, so that no product of many small factors is taken."""
    return pad(-softplus(hazards).cumsum(-1), (1, 0))
