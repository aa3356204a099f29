"""How fleets are cut: what stays, what goes, and that draws are functions of their seed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grace import Simulation, simulate
from grace.data.fleet import Fleet
from grace.errors import GraceError
from studies.cuts import HELD, LOST, held_out, suspended


def fleet_of(lengths: list[int], timed: bool = False) -> Fleet:
    """Engines that failed, of so many rows; timed ones have rows 2 hours apart, from hour 5 on."""
    engine = np.repeat(np.arange(1, len(lengths) + 1), lengths)
    row = np.concatenate([np.arange(n) for n in lengths])
    found = Fleet.of_rows("fleet", engine, np.column_stack([engine, row]).astype(float), ("engine", "row"))
    found = replace(found, labels={"health": row % 3.0})
    if not timed:
        return found
    time = 5.0 + 2 * row
    rul = time[found.starts[1:] - 1][found.engine_of_row()] - time
    return replace(found, time=time, row_rul=rul, last_time=time[found.starts[1:] - 1])


@settings(max_examples=60, deadline=None)
@given(
    lengths=st.lists(st.integers(2, 60), min_size=2, max_size=20),
    share=st.floats(0, 1),
    seed=st.integers(0, 99),
    timed=st.booleans(),
)
def test_what_is_suspended(lengths: list[int], share: float, seed: int, timed: bool) -> None:
    whole = fleet_of(lengths, timed)
    known = 1 + int(share * (len(lengths) // 2 - 1))
    found = suspended(whole, known, seed)
    assert found.failed is not None
    assert found.failed.sum() == known
    assert found.engines.tolist() == whole.engines.tolist()
    step = 2 if timed else 1
    for e, (before, after) in enumerate(zip(whole.lengths, found.lengths, strict=True)):
        rows = np.arange(found.starts[e], found.starts[e + 1])
        first = whole.starts[e]
        assert (found.values[rows] == np.asarray(whole.values)[first : first + after]).all()
        assert (found.labels["health"][rows] == whole.labels["health"][first : first + after]).all()
        if found.failed[e]:
            assert after == before
            assert (found.rul_at(rows) == whole.rul_at(np.arange(first, first + before))).all()
        else:
            lost = (before - after) / max(before - 1, 1)
            assert 1 <= after < before
            assert lost < LOST[1] + 1 / max(before - 1, 1)  # the row that the end of its life falls into goes too
            assert lost >= LOST[0] or before - after == 1
            assert found.rul_at(rows).tolist() == [step * left for left in range(after)][::-1]
    if timed:
        assert found.time is not None
        assert found.last_time is not None
        assert found.last_time.tolist() == [found.time[stop - 1] for stop in found.starts[1:]]


def test_draws_are_functions_of_the_seed() -> None:
    whole = fleet_of([40] * 30)
    digests = [suspended(whole, 8, seed).digest() for seed in (0, 0, 1)]
    assert digests[0] == digests[1] != digests[2]
    held = [held_out(whole, seed)[1].engines.tolist() for seed in (0, 0, 1)]
    assert held[0] == held[1] != held[2]


def test_lives_lost_are_uniform() -> None:
    whole = fleet_of([1001] * 400)
    lost = 1 - suspended(whole, 100, 3).lengths / 1001
    lost = lost[lost > 0]
    assert len(lost) == 300
    assert LOST[0] - 0.001 <= lost.min() < 0.08
    assert 0.57 < lost.max() <= LOST[1] + 0.001
    assert abs(lost.mean() - np.mean(LOST)) < 4 * (LOST[1] - LOST[0]) / np.sqrt(12 * 300)  # four standard errors


def test_a_few_are_held_out_first() -> None:
    whole = replace(fleet_of([9] * 40), failed=np.arange(40) < 20)
    rest, held = held_out(whole, 0)
    assert held.failed is not None
    assert held.failed.all()
    assert len(held.engines) == HELD * 20
    assert len(rest.engines) == 40 - 6
    assert not set(rest.engines) & set(held.engines)
    assert len(suspended(rest, 7, 0).failures) == 7


@settings(max_examples=40, deadline=None)
@given(sizes=st.lists(st.integers(1, 5), min_size=2, max_size=9), seed=st.integers(0, 99))
def test_groups_stay_whole(sizes: list[int], seed: int) -> None:
    groups = np.repeat(np.arange(len(sizes)), sizes)
    rest, held = held_out(fleet_of([3] * len(groups)), seed, groups)
    sides = [set(groups[side.engines - 1]) for side in (rest, held)]
    assert all(sides)
    assert not sides[0] & sides[1]
    assert len(rest.engines) + len(held.engines) == len(groups)


def test_empty_cells_say_so() -> None:
    with pytest.raises(
        GraceError, match=r"from 1 to half of the 9 engines of fleet that failed. Found 5. Leave this cell empty"
    ):
        suspended(fleet_of([9] * 9), 5, 0)
    with pytest.raises(GraceError, match=r"failures in at least two groups. Found 1"):
        held_out(fleet_of([9] * 4), 0, np.zeros(4, dtype=np.int64))


def product_limit_mean(fleet: Fleet, until: int) -> float:
    """Area under the product-limit (Kaplan-Meier) survival of lives, up to ``until`` rows."""
    life, failed = fleet.lengths, np.ones(len(fleet.lengths), dtype=bool) if fleet.failed is None else fleet.failed
    times = np.unique(life[failed])
    factors = [1 - (failed & (life == time)).sum() / (life >= time).sum() for time in times]
    edges, survival = np.append(np.minimum(np.append(0, times), until), until), np.append(1, np.cumprod(factors))
    return float((np.diff(edges) * survival).sum())


def test_suspension_by_these_cuts_is_no_chance_of_its_own() -> None:
    """Every suspended engine ends before it fails, so that a likelihood makes lives too long: docs/training.md."""
    whole = simulate(Simulation(engines=60, conditions=1))[0]
    longest = int(whole.lengths.max())
    assert product_limit_mean(whole, longest) == pytest.approx(whole.lengths.mean())
    for known, said in ((8, 33), (25, 12)):
        found = [product_limit_mean(suspended(whole, known, draw), longest) for draw in range(5)]
        assert round(100 * (np.mean(found) / whole.lengths.mean() - 1)) == said
        page = " ".join((Path(__file__).parents[2] / "docs" / "training.md").read_text().split())
        assert f"{said} % too long with {known} failures" in page
