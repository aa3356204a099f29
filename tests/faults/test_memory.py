"""A small file takes no large memory: records, models and checkpoints by a multiple of their size, packed tables by a limit."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import zlib
from pathlib import Path

import polars as pl
import pytest

from grace.data.tables import unpacked
from grace.data.tables.scan import scan
from grace.errors import GraceError
from tests.faults.memory import BESIDE, TIMES

ROWS = "id,t,a\n" + "1,1,0\n" * 2000


@pytest.mark.system
@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="asks the kernel for the peak of its memory")
def test_what_a_stranger_writes_takes_a_multiple_of_its_size() -> None:
    done = subprocess.run([sys.executable, "-m", "tests.faults.memory"], capture_output=True, text=True, check=True)
    for name, (size, taken) in json.loads(done.stdout).items():
        assert taken <= TIMES * size + BESIDE, f"{name}: {taken:,} bytes for {size:,}"


def written(path: Path) -> Path:
    if path.suffix == ".parquet":
        pl.DataFrame({"id": [1] * 2000, "t": [1] * 2000, "a": [0.0] * 2000}).write_parquet(path)
    else:
        path.write_bytes(gzip.compress(ROWS.encode()))
    return path


@pytest.mark.parametrize("name", ["a.csv.gz", "a.csv", "a.parquet"])
def test_a_packed_table_that_unpacks_to_too_much_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    path = written(tmp_path / name)
    size, most = path.stat().st_size, 8 * 3 * 2000 if name == "a.parquet" else len(ROWS)
    assert scan(path).whole.collect().height == 2000  # as small as it is, it may
    monkeypatch.setattr(unpacked, "ALWAYS", 0)
    monkeypatch.setattr(unpacked, "MOST", most // size + 1)
    assert scan(path).whole.collect().height == 2000
    monkeypatch.setattr(unpacked, "MOST", most // size - 1)
    with pytest.raises(GraceError, match=rf"at most {most // size - 1} times its size. Found more than"):
        scan(path)


def test_a_plain_table_has_no_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.csv").write_text(ROWS)
    monkeypatch.setattr(unpacked, "ALWAYS", 0)
    monkeypatch.setattr(unpacked, "MOST", 0)
    assert scan(tmp_path / "a.csv").whole.collect().height == 2000


def test_a_broken_stream_is_one_line(tmp_path: Path) -> None:
    """It was a traceback of zlib."""
    packed = bytearray(gzip.compress(ROWS.encode()))
    packed[30] ^= 255
    with pytest.raises(zlib.error):
        gzip.decompress(packed)
    (tmp_path / "a.csv.gz").write_bytes(packed)
    with pytest.raises(GraceError, match="should be a readable table"):
        scan(tmp_path / "a.csv.gz")
