"""The change of the RMSE in each draw, how far it spreads, and how many draws that asks for. No mean is looked at here."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from studies.advice.cases import Case, all_cases, references

Rows = dict[str, dict[str, Any]]
"""Of one world: rows by way, and by draw and seed."""
LEAST, MOST = 16, 64
"""Draws of every case, and of those whose SD asks for more."""
SEEN = 0.02
"""Change of the RMSE that the study is to see."""
POWER = 8.0
"""Draws are so many times the square of SD over :data:`SEEN`: a power of 80 % at 5 %, two-sided."""


def by_draw(rows: dict[str, Any]) -> dict[int, float]:
    """Mean log RMSE of a way over the seeds of each draw."""
    found: dict[int, list[float]] = {}
    for key, row in rows.items():
        if row is not None and "rmse" in row:
            found.setdefault(int(key.split(".")[0]), []).append(math.log(row["rmse"]))
    return {draw: float(np.mean(values)) for draw, values in found.items()}


def changes(rows: Rows, case: Case) -> dict[int, float]:
    """Logarithm of the ratio of the RMSE, by draw, of the case to the way of RUL alone that is best on the other draws; of draws
    that hold all of these."""
    mine = by_draw(rows.get(case.way.name, {}))
    alone = [by_draw(rows.get(way.name, {})) for way in references(case.world)]
    draws = sorted(set(mine).intersection(*alone))
    found = {}
    for draw in draws:
        others = [other for other in draws if other != draw] or [draw]
        best = min(alone, key=lambda way: float(np.mean([way[other] for other in others])))
        found[draw] = mine[draw] - best[draw]
    return found


def draws_of(rows: Rows, case: Case) -> int:
    """How many draws a case is to have: by the SD of its first :data:`LEAST`, Stein's two stages."""
    first = [change for draw, change in changes(rows, case).items() if draw < LEAST]
    if len(first) < 2:
        return LEAST
    return int(np.clip(math.ceil(POWER * (np.std(first, ddof=1) / SEEN) ** 2), LEAST, MOST))


def summary(every: dict[str, Rows]) -> str:
    """Quantiles over cases of the SD, with the draws that they ask for, and the seconds of a training: what a pilot is for."""
    found = [list(changes(every.get(case.world.name, {}), case).values()) for case in all_cases()]
    spreads = [float(np.std(some, ddof=1)) for some in found if len(some) > 1]
    if not spreads:
        return "no case has two draws\n"
    seconds = [
        row["seconds"]
        for rows in every.values()
        for by in rows.values()
        for row in by.values()
        if row and "seconds" in row
    ]
    lines = [f"{len(spreads)} cases with two draws or more; {np.mean(seconds):.1f} s a training\n"]
    for share in (0.1, 0.25, 0.5, 0.75, 0.9):
        sd = float(np.quantile(spreads, share))
        draws = math.ceil(POWER * (sd / SEEN) ** 2)
        lines.append(f"SD of {100 * share:.0f} % of the cases at most {100 * sd:.1f} %: {draws} draws\n")
    return "".join(lines)
