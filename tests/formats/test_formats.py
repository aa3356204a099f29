"""What is kept on disk: names, versions, checksums, and files of older versions as they lie about."""

from __future__ import annotations

import json
import shutil
import warnings
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from grace.bench.store import Store
from grace.bench.sweep import grid
from grace.data.cmapss.checksums import SUMS, known_sums
from grace.data.simulated.fleet import Simulation, simulate
from grace.errors import GraceError, GraceWarning
from grace.files import set_aside
from grace.formats import DamagedError, Format, canonical
from grace.training.checkpoint import load, save
from grace.training.model_file import NETWORK, load_model
from grace.training.predict import predict
from grace.training.record import RECORD, Record
from grace.training.run_spec import run_spec
from grace.training.spec import RunSpec

OLD = Path(__file__).parent / "version_1"
REAL, SIMULATED = OLD / "001ca33e669e.json", OLD / "7ab0fb4ec813.json"


def test_a_record_of_version_1_is_the_run_that_today_has_its_settings() -> None:
    record, old = Record.read(REAL), json.loads(REAL.read_text())
    (today,) = grid(["FD002"], ["baseline"], [123], size="compact")
    assert record.id == today.id
    assert RunSpec.from_json(record.spec) == today
    assert today.train_sha256 == SUMS["train_FD002.txt"]
    assert record.environment["id_of_version_1"] == "001ca33e669e"
    kept = (
        "status",
        "best_epoch",
        "history",
        "validation",
        "test",
        "source",
        "interval",
        "predictions",
        "steps",
        "seconds",
    )
    assert {name: getattr(record, name) for name in kept} == {name: old[name] for name in kept}
    assert record.spec["schedule"] == {
        "epochs": 12, "steps": 100, "batch_size": 128, "learning_rate": 0.001, "weight_decay": 0.0001, "warmup": 1,
        "decay": "cosine", "plateau_patience": 30, "min_lr": 5e-06, "clip": 1.0, "ema_decay": 0.99,
        "early_stopping_patience": 0, "min_history": 20, "max_train_rul": 150, "offset": 0.4, "full_epochs": False,
    }  # fmt: skip
    assert (record.spec["rul_scale"], record.spec["max_validation_rul"]) == ("cycles", 150)


def test_data_that_version_1_knew_by_name_alone_stay_unknown() -> None:
    record = Record.read(SIMULATED)
    assert (record.spec["train_sha256"], record.spec["test_sha256"]) == ("", "")
    assert record.id != run_spec("simulated").reading(*simulate(Simulation())).id


def test_a_network_of_version_1_predicts_what_it_did() -> None:
    network = load_model(OLD / "network.safetensors")
    found = predict(network, simulate(Simulation(engines=6, test_engines=5))[1])
    expected = [60.7924690246582, 61.664546966552734, 38.13903045654297, 39.35497283935547, 42.50847625732422]
    assert found.rul.tolist() == pytest.approx(expected, rel=1e-6)
    assert network.conventions.table is None
    assert network.members[0].conditioner.settings == ("setting_1", "setting_2", "setting_3")
    assert (network.spec.rul_scale, network.spec.schedule.ema_decay, network.spec.method) == ("cap", 0.9, "grace")


def test_a_folder_is_migrated_whole_and_only_once(tmp_path: Path) -> None:
    records = tmp_path / "records"
    records.mkdir()
    for path in (REAL, SIMULATED):
        shutil.copy(path, records)
    specs = grid(["FD002"], ["baseline"], [123], size="compact")
    with pytest.raises(GraceError, match=r"2 of an older one. Run `grace bench migrate"):
        Store(tmp_path).mend([specs[0].id])
    assert Store(tmp_path).migrate() == (2, 0)
    assert Store(tmp_path).migrate() == (0, 2)
    assert Store(tmp_path).states(specs) == {specs[0].id: "done"}
    Store(tmp_path).mend([specs[0].id])
    assert len(list(records.iterdir())) == 2


def test_a_folder_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(GraceError, match="should hold records"):
        Store(tmp_path / "nowhere").migrate()
    assert not (tmp_path / "nowhere").exists()


def test_a_migration_that_was_killed_goes_on(tmp_path: Path) -> None:
    records = tmp_path / "records"
    records.mkdir()
    shutil.copy(REAL, records)
    new = Record.read(REAL).write(records)  # killed between the new file and the end of the old one
    assert Store(tmp_path).migrate() == (1, 1) or Store(tmp_path).migrate() == (0, 1)
    assert [path.name for path in records.iterdir()] == [new.name]


def test_two_runs_that_become_one_are_not_mixed(tmp_path: Path) -> None:
    records = tmp_path / "records"
    records.mkdir()
    values = json.loads(REAL.read_text())
    values["spec"]["measure_every"] = 50  # moves no number of a method without Gramians
    (records / "ffffffffffff.json").write_text(json.dumps(values | {"id": "ffffffffffff"}))
    shutil.copy(REAL, records)
    with pytest.raises(GraceError, match="should be the only record of run"):
        Store(tmp_path).migrate()
    assert len(list(records.iterdir())) == 2


def written(folder: Path) -> Path:
    return Record("abc", {"id": "abc", "seed": 1}, "done", test={"rmse": 12.3456789}).write(folder)


