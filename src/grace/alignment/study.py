"""What the validity study found, as data: how cases whose rho was alike came out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

from grace.alignment.decide import STUDY

FILE = "study.json"


@dataclass(frozen=True)
class Outcome:
    """What training showed in one case of the study (``grace validity``).

    Attributes:
        case: Its name.
        rho: What ``grace diagnose`` measured beforehand, mean over initialisations.
        effect: Change of the test RMSE by the second task under GRACE, against RUL alone with weighted MSE, per cent.
        verdict: ``helps`` or ``hurts`` where the interval over seeds leaves out 0, else ``unclear``.
        beaten: Whether some method that shares was measurably better than RUL alone with weighted MSE.
    """

    case: str
    rho: float
    effect: float
    verdict: str
    beaten: bool


@dataclass(frozen=True)
class Alike:
    """How the cases of one band of rho came out.

    Attributes:
        cases: Cases in the band.
        helped: Cases in which the second task measurably helped under GRACE.
        hurt: Cases in which it measurably hurt.
        effect: Median change of the RMSE, per cent.
        beaten: Cases of the whole study in which the advice was measurably not the best.
        studied: Cases of the whole study.
    """

    cases: int
    helped: int
    hurt: int
    effect: float
    beaten: int
    studied: int

    @property
    def words(self) -> str:
        """One sentence each on the advice and on the band."""
        return (
            f"In {self.studied - self.beaten} of the study's {self.studied} cases no method that shares was measurably better. "
            f"Of its {self.cases} cases with rho in this band the second task helped {self.helped} and hurt {self.hurt} "
            f"(GRACE against RUL alone, median {self.effect:+.1f} % RMSE)."
        )


@lru_cache(maxsize=1)
def outcomes() -> tuple[Outcome, ...]:
    """The cases of the study that this version was calibrated with."""
    text = files("grace.alignment").joinpath(FILE).read_text(encoding="utf-8")
    return tuple(Outcome(*row) for row in json.loads(text))


def alike(rho: float, edges: Sequence[float] = STUDY.edges()) -> Alike:
    """How the cases came out whose rho lies in the same band.

    Args:
        rho: Measured by the recipe ``joint``.
        edges: Edges of the bands.
    """
    every = outcomes()
    band = [case for case in every if _band(case.rho, edges) == _band(rho, edges)]
    effects = sorted(case.effect for case in band)
    verdicts = [case.verdict for case in band]
    return Alike(
        cases=len(band),
        helped=verdicts.count("helps"),
        hurt=verdicts.count("hurts"),
        effect=effects[len(effects) // 2] if effects else float("nan"),
        beaten=sum(case.beaten for case in every),
        studied=len(every),
    )


def _band(rho: float, edges: Sequence[float]) -> int:
    return sum(rho > edge for edge in edges)
