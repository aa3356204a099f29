"""What was found by trying in data that is read and in downloads, one test a finding."""

from __future__ import annotations

import resource
import shutil
import time
import zipfile
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from grace.data.cmapss import fetch
from grace.errors import GraceError
from tests.command import grace, refused
from tests.faults.downloads import FILES, SUMS, answering, archive
from tests.faults.saved import sound
from tests.faults.test_found import noted

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


@pytest.mark.system
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
