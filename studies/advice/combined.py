"""Several predictors together: ridge regression of the effect, fitted without the group that is judged."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.impute import SimpleImputer
from sklearn.linear_model import RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from studies.advice.cases import Case
from studies.advice.judged import Seen, groups
from studies.advice.records import RACES

PARTS = ("failures", "coverage", "given-rul", "rho-joint", "rho-held", "label-gap")
PENALTIES = tuple(10.0**power for power in range(-2, 4))


def combined(observed: Sequence[Seen]) -> dict[tuple[Case, int], float]:
    """Score by case and draw, larger where it says that the second task helps; of draws with looks and a whole race."""
    whole = [one for one in observed if RACES in one.races and all(name in one.scores for name in PARTS)]
    found: dict[tuple[Case, int], float] = {}
    for group in groups(whole):
        kept = [one for one in whole if one.case.world.group != group]
        mine = [one for one in whole if one.case.world.group == group]
        if len(kept) < 2:
            continue
        model = make_pipeline(SimpleImputer(keep_empty_features=True), StandardScaler(), RidgeCV(PENALTIES))
        model.fit(_features(kept), [one.verdict.effect.mean for one in kept])
        said = model.predict(_features(mine))
        found |= {(one.case, one.draw): -float(value) for one, value in zip(mine, said, strict=True)}
    return found


def _features(observed: Sequence[Seen]) -> NDArray[np.float64]:
    """A row a case and draw: the parts, the weight and the race."""
    return np.array(
        [
            [*(one.scores[name] for name in PARTS), np.log(one.case.way.weight), one.races[RACES].mean]
            for one in observed
        ]
    )
