"""Advice on files and frames: they are read as training engines are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

import grace.advice.advise
from grace.data.conventions import Conventions
from grace.data.fleet import Fleet
from grace.data.tables.columns import Columns
from grace.data.tasks import Task
from tests.data.test_load import TRAINED
from tests.data.test_ncmapss import write_layout


@pytest.fixture
def advised(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Fleet, Conventions]]:
    """What advice is asked on, in place of advice."""
    asked: list[tuple[Fleet, Conventions]] = []

    def keep(fleet: Fleet, conventions: Conventions, **given: Any) -> None:
        asked.append((fleet, conventions))

    monkeypatch.setattr(grace.advice.advise, "advise_fleet", keep)
    return asked


def test_targets_and_tasks_are_those_of_the_table(tmp_path: Path, advised: list[tuple[Fleet, Conventions]]) -> None:
    path = tmp_path / "fleet.csv"
    TRAINED.write_csv(path)
    said = Conventions(features=("x",), table=Columns("id", "t", target="rul"), tasks=(Task("grade", "grade"),))
    problems: tuple[pl.DataFrame | Path, ...] = (TRAINED, path)
    for problem in problems:
        grace.advise(problem, conventions=said)
        fleet, conventions = advised.pop()
        assert (fleet.last_rul.tolist(), fleet.failures.tolist()) == ([5, 0, 0], [0, 2])
        assert (conventions.tasks[0].kind, conventions.tasks[0].classes) == ("class", ("a", "b"))


def test_of_ncmapss_it_is_the_training_side(tmp_path: Path, advised: list[tuple[Fleet, Conventions]]) -> None:
    write_layout(tmp_path / "DS02.h5")
    grace.advise(
        tmp_path / "DS02.h5", conventions=Conventions(features=("x0",), table=Columns("unit", "cycle", target="RUL"))
    )
    assert advised[0][0].engines.tolist() == [2, 5]
