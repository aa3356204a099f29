"""Specs, records and checkpoints on disk."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from grace.data.simulated.fleet import Simulation, simulate
from grace.errors import GraceError
from grace.files import replacing, write_text
from grace.formats import DamagedError, Format
from grace.models.units import UNITS
from grace.training.checkpoint import load, save
from grace.training.model_file import NETWORK
from grace.training.record import Record
from grace.training.run_spec import run_spec
from grace.training.schedule import SCHEDULES
from grace.training.spec import RunSpec
from tests.same import same

TEST = Format("test", 1)


def test_a_spec_survives_json_and_keeps_its_id() -> None:
    spec = run_spec("FD001", "grace", seed=42, options={"floor": 0.0})
    again = RunSpec.from_json(json.loads(json.dumps(spec.to_json())))
    assert again == spec
    assert again.id == spec.id
    assert (
        run_spec("FD001", "rul-only", seed=1).id
        == RunSpec.from_json(run_spec("FD001", "rul-only", seed=1).to_json()).id
    )


def test_everything_that_moves_a_number_moves_the_id() -> None:
    base = run_spec("FD001", "grace", seed=42)
    changes = [
        run_spec("FD002", "grace", seed=42),
        run_spec("FD001", "gaba", seed=42),
        run_spec("FD001", "grace", seed=43),
        run_spec("FD001", "grace", seed=42, options={"beta": 0.9}),
        run_spec("FD001", "grace", seed=42, schedule="paper"),
        run_spec("FD001", "grace", seed=42, train_sha256="0" * 64),
        run_spec("FD001", "grace", seed=42, test_sha256="0" * 64),
        run_spec("FD001", "grace", seed=42, measure_every=5),
        run_spec("FD001", "grace", seed=42, rul_scale="cap"),
        run_spec("FD001", "grace", seed=42, protocol="source"),
    ]
    assert len({spec.id for spec in [base, *changes]}) == len(changes) + 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"method_name": "grace"}, {"outer": "gaba", "inner": "weighted_mse"}),
        ({"method_name": "grace"}, {"method_name": "gaba+weighted_mse"}),
        ({"method_name": "grace"}, {"method_name": "gaba", "inner": "weighted_mse"}),
        ({"method_name": "grace"}, {"method_name": "grace", "options": {"beta": 0.99, "warmup": 100}}),
        ({"method_name": "grace-equal"}, {"method_name": "grace", "options": {"floor": 0}}),
        ({"method_name": "rul-only"}, {"outer": "fixed", "options": {"weights": (1, 0)}}),
        ({"method_name": "baseline"}, {"method_name": "baseline", "options": {"weights": (0.5, 0.5)}}),
        ({"method_name": "baseline"}, {"method_name": "baseline", "measure_every": 5, "measure_on": "upper"}),
        ({"schedule": "paper"}, {"schedule": SCHEDULES["paper"]}),
        ({"schedule": "compact"}, {"schedule": replace(SCHEDULES["paper"], **asdict(SCHEDULES["compact"]))}),
    ],
)
def test_one_meaning_has_one_id(one: dict[str, Any], other: dict[str, Any]) -> None:
    a, b = run_spec("FD001", **one), run_spec("FD001", **other)
    assert a == b
    assert (a.id, a.method, a.schedule_name) == (b.id, b.method, b.schedule_name)


def test_a_spec_is_bound_to_what_it_reads() -> None:
    fleet, test = simulate(Simulation(engines=6, test_engines=5))
    spec = run_spec("simulated", "baseline").reading(fleet, test)
    assert (len(spec.train_sha256), len(spec.test_sha256)) == (64, 64)
    assert spec.reading(*simulate(Simulation(engines=6, test_engines=5))) == spec
    assert run_spec("simulated", "baseline").reading(fleet, None).test_sha256 == ""
    fleet.values[7, 3] += 1e-9
    with pytest.raises(GraceError, match="should have the SHA-256 of its spec"):
        spec.reading(fleet, test)
    part = fleet.select(np.array([0, 1]))
    assert (
        run_spec("simulated", "baseline").reading(part, test).id
        != run_spec("simulated", "baseline").reading(fleet, test).id
    )


def test_the_id_does_not_depend_on_the_process() -> None:
    code = "from grace.training.run_spec import run_spec; print(run_spec('FD001', 'grace', seed=42).id)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == run_spec("FD001", "grace", seed=42).id


def test_any_outer_axis_with_any_inner_axis() -> None:
    spec = run_spec("FD001", outer="gradnorm", inner="weighted_mse", seed=1)
    assert (spec.method, spec.outer, spec.inner) == ("gradnorm+weighted_mse", "gradnorm", "weighted_mse")
    assert run_spec("FD001", outer="gaba", inner="mse", options={"floor": 0.125}).method == "gaba+mse,floor=0.125"
    upper = run_spec("FD001", "grace", seed=1, measure_on="upper")
    assert (upper.to_json()["measure_on"], RunSpec.from_json(upper.to_json())) == ("upper", upper)
    spec = run_spec("FD001", "grace", inner="mse", seed=1)
    assert (spec.outer, spec.inner) == ("gaba", "mse")
    assert run_spec("FD001", seed=1).method == "grace"


@pytest.mark.parametrize("weight", [0.01, 0.1, 0.5])
def test_a_fixed_weight_is_meant_beside_an_rul_loss_in_units_of_the_cap(weight: float) -> None:
    name = f"fixed-{weight:g}"
    spec = run_spec("FD001", name, seed=1)
    assert (spec.outer, spec.inner, spec.rul_scale, spec.method) == ("fixed", "mse", "cap", name)
    assert dict(spec.options) == {"weights": (1.0, weight)}
    by_hand = run_spec("FD001", outer="fixed", inner="mse", options={"weights": (1.0, weight)}, rul_scale="cap", seed=1)
    assert by_hand == spec
    assert run_spec("FD001", name, size="compact", seed=1).rul_scale == "cap"
    other = run_spec("FD001", name, rul_scale="cycles", seed=1)
    assert (other.rul_scale, other.method) == ("cycles", f"fixed+mse,weights=1-{weight:g}")
    assert RunSpec.from_json(other.to_json()).method == other.method


@pytest.mark.parametrize("name", ["baseline", "grace", "rul-only"])
def test_a_row_without_a_unit_of_its_own_keeps_its_name_in_every_unit(name: str) -> None:
    assert {run_spec("FD001", name, rul_scale=unit).method for unit in UNITS} == {name}


@pytest.mark.parametrize(
    ("choices", "found"),
    [
        ({"method_name": "best"}, "'best'"),
        ({"inner": "mae"}, "'mae'"),
        ({"protocol": "fair"}, "'fair'"),
        ({"rul_scale": "days"}, "'days'"),
        ({"size": "huge"}, "'huge'"),
        ({"schedule": "long"}, "'long'"),
        ({"measure_every": 0}, "0"),
        ({"precision": "int8"}, "'int8'"),
        ({"measure_on": "heads"}, "'heads'"),
    ],
)
def test_refusals(choices: dict[str, object], found: str) -> None:
    with pytest.raises(GraceError, match=f"Found {found}"):
        run_spec("FD001", seed=1, **choices)  # type: ignore[arg-type]


TREES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-5, 5), st.floats(allow_nan=False), st.text(max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.one_of(st.text(max_size=4), st.integers()), inner)
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.text(max_size=4), TREES, max_size=4), st.integers(0, 3))
def test_any_tree_comes_back(tmp_path_factory: pytest.TempPathFactory, tree: dict[str, object], tensors: int) -> None:
    state = dict(tree) | {f"t{i}": {"x": torch.randn(i + 1, 2), 7: torch.tensor(i)} for i in range(tensors)}
    path = tmp_path_factory.getbasetemp() / "tree.safetensors"
    save(path, TEST, state)
    assert same(load(path, TEST), state)


def test_foreign_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    save(path, TEST, {"a": 1})
    with pytest.raises(GraceError, match=r"should be a trained network of GRACE. Found: test"):
        load(path, NETWORK)
    torch.save({"a": 1}, path)
    with pytest.raises(DamagedError, match="should be whole, as GRACE wrote it"):
        load(path, NETWORK)
    with pytest.raises(GraceError, match=r"should be readable\. Found: no such file\. Check the path"):
        load(tmp_path / "missing", NETWORK)


def test_records_come_back_and_numbers_are_short(tmp_path: Path) -> None:
    record = Record("abc", {"id": "abc", "seed": 1}, "done", test={"rmse": 12.3456789, "score": float("inf")})
    path = record.write(tmp_path)
    again = Record.read(path)
    assert again.test == {"rmse": 12.3457, "score": None}
    assert again.id == "abc"
    path.write_text(path.read_text().replace('"seconds"', '"hours"'))
    with pytest.raises(DamagedError, match="differs from its checksum"):
        Record.read(path)


def test_a_device_is_not_replaced_by_a_file(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(GraceError, match=r"pipe should be a file, or a name that is free\. Found a device"):
        write_text(pipe, "words")
    assert pipe.is_fifo()


def test_a_failing_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_text(path, "old")

    def fail() -> None:
        with replacing(path) as part:
            part.write_text("half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


def test_a_file_in_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("")
    with pytest.raises(GraceError, match="should be writable"):
        write_text(tmp_path / "a" / "b.json", "x")


def test_a_field_that_came_later_leaves_older_ids_as_they_were() -> None:
    """The id of a record in results/ that was made before there was `full_epochs`."""
    spec = run_spec("FD001", "grace", size="compact")
    assert "full_epochs" in spec.to_json()["schedule"]
    values = spec.to_json()
    del values["schedule"]["full_epochs"]
    assert RunSpec.from_json(values) == spec  # as an older file has it
    assert replace(spec, schedule=replace(spec.schedule, full_epochs=True)).id != spec.id
