"""What late and early predictions cost: every price against scipy, from the predictions of the records themselves."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from grace.report.cost import LEAST, PRICES, TIED, UNPAIRED, WORSE, Cost, costs
from grace.report.read import read_results
from grace.training.record import Record
from tests.report.records import SEEDS, record

RESULTS = Path(__file__).parents[2] / "results"


@pytest.fixture(scope="module")
def records() -> tuple[Record, ...]:
    return read_results(RESULTS).records


def bill(run: Record, price: float, capped: bool) -> float:
    """The cost of a run: its engines' one by one, a mean."""
    total = 0.0
    for predicted, true in zip(run.predictions["rul"], run.predictions["true"], strict=True):
        error = predicted - (min(true, run.spec["conventions"]["cap"]) if capped else true)
        total += price * error if error > 0 else -error
    return total / len(run.predictions["rul"])


@pytest.mark.parametrize("capped", [True, False])
@pytest.mark.parametrize("place", [0, 25, 33, 50, 75, 100])
def test_every_price_is_what_scipy_says(records: tuple[Record, ...], capped: bool, place: int) -> None:
    found = costs(records, capped)
    p, standing = {}, {}
    for dataset in ("FD001", "FD002", "FD003", "FD004"):
        methods = [method for name, method in found if name == dataset]
        of = {(r.spec["method"], r.spec["seed"]): r for r in records if r.spec["dataset"] == dataset}
        values = np.array([[bill(of[m, seed], PRICES[place], capped) for seed in SEEDS] for m in methods])
        best = int(values.mean(axis=1).argmin())
        for method, row in zip(methods, values, strict=True):
            cost = found[dataset, method]
            assert cost.early + PRICES[place] * cost.late == pytest.approx(row.mean())
            test = stats.ttest_rel(row, values[best])
            assert cost.difference(place) == pytest.approx((row - values[best]).mean(), abs=1e-9)
            if method != methods[best]:
                low, high = test.confidence_interval(0.95)
                assert cost.half[place] == pytest.approx((high - low) / 2)
                p[dataset, method] = float(test.pvalue)
        standing[dataset, methods[best]] = LEAST
    adjusted = stats.false_discovery_control(list(p.values()))
    standing |= {name: TIED if value > 0.05 else WORSE for name, value in zip(p, adjusted, strict=True)}
    assert {name: cost.standing[place] for name, cost in found.items()} == standing


def test_at_every_price_one_is_the_least(records: tuple[Record, ...]) -> None:
    found = costs(records)
    for dataset in {name for name, _ in found}:
        here = {method: cost for (name, method), cost in found.items() if name == dataset}
        for place, price in enumerate(PRICES):
            least = min(here, key=lambda method: here[method].early + price * here[method].late)
            assert [method for method, cost in here.items() if cost.standing[place] == LEAST] == [least]
            assert all(cost.difference(place) >= -1e-9 for cost in here.values())


def test_the_prices_are_round_and_their_ratios_alike() -> None:
    assert len(PRICES) == 101
    assert (PRICES[0], PRICES[25], PRICES[50], PRICES[100]) == (0.1, 1, 10, 1000)
    assert all(1.04 < ratio < 1.16 for ratio in PRICES[1:] / PRICES[:-1])


def off(method: str, seed: int, *errors: float) -> Record:
    """A run whose engines of 20, 125 (130 capped) and 60 cycles are mispredicted by these."""
    true = [20, 130, 60]
    rul = [min(t, 125) + error for t, error in zip(true, errors, strict=True)]
    return record("A", method, seed, 10.0, predictions={"engine": [1, 2, 3], "true": true, "rul": rul})


def at(found: dict[tuple[str, str], Cost], method: str, price: float) -> tuple[float, float, str]:
    cost, place = found["A", method], PRICES.tolist().index(price)
    return cost.difference(place), cost.half[place], cost.standing[place]


def test_by_hand() -> None:
    seeds = SEEDS[:3]
    runs = [off("baseline", seed, 3, -6, 0) for seed in seeds]  # 1 cycle late and 2 early an engine
    runs += [off("grace", seed, 0, -12, late) for seed, late in zip(seeds, (0, 0.3, -0.3), strict=True)]  # 0.1 and 4.1
    runs.append(off("dwa", seeds[0], 30, 30, 30))  # one seed: no interval
    runs.append(off("gaba", 7, 0, 0, 3))  # no seed in common with any
    found = costs(runs)
    assert (found["A", "baseline"].early, found["A", "baseline"].late) == (2, 1)
    assert found["A", "grace"].early == pytest.approx(4 + 0.1 / 3)
    assert found["A", "grace"].late == pytest.approx(0.1 / 3)
    without = costs([run for run in runs if run.spec["method"] != "gaba"])
    # at 1: grace costs 4, 4.1 and 4.1, 3 for baseline
    assert at(without, "baseline", 1) == (0, 0, LEAST)
    difference, half, standing = at(without, "grace", 1)
    assert difference == pytest.approx(np.mean([1, 1.1, 1.1]))
    assert half == pytest.approx(4.302653 * np.std([1, 1.1, 1.1], ddof=1) / 3**0.5)
    assert standing == WORSE
    assert at(without, "dwa", 1)[0] == pytest.approx(27)
    assert at(without, "dwa", 1)[2] == UNPAIRED
    # at 10 the late cycles decide: baseline 12, grace 4, 5 and 4.1
    assert at(without, "grace", 10) == (0, 0, LEAST)
    assert at(without, "baseline", 10)[0] == pytest.approx(12 - 13.1 / 3)
    assert at(found, "gaba", 1)[2] == LEAST
    assert np.isnan(at(found, "baseline", 1)[0])
    assert at(found, "baseline", 1)[2] == UNPAIRED


def test_labels_that_are_not_capped() -> None:
    (cost,) = costs([off("grace", 1, 0, 0, 0)], capped=False).values()
    assert (cost.early, cost.late) == (pytest.approx(5 / 3), 0)


def test_what_holds_no_predictions_is_left_out() -> None:
    done = off("grace", 1, 1, 2, 3)
    source = replace(done, spec=done.spec | {"protocol": "source", "method": "dwa"})
    nothing = replace(done, spec=done.spec | {"method": "gaba"}, predictions={})
    unknown = replace(done, spec=done.spec | {"method": "amnl"}, predictions=done.predictions | {"true": [None] * 3})
    some = replace(
        done, spec=done.spec | {"method": "baseline"}, predictions=done.predictions | {"true": [20, None, 60]}
    )
    found = costs([done, source, nothing, unknown, some])
    assert {method for _, method in found} == {"grace", "baseline"}
    assert found["A", "baseline"].late == 2
    assert costs([]) == {}


def test_of_equal_methods_the_first_in_the_lists_is_the_least() -> None:
    runs = [off(name, seed, seed / 1000, 1, 2) for name in ("grace", "baseline") for seed in SEEDS]
    assert {m: c.standing for (_, m), c in costs(runs).items()} == {"baseline": LEAST * 101, "grace": TIED * 101}
