"""The survival baselines by name."""

from __future__ import annotations

from grace.survival.baseline import Baseline
from grace.survival.by_age import KaplanMeier, Weibull
from grace.survival.by_statistics import Cox, Forest

BASELINES: dict[str, type[Baseline]] = {"kaplan-meier": KaplanMeier, "weibull": Weibull, "cox": Cox, "forest": Forest}
"""The first two read the age; the other two the statistics and the age, with scikit-survival (``grace-rul[survival]``)."""
