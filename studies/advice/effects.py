"""The change of the RMSE in each draw, how far it spreads, and how many draws that asks for."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from grace.validity.advice_study import UNRESOLVED
from studies.advice.cases import Case, Way, World, all_cases, references
from studies.advice.verdicts import Verdict

Rows = dict[str, dict[str, Any]]
"""Of one world: rows by way, and by draw and seed."""
LEAST, MOST = 16, 64
"""Draws of every case, and of those that are not resolved then and whose SD asks for more."""
PILOT = 1000
"""The first draw of the pilot, which has draws of its own."""
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
    """Logarithm of the ratio of the RMSE, by draw, of the case to RUL alone tuned as well: in the first :data:`LEAST` draws to
    the way that is best on the other ones of these, later to the one that was best in them. Draws that lack one are left out."""
    mine = by_draw(rows.get(case.way.name, {}))
    alone = {way: by_draw(rows.get(way.name, {})) for way in references(case.world)}
    first = sorted(draw for draw in set(mine).intersection(*alone.values()) if draw % PILOT < LEAST)
    found = {}
    for draw in first:
        others = [other for other in first if other != draw] or [draw]
        found[draw] = mine[draw] - alone[_best(alone, others)][draw]
    if first:
        best = alone[_best(alone, first)]
        found |= {draw: mine[draw] - best[draw] for draw in sorted(mine.keys() & best.keys()) if draw % PILOT >= LEAST}
    return found


def alike(rows: Rows, case: Case) -> dict[int, float]:
    """The same, to RUL alone with the trunk of the case and its word on suspended units, in the first :data:`LEAST` draws: what
    the second task itself does. Empty at ``compact``, at which RUL alone was not trained."""
    mine = by_draw(rows.get(case.way.name, {}))
    kind = (case.way.size, case.way.suspended)
    same = [way for way in references(case.world) if (way.size, way.suspended) == kind]
    alone = by_draw(rows.get(same[0].name, {})) if same else {}
    return {draw: mine[draw] - alone[draw] for draw in sorted(mine.keys() & alone.keys()) if draw % PILOT < LEAST}


def tuned(rows: Rows, world: World) -> list[Way]:
    """The way of RUL alone that was best in the first :data:`LEAST` draws of a world; all of them where none has all."""
    alone = {way: by_draw(rows.get(way.name, {})) for way in references(world)}
    first = [draw for draw in set[int].intersection(*map(set, alone.values())) if draw < LEAST]
    return [_best(alone, first)] if first else references(world)


def _best(alone: Mapping[Way, Mapping[int, float]], draws: Sequence[int]) -> Way:
    return min(alone, key=lambda way: float(np.mean([alone[way][draw] for draw in draws])))


def draws_of(rows: Rows, case: Case) -> int:
    """How many draws a case is to have: the first :data:`LEAST`, and where these leave it unresolved as many as their SD asks
    for, in two stages as Stein (1945) has it."""
    first = [change for draw, change in changes(rows, case).items() if draw < LEAST]
    if len(first) < 2 or Verdict.of(first).word != UNRESOLVED:
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
