"""From older versions of what is kept on disk to the next, one function a step."""

from __future__ import annotations

from typing import Any

from grace.data.cmapss.checksums import known_sums
from grace.data.tasks import CLASS, HEALTH, Task

Body = dict[str, Any]

SCHEDULE_2 = {
    "patience": "plateau_patience",
    "least": "min_lr",
    "average": "ema_decay",
    "stop": "early_stopping_patience",
    "padded": "min_history",
    "horizon": "max_train_rul",
}
"""Fields of a schedule of version 1 by their names in version 2."""


def spec_1(body: Body) -> Body:
    """Version 1 to 2: names of the field, no choice that moves no number, and what was read.

    Version 1 names data and does not say what they held. C-MAPSS has known sums; those of other data stay unknown, so that a
    run on them is a run of its own.
    """
    values, conventions = dict(body), dict(body["conventions"])
    for name in ("method", "schedule_name", "monitor_every"):
        values.pop(name)
    values["rul_scale"], values["max_validation_rul"] = values.pop("unit"), values.pop("validation_horizon")
    values["schedule"] = {SCHEDULE_2.get(name, name): value for name, value in body["schedule"].items()}
    if conventions.get("table") is not None:
        conventions["table"] = {k: v for k, v in conventions["table"].items() if k != "content"}
        train, test = "", ""
    else:
        train, test = known_sums(body["dataset"])
    return values | {"conventions": conventions, "train_sha256": train, "test_sha256": test}


def spec_2(body: Body) -> Body:
    """Version 2 to 3: a table's own health labels are a task's. Its id was another one; all other specs stay as they are."""
    table = body["conventions"].get("table") or {}
    if not (label := table.get("label", "")):
        return body
    task = Task(HEALTH.name, label, CLASS, tuple(table["classes"]) or HEALTH.classes)
    values = body | {"conventions": body["conventions"] | {"tasks": [task.to_json()]}}
    return {name: value for name, value in values.items() if name != "id"}


def spec_read_by(body: Body) -> Body:
    """The spec of a record or network of version 1; without test figures it has read no test data."""
    spec = spec_1(body["spec"]) | {"version": 2}
    return spec if body["test"] or body.get("status") == "failed" else spec | {"test_sha256": ""}