def test_a_record_names_its_format_and_who_wrote_it(tmp_path: Path) -> None:
    from grace import __version__

    values = json.loads(written(tmp_path).read_text())
    assert (values["format"], values["version"], values["grace"]) == ("record", 2, __version__)
    assert len(values["sha256"]) == 64


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 255))
def test_no_changed_byte_of_a_record_is_believed(tmp_path: Path, place: int, flip: int) -> None:
    """The same values in other words (a blank, 1.0 for 1) are no damage."""
    path = written(tmp_path)
    content, sound = bytearray(path.read_bytes()), Record.read(path)
    content[place % len(content)] ^= flip
    path.write_bytes(content)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert Record.read(path) == sound
    except (GraceError, GraceWarning):
        pass


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.integers(0, 100_000), st.integers(1, 255))
def test_no_changed_byte_of_a_tensor_file_is_believed(tmp_path: Path, place: int, flip: int) -> None:
    kind, path = Format("test", 1), tmp_path / "state"
    state = {"x": torch.arange(6, dtype=torch.bfloat16).view(2, 3), "n": 7, "empty": torch.zeros(0)}
    save(path, kind, state)
    content = bytearray(path.read_bytes())
    content[place % len(content)] ^= flip
    path.write_bytes(content)
    try:
        found = load(path, kind)
    except GraceError:
        return
    assert found["n"] == 7  # what is left is a change of the header that means the same, or of who wrote it
    assert torch.equal(found["x"], state["x"])


def test_a_record_of_another_run_is_refused(tmp_path: Path) -> None:
    path = Record("abc", {"id": "abd"}, "done").write(tmp_path)
    with pytest.raises(DamagedError, match="run abc with the spec of abd"):
        Record.read(path)


def test_a_spec_that_is_not_what_its_id_says_is_refused() -> None:
    values = run_spec("FD001", "grace").to_json()
    with pytest.raises(DamagedError, match=f"The spec of a run {values['id']} should be whole"):
        RunSpec.from_json(values | {"seed": 7})


def test_missing_fields_take_their_defaults_and_unknown_ones_are_said() -> None:
    spec = run_spec("FD001", "grace")
    values = spec.to_json()
    assert RunSpec.from_json({name: value for name, value in values.items() if name != "precision"}) == spec
    with pytest.warns(GraceWarning, match="left out colour, which this version does not know"):
        assert RunSpec.from_json(values | {"colour": "red"}) == spec
    with pytest.raises(DamagedError, match="no field 'seed'"):
        RunSpec.from_json({name: value for name, value in values.items() if name not in ("id", "seed")})


def test_a_newer_file_is_refused_and_names_the_version_that_wrote_it(tmp_path: Path) -> None:
    path = written(tmp_path)
    values = json.loads(path.read_text())
    path.write_text(json.dumps(values | {"version": 3, "grace": "9.1"}))
    with pytest.raises(GraceError, match=r"version 2 or older. Found version 3, written by GRACE 9.1"):
        Record.read(path)
    kind, state = Format("trained network", 4), tmp_path / "network"
    save(state, kind, {"a": 1})
    with pytest.raises(GraceError, match=r"of version 3 or older. Found version 4"):
        load(state, NETWORK)


def test_a_version_without_a_way_here_is_refused(tmp_path: Path) -> None:
    kind, path = Format("test", 3, {2: lambda body: body}), tmp_path / "a.json"
    Format("test", 1).write(path, {"a": 1})
    with pytest.raises(GraceError, match=r"of version 2 to 3. Found version 1. Read it with the version"):
        kind.read(path)
    other = tmp_path / "b.json"
    Format("another", 1).write(other, {})
    with pytest.raises(GraceError, match=r"should be a test of GRACE. Found: another"):
        kind.read(other)


def test_every_step_is_taken_in_turn(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    Format("test", 1).write(path, {"a": 1})
    steps = {1: lambda body: {"b": body["a"] + 1}, 2: lambda body: {"c": body["b"] * 10}}
    assert Format("test", 3, steps).read(path) == {"c": 20}
    with pytest.raises(DamagedError, match="KeyError"):
        Format("test", 3, {1: steps[2], 2: steps[1]}).read(path)


def test_a_network_of_which_a_tensor_was_changed_is_refused(tmp_path: Path) -> None:
    kind, path = Format("test", 1), tmp_path / "state"
    save(path, kind, {"x": torch.zeros(3)})
    from safetensors import safe_open

    with safe_open(path, "pt") as file:
        header = file.metadata()
    save_file({name: value + 1 for name, value in load_file(path).items()}, path, metadata=header)
    with pytest.raises(DamagedError, match="differs from its checksum"):
        load(path, kind)


def test_setting_aside_loses_nothing(tmp_path: Path) -> None:
    for content in ("first", "second"):
        path = tmp_path / "a.safetensors"
        path.write_text(content)
        with pytest.warns(GraceWarning, match=r"a.safetensors was set aside as a.safetensors.damaged.*begins anew"):
            set_aside(path, "half a file")
    assert (tmp_path / "a.safetensors.damaged").read_text() == "first"
    assert (tmp_path / "a.safetensors.damaged-2").read_text() == "second"


def test_canonical_text_has_one_form_for_one_meaning() -> None:
    assert canonical({"b": 1.0, "a": (0, 0.5)}) == canonical({"a": [0.0, 0.5], "b": 1}) == '{"a":[0,0.5],"b":1}'


def test_the_known_sums_are_those_that_the_readers_find(cmapss_dir: Path) -> None:
    from grace.data.cmapss.fleets import read_test, read_train

    for name in ("FD001", "FD003"):
        assert known_sums(name) == (read_train(cmapss_dir, name).sha256, read_test(cmapss_dir, name).sha256)
    assert known_sums("mine") == ("", "")


def test_every_record_of_the_results_is_of_this_version() -> None:
    folder = Path(__file__).parents[2] / "results" / "compact" / "records"
    paths = list(folder.glob("*.json"))
    assert len(paths) == 180
    assert all(RECORD.is_current(path) for path in paths)
    ids = {spec.id for spec in grid(size="compact")}
    assert {Record.read(path).id for path in paths} == ids == {path.stem for path in paths}
