"""A run with a doubt that has a remedy is made again, twice at most, and the better one is kept."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from grace.cli.train import REMEDIES, _sound
from grace.training.run_spec import run_spec
from grace.training.schedule import SCHEDULES
from grace.training.spec import RunSpec

SPEC = run_spec("FD001", "grace")


def ran(spec: RunSpec, rmse: float, remedy: RunSpec | None, doubt: str = "A doubt.") -> Any:
    record = SimpleNamespace(id=spec.id, spec=spec.to_json(), validation={"rmse": rmse}, concerns=[doubt])
    return SimpleNamespace(record=record, remedy=remedy)


def test_a_sound_run_is_made_once() -> None:
    runs, tried = _sound(lambda spec: ran(spec, 12.0, None), SPEC)
    assert (len(runs), tried) == (1, [])


def test_a_remedy_is_said_with_what_it_changed_and_what_came_of_it() -> None:
    longer = replace(SPEC, schedule=replace(SCHEDULES["statistics"], epochs=16))
    runs, tried = _sound(lambda spec: ran(spec, 9.0, None) if spec == longer else ran(spec, 12.0, longer), SPEC)
    assert [run.record.validation["rmse"] for run in runs] == [12.0, 9.0]
    assert tried == ["A doubt. Trained again with epochs 16: 12.00 became 9.00."]


def test_remedies_come_to_an_end() -> None:
    runs, tried = _sound(lambda spec: ran(spec, 80.0, replace(spec, start=spec.start + 1)), SPEC)
    assert len(tried) == REMEDIES == 2
    assert [run.record.spec["start"] for run in runs] == [0, 1, 2]
    assert tried[1].endswith("Trained again with start 2: 80.00 became 80.00.")
