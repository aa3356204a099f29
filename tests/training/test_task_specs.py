"""What a run with other tasks than the health states is: weights, names, ids."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest

from grace import Columns, Conventions, GraceError
from grace.controllers.methods import METHODS, SEVEN
from grace.data.tasks import HEALTH, Task, check_tasks
from grace.training.run import train
from grace.training.run_spec import run_spec, with_tasks
from grace.training.spec import RunSpec

SOH = Task("soh", kind="regression")
STAGE = Task("stage", "s", "class", ("a", "b", "c", "d"))


def weights(*args: Any, **choices: Any) -> tuple[float, ...]:
    return dict(run_spec("FD001", *args, **choices).options)["weights"]


def test_a_task_is_read_from_a_few_words() -> None:
    assert Task.parse("soh") == Task("soh", "soh")
    assert Task.parse("soh:regression") == Task("soh", "soh", "regression")
    assert Task.parse("wear=a b:c:ordinal") == Task("wear", "a b:c", "ordinal")
    assert Task.parse("wear=a:b") == Task("wear", "a:b")  # no kind: it belongs to the column
    assert Task.parse("health") == HEALTH
    assert Task.parse("health=state:class") == Task("health", "state", "class")
    assert Task.parse("future_sensors").kind == "regression"
    assert Task.parse("future_sensors").column == ""
    assert Task.from_json(STAGE.to_json()) == STAGE
    assert STAGE.outputs == 4
    assert replace(STAGE, kind="ordinal").outputs == 3


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("rul", "other than rul"),
        ("2nd", "letters, digits and _"),
        ("wear level", r"Found 'wear level'. Give one, as in NAME=COLUMN."),
        ("", "letters"),
    ],
)
def test_a_name_that_is_none_is_refused(text: str, words: str) -> None:
    with pytest.raises(GraceError, match=words):
        Task.parse(text)


def test_what_is_no_task_is_refused() -> None:
    with pytest.raises(GraceError, match=r"`kind` should be one of regression, class, ordinal. Found 'nominal'."):
        Task("wear", "a", "nominal")
    with pytest.raises(GraceError, match="at least 0"):
        Task("wear", weight=-1)
    with pytest.raises(GraceError, match=r"a name of its own. Found soh twice"):
        check_tasks([SOH, SOH])
    with pytest.raises(GraceError, match=r"a column of its own. Found soh twice"):
        Conventions(tasks=(SOH, Task("other", "soh")))


def test_weights_of_rul_and_of_every_other_task() -> None:
    tasks = [HEALTH, SOH, STAGE]
    assert weights("fixed-0.1", tasks=tasks) == (1, 0.1, 0.1, 0.1)
    assert weights("baseline", tasks=tasks) == (0.25, 0.25, 0.25, 0.25)
    assert weights("fixed-0.5", tasks=[replace(SOH, weight=0.2), STAGE]) == (1, 0.2, 0.5)
    assert weights("fixed-0.1", options={"weights": (1, 2, 3, 4)}, tasks=tasks) == (1, 2, 3, 4)
    assert weights(tasks=[SOH]) == (1, 0.1)  # with a task that is named the weights are fixed
    assert weights(tasks=[replace(SOH, weight=0)]) == (1, 0)
    with pytest.raises(GraceError, match=r"task soh should stand with fixed weights. Found the outer axis gaba"):
        run_spec("FD001", "gaba", tasks=[replace(SOH, weight=1)])
    with pytest.raises(GraceError, match="should hold 3 finite numbers"):
        run_spec("FD001", "fixed-0.1", options={"weights": (1, 2, 3, 4)}, tasks=[SOH, STAGE])


def test_names_and_ids() -> None:
    tasks = [SOH, STAGE, Task("future_sensors")]
    for name in METHODS:
        if name == "health-only":  # refused: nothing would choose its epoch
            continue
        spec = run_spec("FD001", name, tasks=tasks)
        assert spec.method == name
        assert RunSpec.from_json(spec.to_json()) == spec
    for name in SEVEN:
        assert run_spec("FD001", name, tasks=[HEALTH]).id == run_spec("FD001", name).id
        assert run_spec("FD001", name, tasks=tasks).id != run_spec("FD001", name).id
    assert run_spec("FD001", tasks=tasks).method == "fixed-0.1"
    assert run_spec("FD001", tasks=tasks).rul_scale == "cap"
    assert run_spec("FD001", tasks=tasks, suspended="hazard").method == "fixed-0.1"
    assert run_spec("FD001").method == "grace"


def test_rul_alone_is_the_same_whatever_is_not_trained_beside_it() -> None:
    alone = run_spec("FD001", "rul-only")
    assert run_spec("FD001", "rul-only", tasks=[SOH, STAGE]) == alone
    assert run_spec("FD001", "rul-only", tasks=[SOH]).id == alone.id
    assert not alone.trains("health")
    assert not alone.trains("soh")
    for method in ("rul-only", "rul-only-weighted"):  # a weight of a task is for the methods beside it in a comparison
        assert run_spec("FD001", method, tasks=[replace(SOH, weight=0.4)]) == run_spec("FD001", method)
    assert run_spec("FD001", tasks=[SOH]).tasks == ("rul", "soh")
    assert run_spec("FD001", tasks=[SOH]).trains("soh")


def test_a_spec_with_other_tasks() -> None:
    for method in ("fixed-0.1", "gaba", "grace", "uncertainty", "baseline"):
        spec = run_spec("FD001", method, tasks=[SOH, STAGE])
        assert with_tasks(run_spec("FD001", method, tasks=[HEALTH]), [SOH, STAGE]) == spec
    own = replace(SOH, weight=0.4)
    found = with_tasks(run_spec("FD001", "fixed-0.1"), [own, STAGE])
    assert found == run_spec("FD001", "fixed-0.1", tasks=[own, STAGE])
    assert dict(found.options)["weights"] == (1, 0.4, 0.1)


def test_frames_are_trained_on_with_their_labels_and_tested_without() -> None:
    """The label of a test frame is not asked for, and the features of both are alike."""
    rng, unit, time = np.random.default_rng(0), np.repeat(np.arange(8), 30), np.tile(np.arange(30), 8) + 1.0
    frame = pl.DataFrame({"unit": unit, "t": time, "x": time + rng.normal(size=240), "y": rng.normal(size=240)})
    told = frame.with_columns(wear=pl.when(pl.col("t") % 3 == 0).then(pl.col("t") / 30))
    columns = Columns("unit", "t")
    task = Task("wear", kind="regression")
    conventions = Conventions(cap=20, window=10, features=("x", "y"), health_cuts=(10, 4), table=columns)
    spec = run_spec("pumps", size="tiny", schedule="tiny", tasks=[task], conventions=conventions)
    record = train(spec, told, frame.filter(pl.col("unit") < 3)).record
    assert record.status == "done"
    assert record.tasks["wear"]["windows"] > 0
    assert "rmse" in record.test
    plain = run_spec("pumps", "fixed-0.1", size="tiny", schedule="tiny", conventions=conventions)
    assert train(plain, told, tasks=[task]).record.tasks == record.tasks


@pytest.mark.parametrize(
    ("task", "words"),
    [
        (Task("soh"), "Task soh should have a kind. Found none"),
        (Task("s", "s", "class", ("a",)), "two classes or more"),
    ],
)
def test_tasks_that_are_not_settled_are_refused(task: Task, words: str) -> None:
    with pytest.raises(GraceError, match=words):
        run_spec("FD001", tasks=[task])
