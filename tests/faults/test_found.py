"""What was found by trying in files of GRACE, one test a finding: through the real commands where a user meets it."""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from grace.bench.store import Store
from grace.bench.sweep import grid
from grace.data.simulated.fleet import Simulation, simulate
from grace.errors import GraceError, GraceWarning
from grace.formats import DamagedError, checksum
from grace.schema import fault, parsed
from grace.training.checkpoint import load, save
from grace.training.model_file import NETWORK
from grace.training.record import Record
from grace.training.run import CHECKPOINT, train
from grace.training.run_spec import run_spec
from tests.command import grace, refused
from tests.faults.saved import sound
from tests.report.packed import data_of
from tests.report.records import record


def noted(*arguments: object) -> CompletedProcess[str]:
    """``grace`` with its notes on standard error, as a user has it."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("always", GraceWarning)
        return grace(*arguments)


# records


def sealed(folder: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """One of four records, changed under a checksum that fits."""
    paths = [
        record("FD001", method, seed, 15.0 + seed / 1000).write(folder / "records")
        for method in ("baseline", "grace")
        for seed in (42, 123)
    ]
    values = json.loads(paths[0].read_text())
    change(values["body"])
    paths[0].write_text(json.dumps(values | {"sha256": checksum(values["body"])}))
    return paths[0]


def nested(levels: int) -> list[Any]:
    found: list[Any] = []
    for _ in range(levels):
        found = [found]
    return found


CHANGES: dict[str, Callable[[dict[str, Any]], None]] = {
    "NaN, which is no number": lambda b: b["test"].update(rmse=math.nan),
    "test.rmse should be a number or null, found text '12'": lambda b: b["test"].update(rmse="12"),
    "test.rmse should be a number or null, found a list": lambda b: b["test"].update(rmse=[1]),
    "more than 64 bits": lambda b: b["test"].update(rmse=10**400),
    "nested deeper than": lambda b: b["test"].update(x=nested(100)),
    "status should be done or failed, found 'finished'": lambda b: b.update(status="finished"),
    "spec.seed should be a whole number, found text": lambda b: b["spec"].update(seed="42"),
    "spec.dataset should be text, found a list": lambda b: b["spec"].update(dataset=["FD001"]),
    "predictions.rul[0] should be a number or null": lambda b: b["predictions"]["rul"].__setitem__(0, "a"),
    "predictions should be columns of one length": lambda b: b["predictions"]["rul"].pop(),
    "history should be a list": lambda b: b.update(history=7),
}


@pytest.mark.parametrize("words", CHANGES)
def test_a_record_with_values_of_another_kind_is_named_and_left_out(tmp_path: Path, words: str) -> None:
    path = sealed(tmp_path, CHANGES[words])
    with pytest.raises(DamagedError, match="should be whole"):
        Record.read(path)
    table = noted("bench", "table", tmp_path)
    assert table.returncode == 0
    assert table.stderr.startswith(f"note: left out: {path}")
    assert words in table.stderr
    assert table.stderr.count("\n") == 1
    page = noted("report", tmp_path, "--output", tmp_path / "page.html")
    assert page.returncode == 0, page.stderr
    assert path.name in str(data_of((tmp_path / "page.html").read_text())["left_out"])


def test_a_hundred_thousand_brackets_are_refused_by_every_command(tmp_path: Path) -> None:
    path = sealed(tmp_path, lambda body: None)
    path.write_text("[" * 100_000 + "]" * 100_000)
    with pytest.raises(DamagedError, match="nested deeper than"):
        Record.read(path)
    assert "nested deeper" in refused("bench", "migrate", tmp_path)


def test_a_figure_that_a_record_does_not_have_is_told(tmp_path: Path) -> None:
    sealed(tmp_path, lambda body: body["test"].update(rmse=None))
    assert "should hold rmse" in refused("bench", "table", tmp_path)


def test_a_record_under_another_name_is_not_done(tmp_path: Path) -> None:
    specs = grid(["FD001"], ["ridge"], [1, 2])
    store = Store(tmp_path)
    Record(specs[1].id, specs[1].to_json(), "done").write(store.records)
    (store.records / f"{specs[1].id}.json").rename(store.records / f"{specs[0].id}.json")
    with pytest.warns(GraceWarning, match="under another name"):
        assert set(store.states(specs).values()) == {"waiting"}
    with pytest.warns(GraceWarning, match="was set aside"):
        store.mend([specs[0].id])
    assert store.record(specs[0].id) is None


# models


def predicted(folder: Path, name: str, change: Callable[[dict[str, Any]], None]) -> str:
    """What ``grace predict`` says of a model whose state was changed under a checksum that fits."""
    state, path = load(sound() / f"{name}.safetensors", NETWORK), folder / "model.safetensors"
    change(state)
    save(path, NETWORK, state)
    return refused("predict", path, sound() / "test_SIM.txt")


def with_window(state: dict[str, Any], window: object) -> None:
    del state["spec"]["id"]
    state["spec"]["conventions"]["window"] = window


def every_weight(state: dict[str, Any], factor: float) -> None:
    weights = state["members"][0]["weights"]
    weights.update({name: tensor * factor for name, tensor in weights.items() if tensor.is_floating_point()})


MODELS: dict[str, Callable[[dict[str, Any]], None]] = {
    "should be finite, found NaN": lambda s: every_weight(s, math.nan),
    "scale should be above 0": lambda s: s["members"][0]["conditioner"]["scale"].zero_(),
    "unit should be above 0": lambda s: s["members"][0]["conditioner"]["unit"].zero_(),
    "interval.size should be at least 0": lambda s: s["interval"]["size"].fill_(-50),
    "interval.member should be below": lambda s: s["interval"]["member"].fill_(10**6),
    "should be of shape": lambda s: s["members"][0]["conditioner"].update(
        mean=s["members"][0]["conditioner"]["mean"][:, :3]
    ),
    "`window` should be at most 10000": lambda s: with_window(s, 10**7),
    "window should be a whole number": lambda s: with_window(s, 2.5),
    "members should be at least one network": lambda s: s["members"].clear(),
    "KeyError 'interval'": lambda s: s.pop("interval"),
}


@pytest.mark.parametrize("words", MODELS)
@pytest.mark.parametrize("name", ["network", "folds", "tree"])
def test_a_model_that_no_training_makes_is_refused(tmp_path: Path, name: str, words: str) -> None:
    assert words in predicted(tmp_path, name, MODELS[words])


def test_a_tree_that_reads_what_is_not_there_is_refused(tmp_path: Path) -> None:
    assert "fit each other" in predicted(tmp_path, "tree", lambda s: s["members"][0]["weights"]["feature"].fill_(10**6))


# checkpoints


def resumed(path: Path) -> Record:
    return train(run_spec("SIM", "baseline", size="statistics", schedule="tiny"), *FLEETS, checkpoint=path).record


FLEETS = simulate(Simulation(engines=6, test_engines=4))


def figures(found: Record) -> tuple[Any, ...]:
    return found.id, found.test, found.validation, found.predictions, [one["losses"] for one in found.history]


@pytest.mark.parametrize("kept", [0, 7, 1000, 20_000])
def test_a_truncated_checkpoint_is_set_aside_and_the_run_made_anew(tmp_path: Path, kept: int) -> None:
    path, content = tmp_path / "c.safetensors", (sound() / "network.checkpoint").read_bytes()
    path.write_bytes(content[:kept])
    with pytest.warns(GraceWarning, match="was set aside as c.safetensors.damaged"):
        found = resumed(path)
    assert figures(found) == figures(resumed(tmp_path / "none"))
    assert (tmp_path / "c.safetensors.damaged").read_bytes() == content[:kept]


def test_a_checkpoint_of_other_networks_is_set_aside(tmp_path: Path) -> None:
    path = tmp_path / "c.safetensors"
    state = load(sound() / "network.checkpoint", CHECKPOINT)
    state["best"] = state["best"][:, :-1]
    save(path, CHECKPOINT, state)
    with pytest.warns(GraceWarning, match="set aside"), pytest.raises(GraceError, match="repeat the command"):
        resumed(path)
    assert resumed(path).status == "done"


# the schema itself


def test_types_are_looked_at_inside() -> None:
    assert fault({"a": [1, 2.5, None]}, dict[str, list[float | None]], "x") == ""
    assert fault({"a": [1, True]}, dict[str, list[float]], "x") == "x.a[1] should be a number, found true or false True"
    assert fault(10**400, int | float, "n").startswith("n should be a whole number or a number")
    assert fault(1.0, int, "n") == "n should be a whole number, found a number 1.0"
    assert fault((1, "a"), tuple[int, int], "p") == "p[1] should be a whole number, found text 'a'"
    assert fault((1,), tuple[int, int], "p") == "p should hold 2 values, found 1"
    assert fault({"a": 1}, {"a": str, "b": int}, "o") == "o.a should be text, found a whole number 1"
    assert fault(math.inf, float, "r").startswith("r should be a number, found a number inf")


def test_json_is_read_within_bounds() -> None:
    assert parsed('{"a": [1, 2.5, null]}') == {"a": [1, 2.5, None]}
    assert parsed("null") is None
    assert math.isinf(parsed("Infinity", finite=False))
    for text in ("NaN", "1e400", str(2**64), "[" * 100 + "]" * 100, "[" * 10**6, "{"):
        with pytest.raises(ValueError):  # noqa: PT011
            parsed(text)
