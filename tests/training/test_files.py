"""Specs, records and checkpoints on disk."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from grace.errors import GraceError
from grace.files import replacing, write_text
from grace.training.checkpoint import load, save
from grace.training.record import Record, read_record
from grace.training.spec import RunSpec, run_spec
from tests.same import same


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
        run_spec("FD001", "grace", seed=42, unit="cap"),
        run_spec("FD001", "grace", seed=42, protocol="source"),
    ]
    assert len({spec.id for spec in [base, *changes]}) == len(changes) + 1


def test_the_id_does_not_depend_on_the_process() -> None:
    code = "from grace.training.spec import run_spec; print(run_spec('FD001', 'grace', seed=42).id)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == run_spec("FD001", "grace", seed=42).id


def test_any_outer_axis_with_any_inner_axis() -> None:
    spec = run_spec("FD001", outer="gaba", inner="mse", seed=1)
    assert (spec.method, spec.outer, spec.inner) == ("gaba+mse", "gaba", "mse")
    upper = run_spec("FD001", "grace", seed=1, measure_on="upper")
    assert (upper.to_json()["measure_on"], RunSpec.from_json(upper.to_json())) == ("upper", upper)
    assert "measure_on" not in run_spec("FD001", "grace", seed=1).to_json()  # ids of older records hold
    spec = run_spec("FD001", "grace", inner="mse", seed=1)
    assert (spec.outer, spec.inner) == ("gaba", "mse")
    assert run_spec("FD001", seed=1).method == "grace"


@pytest.mark.parametrize(
    ("choices", "found"),
    [
        ({"method_name": "best"}, "'best'"),
        ({"inner": "mae"}, "'mae'"),
        ({"protocol": "fair"}, "'fair'"),
        ({"unit": "days"}, "'days'"),
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
    save(path, "test", state)
    assert same(load(path, "test"), state)


def test_foreign_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    save(path, "training checkpoint", {"a": 1})
    with pytest.raises(GraceError, match="should be a trained network of format 1"):
        load(path, "trained network")
    torch.save({"a": 1}, path)
    with pytest.raises(GraceError, match="should be a file that GRACE wrote"):
        load(path, "trained network")
    with pytest.raises(GraceError, match="should be a file that GRACE wrote"):
        load(tmp_path / "missing", "trained network")


def test_records_come_back_and_numbers_are_short(tmp_path: Path) -> None:
    record = Record("abc", {"seed": 1}, "done", test={"rmse": 12.3456789, "score": float("inf")})
    path = record.write(tmp_path)
    again = read_record(path)
    assert again.test == {"rmse": 12.3457, "score": None}
    assert again.id == "abc"
    path.write_text(path.read_text().replace('"seconds"', '"hours"'))
    with pytest.raises(GraceError, match="should have the fields of a record"):
        read_record(path)


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
