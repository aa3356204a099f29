"""Paired differences of every method to every other one, in each view: what the page shows first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import permutations
from typing import Any

from grace.bench.summary import values_by_seed
from grace.core.stats import HIGHER, LOWER, RATE, UNCLEAR, Estimate, Family, paired
from grace.report.estimates import VIEWS, figures
from grace.training.record import DONE, Record

DIGITS = 4
"""Significant digits of a number: more than a chart can show."""
LETTER = {LOWER: "l", HIGHER: "h", UNCLEAR: "u"}
"""Verdicts, as the page keeps them."""
Pair = list[Any]
"""Of two methods and one figure, first minus second: mean, ends of the interval (None with one seed), seeds in common, and the
verdict of the first against the second as the reference, and of the second against the first."""
Differences = dict[str, dict[str, dict[str, dict[str, list[Pair]]]]]
"""By view, data set, first and second method, each two once: of RMSE and of the NASA score."""


def differences(records: Iterable[Record]) -> Differences:
    """Every two methods, paired by seed.

    The family that verdicts are adjusted for are the differences to one reference, of one figure and view, on all data sets, as
    in the table.
    """
    held = list(records)
    return {view: _in_view(held, view) for view in VIEWS}


def _in_view(records: list[Record], view: str) -> dict[str, dict[str, dict[str, list[Pair]]]]:
    protocol, *names = VIEWS[view]
    held = [record for record in records if record.status == DONE and figures(record, view)]
    found: dict[str, dict[str, dict[str, list[Pair]]]] = {}
    for values in (values_by_seed(held, name, protocol) for name in names):
        pairs = {
            (dataset, method, other): estimate
            for dataset, of in values.items()
            for method, other in permutations(of, 2)
            if (estimate := paired(of[method], of[other])) is not None
        }
        verdicts = _verdicts(pairs)
        for (dataset, first, second), estimate in pairs.items():
            if second not in found.get(dataset, {}) or first not in found[dataset][second]:
                said = [LETTER[verdicts[dataset, first, second]], LETTER[verdicts[dataset, second, first]]]
                of_first = found.setdefault(dataset, {}).setdefault(first, {})
                of_first.setdefault(second, []).append([*_numbers(estimate), *said])
    return found


def _verdicts(pairs: Mapping[tuple[str, str, str], Estimate]) -> dict[tuple[str, str, str], str]:
    """The verdict of each difference to its reference, the last of the three, where it remains after the adjustment."""
    found: dict[tuple[str, str, str], str] = {}
    for reference in dict.fromkeys(other for *_, other in pairs):
        mine = {key: estimate for key, estimate in pairs.items() if key[2] == reference}
        adjusted = Family.of(list(mine.values())).adjusted
        found |= {
            key: estimate.verdict if p <= RATE else UNCLEAR
            for (key, estimate), p in zip(mine.items(), adjusted, strict=True)
        }
    return found


def _numbers(estimate: Estimate) -> list[float | None]:
    """Mean, ends and seeds."""
    ends = [estimate.low, estimate.high] if estimate.n > 1 else [None, None]
    return [_short(estimate.mean), *(None if end is None else _short(end) for end in ends), estimate.n]


def _short(value: float) -> float:
    found = float(f"{value:.{DIGITS}g}")
    return int(found) if found.is_integer() else found
