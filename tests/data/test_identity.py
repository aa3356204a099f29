"""What a fleet was read from: one hash for one content, whatever it is called; caches notice a file that was replaced."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import grace
from grace.bench.sweep import _engines
from grace.data.cmapss.checksums import SUMS
from grace.data.cmapss.fleets import read_plain, read_test, read_train, write_cmapss
from grace.data.fleet import Fleet
from grace.data.health_labels import with_labels
from grace.data.identity import combined
from grace.data.load import as_fleet
from grace.data.simulated.fleet import Simulation, simulate
from grace.data.tables.columns import Columns, TableSource
from grace.data.tables.read import read_table
from grace.data.tables.table import Table
from grace.errors import GraceError
from tests.data.conftest import Write, as_table
from tests.data.test_ncmapss import write_layout

COLUMNS = Columns("asset", "flight")
NAMES = ("op1", "op2", "op3", "s2", "s3")


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_cmapss_has_its_pinned_sums(cmapss_dir: Path) -> None:
    assert read_train(cmapss_dir, "FD001").sha256 == SUMS["train_FD001.txt"]
    lines = f"{SUMS['test_FD001.txt']}\n{SUMS['RUL_FD001.txt']}"
    assert read_test(cmapss_dir, "FD001").sha256 == hashlib.sha256(lines.encode()).hexdigest()


def test_text_of_ones_own(small: Path) -> None:
    train, rul = small / "train_SIM.txt", small / "RUL_SIM.txt"
    first, tested = read_train(small, "SIM"), read_test(small, "SIM")
    assert first.sha256 == digest(train) == read_plain(train).sha256
    rul.write_text(rul.read_text().replace("\n", " \n", 1))
    assert read_test(small, "SIM").sha256 != tested.sha256
    train.write_bytes(train.read_bytes().replace(b" ", b"\t", 1))  # a tab: the careful reader
    assert read_train(small, "SIM").sha256 == digest(train) != first.sha256


def test_labels_are_part_of_it(small: Path) -> None:
    fleet, labels = read_train(small, "SIM"), small / "labels_SIM.txt"
    assert fleet.sha256 is not None
    assert with_labels(fleet, labels).sha256 == combined([fleet.sha256, digest(labels)])
    assert with_labels(replace(fleet, sha256=None), labels).sha256 is None


def test_a_fleet_made_in_python_and_a_part_of_one_are_known_by_their_values(small: Path) -> None:
    made = [simulate(Simulation(engines=2, test_engines=1, seed=seed))[0] for seed in (0, 0, 1)]
    assert made[0].sha256 is None
    sums = [fleet.digest() for fleet in made]
    assert (sums[0] == sums[1], sums[0] == sums[2]) == (True, False)
    whole = read_train(small, "SIM")
    assert whole.digest() == whole.sha256
    part = whole.select(np.arange(2))
    assert part.sha256 is None
    assert part.digest() == whole.select(np.arange(2)).digest() != whole.sha256
    changes = {
        "last_rul": part.last_rul + 1,
        "engines": part.engines + 1,
        "labels": {"health": np.zeros(len(part.values))},
    }
    changes["last_time"] = np.array(["a", "b"], dtype=object)
    others = [replace(part, **{name: value}).digest() for name, value in changes.items()]
    assert len({part.digest(), *others}) == 1 + len(changes)


@pytest.mark.parametrize("name", ["fleet.csv", "fleet.parquet"])
@pytest.mark.parametrize("cached", [False, True])
def test_tables_by_their_bytes_and_not_their_names(
    fleet: Fleet, written: Write, tmp_path: Path, name: str, cached: bool
) -> None:
    path = written(as_table(fleet), name)
    source = TableSource(path, COLUMNS, NAMES, cache=tmp_path / "rows" if cached else None)
    assert read_table(source).sha256 == digest(path)
    assert read_table(source).sha256 == digest(path)  # the second time from stored rows
    other = path.rename(path.with_name(f"other{path.suffix}"))
    assert read_table(replace(source, path=other)).sha256 == digest(other)
    before = digest(other)
    written(as_table(fleet).with_columns(pl.col("s2") + 1e-9), other.name)
    assert read_table(replace(source, path=other)).sha256 == digest(other) != before


def test_a_folder_has_one_for_all_its_files(fleet: Fleet, written: Write, tmp_path: Path) -> None:
    table = as_table(fleet)
    parts = [written(table[:50], "parts/a.csv"), written(table[50:], "parts/b.csv")]
    source = TableSource(tmp_path / "parts", COLUMNS, NAMES)
    found = read_table(source).sha256
    assert found == combined(map(digest, parts))
    parts[0].rename(parts[0].with_name("aa.csv"))
    assert read_table(source).sha256 == found
    written(table[:49], "parts/aa.csv")
    assert read_table(source).sha256 != found


def test_flights(tmp_path: Path) -> None:
    path = tmp_path / "DS02.h5"
    write_layout(path)
    assert read_table(TableSource(path, Columns("unit", "cycle", target="RUL"), ("alt",))).sha256 == digest(path)


@pytest.mark.parametrize("name", ["new.csv", "new.parquet"])
def test_new_engines(written: Write, name: str) -> None:
    path = written(
        pl.DataFrame({"engine": [1, 1], "cycle": [1, 2], **{f"setting_{i}": [0.5, 0.6] for i in (1, 2, 3)}}), name
    )
    assert as_fleet(path).sha256 == digest(path)


def small_frame() -> pl.DataFrame:
    return pl.DataFrame({
        "asset": ["a", "a", "b", "b"],
        "flight": [1, 2, 1, 2],
        "s2": [0.5, 0.25, 4.0, 1.0],
        "s3": [1, 2, 3, 4],
        "on": [True, False, True, True],
        "note": ["x", None, "y", ""],
        "gap": [1.0, None, 2.0, 3.0],
    })  # fmt: skip


def as_pandas(frame: pl.DataFrame) -> object:
    pandas = pytest.importorskip("pandas")
    return pandas.DataFrame({name: frame[name].to_list() for name in frame.columns})


def test_frames_give_what_their_file_gives(fleet: Fleet, written: Write) -> None:
    table = as_table(fleet).sample(fraction=1.0, shuffle=True, seed=2)
    path = written(table)
    expected = grace.read_table(TableSource(path, COLUMNS, NAMES))
    for given in (path, str(path), table, as_pandas(table)):
        found = grace.read_table(given, COLUMNS, NAMES)
        assert found.columns == expected.columns
        for name in ("engines", "starts", "values", "last_rul", "row_rul", "last_time"):
            np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))


def test_values_are_all_numbers_without_a_role() -> None:
    found = grace.read_table(small_frame().drop("gap"), replace(COLUMNS, settings=("s3",)))
    assert found.columns == ("s3", "s2")
    assert found.engines.tolist() == ["a", "b"]


def test_frames_of_one_content_have_one_hash() -> None:
    frame, values = small_frame(), ("s2",)
    found = grace.read_table(frame, COLUMNS, values).sha256
    assert grace.read_table(as_pandas(frame), COLUMNS, values).sha256 == found
    assert grace.read_table(pl.concat([frame[:1], frame[1:]], rechunk=False), COLUMNS, values).sha256 == found


@pytest.mark.parametrize(
    "change",
    [
        lambda f: f.with_columns(pl.col("s2") * (1 + 2**-52)),
        lambda f: f.with_columns(pl.col("s3").cast(pl.Float64)),
        lambda f: f.with_columns(gap=pl.Series([1.0, 0.0, 2.0, 3.0])),
        lambda f: f.with_columns(note=pl.Series(["x", "", "y", ""])),
        lambda f: f.with_columns(on=pl.Series([True, True, True, True])),
        lambda f: f.rename({"note": "notes"}),
        lambda f: f[::-1],
    ],
)
def test_another_frame_has_another_hash(change: Callable[[pl.DataFrame], pl.DataFrame]) -> None:
    frame = small_frame()
    found = [grace.read_table(f, COLUMNS, ("s2",)).sha256 for f in (frame, change(frame))]
    assert found[0] != found[1]


def test_calls_that_do_not_say_how_to_read(written: Write) -> None:
    frame = small_frame()
    source = TableSource(written(frame), COLUMNS, ("s2",))
    with pytest.raises(GraceError, match=r"`columns` should say .* Found none\. Give grace\.Columns"):
        grace.read_table(frame)
    with pytest.raises(GraceError, match="should be left out beside a TableSource"):
        grace.read_table(source, COLUMNS)
    with pytest.raises(GraceError, match=r"A table should be a path, .* pandas\. Found dict"):
        grace.read_table({"asset": [1]}, COLUMNS)  # type: ignore[arg-type]
    with pytest.raises(GraceError, match="frame should have the column s9"):
        grace.read_table(frame, COLUMNS, ("s9",))
    with pytest.raises(GraceError, match="frame, engine a, flight 2: gap should be a finite number"):
        grace.read_table(frame, COLUMNS, ("gap",))
    pandas = pytest.importorskip("pandas")
    with pytest.raises(GraceError, match="frame should be a readable table"):
        grace.read_table(pandas.DataFrame({"asset": ["a", 2, "b"], "flight": [1, 2, 1]}), COLUMNS)


def test_a_file_that_changes_while_it_is_read(
    fleet: Fleet, written: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, own = written(as_table(fleet), "fleet.csv"), Table.sha256

    def changed(table: Table) -> str:
        os.utime(path)
        return own(table)

    monkeypatch.setattr(Table, "sha256", changed)
    for cache in (None, tmp_path / "rows"):
        with pytest.raises(GraceError, match="should stay as it is while it is read"):
            read_table(TableSource(path, COLUMNS, NAMES, cache=cache))
    assert list((tmp_path / "rows").iterdir()) == []


def replace_keeping_time(path: Path, content: bytes) -> None:
    """Another file of the same size and time of change at the same path, as `mv` and `cp -p` leave it."""
    status = path.stat()
    beside = path.with_name("beside")
    beside.write_bytes(content)
    os.utime(beside, ns=(status.st_atime_ns, status.st_mtime_ns))
    beside.replace(path)


def test_a_worker_reads_a_replaced_text_anew(tmp_path: Path) -> None:
    fleets = [simulate(Simulation(engines=3, test_engines=2, seed=0)) for _ in range(2)]
    write_cmapss(*fleets[0], tmp_path, "OWN")
    path = tmp_path / "train_OWN.txt"
    first, tested = _engines("OWN", tmp_path)
    assert _engines("OWN", tmp_path)[0] is first
    content = path.read_bytes()
    at = content.index(b"\n") - 3
    other = bytes([ord("1") if content[at] != ord("1") else ord("2")])
    replace_keeping_time(path, content[:at] + other + content[at + 1 :])
    assert _engines("OWN", tmp_path)[0].sha256 == digest(path) != first.sha256
    (tmp_path / "RUL_OWN.txt").write_text("1\n2\n")
    again = _engines("OWN", tmp_path)[1]
    assert tested is not None
    assert again is not None
    assert again.last_rul.tolist() == [1, 2] != tested.last_rul.tolist()


@pytest.mark.parametrize("cached", [False, True])
def test_a_worker_reads_a_replaced_table_anew(fleet: Fleet, written: Write, tmp_path: Path, cached: bool) -> None:
    path = written(as_table(fleet), "fleet.csv")
    tables = TableSource(path, COLUMNS, NAMES, cache=tmp_path / "rows" if cached else None)
    first = _engines("", tables)[0]
    assert _engines("", tables)[0] is first
    content = path.read_bytes().replace(b"setting", b"s")
    row = content.index(b"\n") + 1
    digit = next(i for i in range(row + 4, len(content)) if content[i : i + 1] in b"34567")
    replace_keeping_time(path, content[:digit] + b"8" + content[digit + 1 :])
    again = _engines("", tables)[0]
    assert again.sha256 == digest(path) != first.sha256
    rows = np.arange(3)
    assert not np.array_equal(again.taken(rows, NAMES), first.taken(rows, NAMES))
