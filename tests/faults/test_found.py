"""What was found by trying, one test a finding: through the real commands where a user meets it."""

from __future__ import annotations

import json
import math
import resource
import shutil
import time
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import numpy as np
import polars as pl
import pytest

from grace.bench.store import Store
from grace.bench.sweep import grid
from grace.data.cmapss import fetch
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
from tests.faults.downloads import FILES, SUMS, answering, archive
from tests.faults.subjects import sound
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
    assert path.name in (tmp_path / "page.html").read_text()


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


# text


def cmapss(folder: Path) -> Path:
    for name in ("train_SIM.txt", "test_SIM.txt", "RUL_SIM.txt"):
        shutil.copy(sound() / name, folder)
    return folder


@pytest.mark.parametrize("rul", ["99999999999999999999", "1e300", "1000000001", "0.5", "-1"])
def test_an_rul_that_no_engine_has_is_refused(tmp_path: Path, rul: str) -> None:
    path = cmapss(tmp_path) / "RUL_SIM.txt"
    path.write_text("\n".join([rul, *path.read_text().split()[1:]]) + "\n")
    line = refused("train", "SIM", "--data", tmp_path, "--method", "age", cwd=tmp_path)
    assert "line 1: an RUL should be a whole number of cycles from 0 to 1,000,000,000" in line


@pytest.mark.parametrize("engine", ["1e19", "9007199254740993", "0.1"])
def test_an_engine_that_double_precision_does_not_hold_is_refused(tmp_path: Path, engine: str) -> None:
    lines = [line.split() for line in (sound() / "test_SIM.txt").read_text().splitlines()]
    (tmp_path / "a.txt").write_text("".join(" ".join([engine, *line[1:]]) + "\n" for line in lines if line[0] == "1"))
    assert "the engine should be a whole number from 1" in refused(
        "predict", sound() / "tree.safetensors", tmp_path / "a.txt"
    )


def test_half_cycles_are_refused_where_cycles_count(tmp_path: Path) -> None:
    from grace.data.fleet import SENSORS, SETTINGS

    rows = np.loadtxt(sound() / "test_SIM.txt")
    rows[:, 1] -= 0.5
    pl.DataFrame(rows, schema=["engine", "cycle", *SETTINGS, *SENSORS]).write_csv(tmp_path / "a.csv")
    assert "a cycle should be a whole number. Found 0.5" in refused(
        "predict", sound() / "tree.safetensors", tmp_path / "a.csv"
    )


@pytest.mark.parametrize(("end", "found"), [("\r", "carriage return alone"), (" ", "bytes without an end")])
def test_a_file_without_line_ends_is_refused_before_it_fills_the_memory(tmp_path: Path, end: str, found: str) -> None:
    text = (sound() / "test_SIM.txt").read_text()
    (tmp_path / "a.txt").write_text((text * (10_000_000 // len(text))).replace("\n", end), newline="")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert found in refused("predict", sound() / "tree.safetensors", tmp_path / "a.txt")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # kilobytes


def test_a_csv_without_line_ends_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"id,t,a\r1,1,0.5\r1,2,0.6\r")
    arguments = ("train", "--table", tmp_path / "a.csv", "--engine", "id", "--time", "t")
    assert "should end its lines with LF or CRLF" in refused(*arguments)


# tables


def trained_on_table(folder: Path) -> tuple[Path, pl.DataFrame]:
    rng = np.random.default_rng(0)
    keys = {"id": np.repeat(np.arange(1, 7), 40), "t": np.tile(np.arange(1, 41), 6)}
    frame = pl.DataFrame(keys | {name: rng.normal(size=240) for name in ("a", "b")})
    frame.write_csv(folder / "a.csv")
    model = folder / "model.safetensors"
    done = grace(
        "train", "--table", folder / "a.csv", "--engine", "id", "--time", "t", "--method", "ridge", "--to", model
    )
    assert done.returncode == 0, done.stderr
    return model, frame


def test_damaged_parquet_and_numbers_beyond_64_bits_end_in_one_line(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    model, frame = trained_on_table(tmp_path)
    path = tmp_path / "a.parquet"
    frame.write_parquet(path)
    content, rng = path.read_bytes(), np.random.default_rng(0)
    for _ in range(60):  # some of them make polars panic
        changed = bytearray(content)
        changed[int(rng.integers(len(content) - 1500, len(content)))] ^= int(rng.integers(1, 256))
        path.write_bytes(changed)
        done = noted("predict", model, path)
        assert done.returncode in (0, 2)
        assert done.returncode == 0 or done.stderr.count("\n") == 1
    frame.with_columns(pl.col("t").cast(pl.UInt64) + 2**63).write_parquet(path)
    assert "should be a readable table" in refused("predict", model, path)
    frame.with_columns(id=pl.col("id").cast(pl.String).replace("1", "99999999999999999999")).write_csv(
        tmp_path / "b.csv"
    )
    assert "99999999999999999999" in grace("predict", model, tmp_path / "b.csv").stdout
    assert "panicked" not in capfd.readouterr().err


# downloads


def bring(folder: Path, *sources: str) -> None:
    fetch.fetch(folder, sources, sums=SUMS, pause=0.001)


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_corrupt_stream_is_the_mirrors_fault_and_the_next_one_is_asked(tmp_path: Path, method: int) -> None:
    broken = bytearray(archive(method))
    broken[60:90] = bytes(30)
    good = tmp_path / "good.zip"
    good.write_bytes(archive(method))
    (tmp_path / "bad.zip").write_bytes(broken)
    with pytest.raises(GraceError, match="one of 1 sources"):
        bring(tmp_path / "to", str(tmp_path / "bad.zip"))
    bring(tmp_path / "to", str(tmp_path / "bad.zip"), str(good))
    assert {path.name: path.read_bytes() for path in (tmp_path / "to").iterdir()} == FILES


def test_a_member_without_a_name_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(archive(zipfile.ZIP_DEFLATED, "./", "."))
    bring(tmp_path / "to", str(tmp_path / "a.zip"))
    assert {path.name for path in (tmp_path / "to").iterdir()} == set(FILES)


def test_a_bomb_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "LARGEST", 5000)
    (tmp_path / "a.zip").write_bytes(archive(zipfile.ZIP_DEFLATED))
    with pytest.raises(GraceError, match="has more than 5,000 bytes"):
        bring(tmp_path / "to", str(tmp_path / "a.zip"))
    assert list((tmp_path / "to").iterdir()) == []


@pytest.mark.parametrize("length", [b"Content-Length: 99999999999", b"X: no length"])
def test_an_endless_answer_is_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, length: bytes) -> None:
    monkeypatch.setattr(fetch, "LARGEST", 5000)
    answer = b"HTTP/1.1 200 OK\r\n" + length + b"\r\n\r\n" + b"x" * 1_000_000
    with answering(answer) as url, pytest.raises(GraceError, match="more than 5,000 bytes"):
        bring(tmp_path, url)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\nX: y\r\n\r\n", b""])
def test_a_server_that_says_a_byte_at_a_time_does_not_hang_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, head: bytes
) -> None:
    monkeypatch.setattr(fetch, "TIMEOUT", 0.3)
    monkeypatch.setattr(fetch, "TRIES", 1)
    began = time.monotonic()
    with answering(head, drip=0.1) as url, pytest.raises(GraceError, match=r"bytes a second|no answer in"):
        bring(tmp_path, url)
    assert time.monotonic() - began < 10


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
