"""The page's sentences, word by word, from small records and rows worked by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from grace.alignment.decide import Evidence
from grace.bench.summary import Row
from grace.core.stats import Estimate
from grace.report.estimates import Point
from grace.report.marks import Mark
from grace.report.read import Diagnosed, Results
from grace.report.words import alone_words, inline, scope, summary
from tests.report.records import record, sweep

LOWER, HIGHER, UNCLEAR = (Estimate(mean, mean - 0.2, mean + 0.2, 5, 0.01) for mean in (-0.5, 0.75, 0.1))


def row(method: str, mean: float, difference: Estimate | None, adjusted: float = 0.01, looked_at: int = 3) -> Row:
    value = Estimate(mean, mean - 1, mean + 1, 5)
    return Row("A", method, value, 0.8, math.nan, difference, adjusted, looked_at, 1, 1, 1)


def point(
    method: str,
    rmse: Row,
    lowest: Estimate | None = None,
    loss: str = "plain MSE",
    alone: Row | None = None,
    left: float = 0.4,
) -> Point:
    score = replace(rmse, difference=None)
    to_lowest = replace(rmse, difference=lowest, adjusted=left)
    return Point("A", "honest", method, rmse, score, loss, alone, False, to_lowest)


POINTS = [
    point("baseline", row("baseline", 12.0, None), HIGHER, left=0.01),
    point("dwa", row("dwa", 11.5, LOWER)),
    point("gaba", row("gaba", 12.75, HIGHER, adjusted=0.2), HIGHER),
    point("amnl", row("amnl", 12.1, UNCLEAR, adjusted=0.4), UNCLEAR),
]
RUNS = Results(tuple(sweep("A", {p.method: (12.0,) for p in POINTS} | {"grace": (12.0,)})))


def test_scope_counts_what_there_is() -> None:
    runs = sweep("A", {"baseline": (12.0, 12.1), "grace": (11.0,)})
    assert scope(runs).startswith("3 runs: 2 methods, 1 data set, 2 seeds. Unless another view is chosen: ")
    assert scope([record("A", "grace", seed, 9.0) for seed in range(1200)]).startswith("1,200 runs: 1 method, ")
    runs[0].spec["size"] = "statistics"
    assert scope(runs[:1]).startswith("1 run of the network statistics: 1 method")


def test_summary_names_what_leaves_its_noise_and_what_remains() -> None:
    rmse, best = summary(RUNS, POINTS)  # no score has a difference here, and what says nothing is left out
    assert rmse == (
        "1 of 3 comparisons show the RMSE below Baseline's beyond noise. Of 3 paired differences 2 leave their noise, where "
        "chance alone would make 0.2; 1 remain after Benjamini-Hochberg at 5 % (3 looked at): DWA on A (0.50 lower, "
        "remains), GABA on A (0.75 higher, does not remain)."
    )
    assert best == (
        "Lowest mean RMSE (3 differences to it looked at): on A DWA (11.50 cycles, 2 of 3 others measurably different, 1 after "
        "Benjamini-Hochberg)."
    )


def test_summary_where_nothing_is_lower() -> None:
    found = summary(RUNS, [POINTS[0], POINTS[3]])
    assert found[0].startswith(
        "No method lowers the RMSE below Baseline's beyond noise. Of 1 paired difference 0 leave "
    )
    assert found[0].endswith("0 remain after Benjamini-Hochberg at 5 % (3 looked at, with those under another loss).")


def test_views_other_than_the_honest_one_are_not_summed_up() -> None:
    other = [replace(found, view="source") for found in POINTS]
    assert summary(RUNS, [*POINTS, *other]) == summary(RUNS, POINTS)
    assert summary(RUNS, other) == []


def test_the_error_over_engines_stands_beside_the_lowest_mean() -> None:
    alone = replace(
        POINTS[1], rmse=replace(POINTS[1].rmse, engines=1.234), lowest=replace(POINTS[1].lowest, looked_at=0)
    )
    assert summary(RUNS, [alone]) == [
        "Lowest mean RMSE (0 differences to it looked at): on A DWA (11.50 cycles, SE over engines 1.23)."
    ]


def test_summary_against_rul_alone_goes_by_loss() -> None:
    alone = point("gaba", row("gaba", 12.0, None), alone=row("gaba", 12.0, LOWER, looked_at=1))
    weighted = point(
        "grace", row("grace", 12.0, None), UNCLEAR, "weighted MSE", row("grace", 12.0, HIGHER, looked_at=1)
    )
    plain, other = summary(RUNS, [alone, weighted])[:2]
    assert plain.startswith("1 of 1 comparison show the RMSE below RUL alone under plain MSE's beyond noise.")
    assert other.startswith("No method lowers the RMSE below RUL alone under weighted MSE's beyond noise.")


def test_what_the_diagnoses_say() -> None:
    def diagnosed(dataset: str, rho: float, half: float, recipe: str = "joint") -> Diagnosed:
        return Diagnosed(dataset, Evidence(rho, rho - half, rho + half, 1.0, 0.1, 1, recipe=recipe), 10, True)

    found = Results(
        RUNS.records, (diagnosed("A", 0.5, 0.1), diagnosed("B", 0.2, 0.1), diagnosed("C", -0.5, 0.1, "init"))
    )
    assert summary(found, [])[-1] == (
        "rho before training (recipe joint): A +0.50 [+0.40, +0.60], B +0.20 [+0.10, +0.30]. On 1 of 2 the whole interval is "
        "above +0.18: the labels follow RUL, which is not to say that sharing pays."
    )
    here, other = found.diagnoses[:2], tuple(replace(d, elsewhere="Measured elsewhere.") for d in found.diagnoses[:2])
    words = summary(replace(found, diagnoses=other), [])[-1]
    assert "On 2 of 2 the whole interval is above +0.00: the labels follow RUL" in words
    assert words.endswith("that sharing pays. Measured elsewhere.")
    words = summary(replace(found, diagnoses=(other[0], here[1])), [])[-1]
    assert "On 1 of 2 the whole interval is above +0.00 or +0.18" in words


def test_which_rul_alone_each_method_is_compared_with() -> None:
    known = Mark.every(["gaba", "grace", "dwa", "rul-only"])
    compared = point("gaba", row("gaba", 12.0, None), alone=row("gaba", 12.0, LOWER))
    lost = point("grace", row("grace", 12.0, None), loss="weighted MSE")
    unnamed = point("dwa", row("dwa", 12.0, None), loss="")
    reference = point("rul-only", row("rul-only", 12.0, None))
    without = "Not compared, as the records hold no RUL alone under"
    assert alone_words([compared, lost, unnamed, reference], known) == [
        "Against RUL alone under plain MSE: GABA.",
        f"{without} weighted MSE with a seed in common: GRACE.",
        f"{without} the same loss with a seed in common: DWA.",
    ]
    assert alone_words([reference], known) == ["The records hold no method that shares."]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("FD001", "FD001"),
        ("a\u202eb", "\u2068a\u202eb\u2069"),
        ("a\u2069b", "\u2068ab\u2069"),  # cannot end the isolation that holds it
        ("tab\there", "\u2068tab\there\u2069"),
    ],
)
def test_names_inside_sentences_are_isolated_where_they_could_turn_them(name: str, shown: str) -> None:
    assert inline(name) == shown
