"""Text tables as they are found, made by hand: every one reads to the same fleet, or says in one line why it does not."""

from __future__ import annotations

import gzip
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grace.data.load import as_fleet
from grace.data.tables.columns import Columns, TableSource
from grace.data.tables.read import read_table
from grace.data.tables.select_columns import select_columns
from grace.data.tables.text import Dialect, table_name
from grace.errors import GraceError
from tests.command import grace as command
from tests.command import refused

PLAIN = "id,t,x,y\na,1,1.5,7\na,2,-2.25,8\nb,1,3.0,9e-1\n"
COLUMNS = Columns("id", "t")


def german(text: str, separator: str = ";") -> str:
    return text.replace(",", separator).replace(".", ",")


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("fleet.csv", PLAIN.encode(), ""),
        ("fleet.csv", PLAIN.replace("\n", "\r\n").encode(), ""),
        ("fleet.csv", b"\xef\xbb\xbf" + PLAIN.encode(), ""),
        ("fleet.csv", PLAIN.replace(",", ", ").encode(), ""),
        ("fleet.csv", PLAIN.replace(",", ";").encode(), "fields between semicolons"),
        ("fleet.csv", german(PLAIN).encode(), "fields between semicolons, decimal commas"),
        ("fleet.csv", b"\xef\xbb\xbf" + german(PLAIN).encode(), "fields between semicolons, decimal commas"),
        ("fleet.tsv", german(PLAIN, "\t").encode(), "fields between tabs, decimal commas"),
        ("fleet.tsv", PLAIN.replace(",", "\t").encode(), "fields between tabs"),
        ("fleet.csv", PLAIN.replace(",", "|").encode(), "fields between bars"),
        ("FLEET.CSV.GZ", gzip.compress(PLAIN.encode(), mtime=0), ""),
        ("fleet.tsv.gz", gzip.compress(german(PLAIN, "\t").encode(), mtime=0), "fields between tabs, decimal commas"),
        ("fleet.csv.gz", PLAIN.encode(), ""),
    ],
)
def test_however_it_is_written_it_is_one_fleet(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert Dialect.of(path).words == words
    for cache in (None, tmp_path / "rows"):
        found = read_table(TableSource(path, COLUMNS, cache=cache))
        assert found.name.lower() == "fleet"
        assert found.engines.tolist() == ["a", "b"]
        assert found.columns == ("x", "y")
        assert found.values[np.arange(3)].tolist() == [[1.5, 7], [-2.25, 8], [3, 0.9]]
    assert select_columns(TableSource(path, COLUMNS)).done == ((f"read with {words}",) if words else ())


def test_quoted_names_and_fields_hold_separators(tmp_path: Path) -> None:
    path = tmp_path / "q.csv"
    path.write_text('"id;of;it",t,"x, in; mm"\n"a;b",1,1.5\n"a;b",2,2.5\n')
    assert Dialect.of(path) == Dialect()
    found = read_table(path, Columns("id;of;it", "t"))
    assert found.columns == ("x, in; mm",)
    assert found.engines.tolist() == ["a;b"]


@given(st.lists(st.floats(-1e6, 1e6).map(lambda x: round(x, 3)), min_size=2, max_size=9, unique=True))
def test_decimal_commas_are_read_as_points_are(tmp_path_factory: pytest.TempPathFactory, values: list[float]) -> None:
    path = tmp_path_factory.mktemp("comma") / "x.csv"
    rows = [f"a;{time};{value}" for time, value in enumerate(values)]
    path.write_text("id;t;x\n" + "\n".join(rows).replace(".", ",") + "\n")
    assert read_table(path, COLUMNS).values[:, 0].tolist() == values  # type: ignore[union-attr]


def test_points_and_commas_in_one_file_are_left_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "both.csv"
    path.write_text("id;t;x;y\na;1;1.5;1,5\na;2;2.5;2,5\na;3;3.7;1,0\n")
    assert not Dialect.of(path).decimal_comma
    found = select_columns(TableSource(path, COLUMNS))
    assert found.features == ("x",)
    assert found.left_out == {"y": "no numbers"}


LONG = "id,t,x,y,z\n" + "".join(f"a,{t},{t**2 % 7},{t % 5},{t % 3}\n" for t in range(12_000))


@pytest.mark.parametrize("text", ["NA", "n/a", "-", "NaN", "NULL", "?"])
@pytest.mark.parametrize("late", [False, True])
def test_texts_among_numbers_are_missing_numbers_and_said(tmp_path: Path, text: str, late: bool) -> None:
    """Also where the first 10,000 rows, which types are told from, hold none."""
    lines = LONG.splitlines()
    for row in (11_000, 11_500) if late else (2, 9):
        lines[row] = ",".join([*lines[row].split(",")[:2], text, *lines[row].split(",")[3:]])
    path = tmp_path / "fleet.csv"
    path.write_text("\n".join(lines) + "\n")
    found = select_columns(TableSource(path, COLUMNS, ("y",)))
    assert found.done == ()  # a column that is not read is not spoken of
    found = select_columns(TableSource(path, COLUMNS))
    assert found.done[0] == "texts such as NA, n/a and - are missing numbers in: x (2)"
    assert found.columns.incomplete == ("x",)
    assert found.features == ("x", "y", "z", "x (missing)")


def test_a_column_of_numbers_and_other_texts_is_named(tmp_path: Path) -> None:
    path = tmp_path / "fleet.csv"
    path.write_text("id,t,x,y\n" + "".join(f"a,{t},{t * t % 5},{'ERR' if t == 3 else t % 2}\n" for t in range(9)))
    found = select_columns(TableSource(path, COLUMNS))
    assert found.left_out["y"] == "numbers and texts such as 'ERR'"
    with pytest.raises(GraceError, match=r"the column y should hold numbers. Found String"):
        read_table(path, COLUMNS, ("y",))


def test_text_columns_of_frames_and_parquet_become_numbers_too(tmp_path: Path) -> None:
    frame = pl.DataFrame({"id": ["007"] * 4, "t": [1, 2, 3, 4], "x": ["1.5", " 2", "", "n/a"], "y": [1.0, 2, 1, 3]})
    path = tmp_path / "fleet.parquet"
    frame.write_parquet(path)
    with pytest.raises(GraceError, match=r"engine 007, t 3: x should be a finite number"):
        read_table(frame, COLUMNS, ("x",))
    good = frame.with_columns(x=pl.Series(["1.5", " 2", "3", "4e0"]), t=pl.col("t").cast(pl.String))
    found = read_table(good, COLUMNS, ("x", "y"))
    assert found.engines.tolist() == ["007"]
    assert found.values[:, 0].tolist() == [1.5, 2, 3, 4]  # type: ignore[union-attr]
    good.write_parquet(path)
    np.testing.assert_array_equal(read_table(path, COLUMNS, ("x", "y")).values, found.values)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (PLAIN.encode("utf-16"), r"should be text in UTF-8\. Found UTF-16\. Export it as \.csv in UTF-8"),
        (b"PK\x03\x04junk", r"Found a zip archive or a spreadsheet\. Export it as \.csv"),
        ("id,t,x\na,1,2\nä,2,3\n".encode("latin-1"), r"Found no UTF-8 in line 3\. Save it in that encoding"),
        (
            "id,t,Öl\na,1,2\na,2,3\n".encode("latin-1"),
            r"should be text in UTF-8\. Found none in line 1\. Save it in that",
        ),
        (b"id,t,x\na,1,2\na,2,3,4\n", r"Found 4 fields in line 3, 3 in the first\. Correct the line"),
        (b"\x1f\x8bjunk", r"fleet\.csv should be a readable table\. Found: "),
        (b"", r"should be a readable table\. Found: empty"),
    ],
)
def test_what_cannot_be_read_says_why_in_one_line(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "fleet.csv"
    path.write_bytes(content)
    with pytest.raises(GraceError, match=words) as refused:
        read_table(path, COLUMNS)
    assert "\n" not in str(refused.value)
    assert str(refused.value).startswith(str(path))


def test_names_of_tables() -> None:
    assert [table_name(Path(name)) for name in ("a.csv", "a.CSV.gz", "a.tsv.gz", "a.b.csv", "a.gz", "folder")] == [
        "a", "a", "a", "a.b", "a", "folder",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "first", ["31.12.2023 10:00", "31/12/2023 10:00:00", "2023-12-31 10:00", "2023-12-31T10:00:00"]
)
def test_dates_are_read_day_first(tmp_path: Path, first: str) -> None:
    path = tmp_path / "fleet.csv"
    second = first.replace("31", "01").replace("12", "02").replace("2023", "2024")
    path.write_text(f"id;t;x\na;{first};1,5\na;{second};2,5\n")
    assert read_table(path, Columns("id", "t", unit="days")).rul().tolist() == [32, 0]


UNCLEAR = ["03/04/2024", "3/4/2024 10:00", "03-04-2024"]


@pytest.mark.parametrize("first", UNCLEAR)
@pytest.mark.parametrize("name", ["fleet.csv", "fleet.tsv.gz"])
def test_dates_that_may_be_day_or_month_first_are_asked_about(tmp_path: Path, first: str, name: str) -> None:
    """3 April to 5 April, or 4 March to 4 May: no row tells; a day above 12 anywhere does, and of 4 April nothing is asked."""
    path = tmp_path / name
    header, second, day = "id\tt\tx\n", first.replace("3", "5", 1), first.replace("03", "3").replace("3", "13", 1)

    def write(*dates: str) -> None:
        text = header + "".join(f"a\t{date}\t{i * i % 7}\n" for i, date in enumerate(dates))
        path.write_bytes(gzip.compress(text.encode(), mtime=0) if name.endswith(".gz") else text.encode())

    write(first, second)
    columns = Columns("id", "t", unit="days")
    words = f"t should tell days from months. Found {first}, which is 3 April or 4 March, and in no row a part above 12"
    source = TableSource(path, columns, ("x",))
    tested = replace(source, path=tmp_path / "train.csv", test=path, rows=2).test_source
    for read in (
        lambda: read_table(source),
        lambda: select_columns(source),
        lambda: as_fleet(path, columns, ("x",)),  # new engines
        lambda: read_table(tested),  # type: ignore[arg-type]
    ):
        with pytest.raises(GraceError) as refused:
            read()
        assert words in str(refused.value)
        assert "Export dates as 2024-12-31" in str(refused.value)
    write(first, day)
    assert select_columns(TableSource(path, columns, ("x",))).features == ("x",)
    assert read_table(TableSource(path, columns, ("x",))).rul()[0] == pytest.approx(10)
    assert as_fleet(path, columns, ("x",)).rul()[0] == pytest.approx(10)
    write(first.replace("3", "4", 1), first.replace("3", "4", 1).replace("2024", "2025"))
    assert read_table(TableSource(path, columns, ("x",))).rul()[0] == pytest.approx(365)


def test_unclear_dates_by_command(tmp_path: Path) -> None:
    (tmp_path / "fleet.csv").write_text("id,t,x\na,03/04/2024,1\na,05/04/2024,2\nb,06/07/2024,1\nb,08/07/2024,0\n")
    options = ["--table", "fleet.csv", "--engine", "id", "--time", "t", "--time-unit", "days"]
    for name in (["train"], ["diagnose"], ["data", "check"], ["data", "info"]):
        assert "which is 3 April or 4 March" in refused(*name, *options, cwd=tmp_path)
    parts = tmp_path / "parts"  # a folder is one table: one file tells for all
    parts.mkdir()
    (parts / "a.csv").write_text("id,t,x\na,03/04/2024,1\na,05/04/2024,2\n")
    (parts / "b.csv").write_text("id,t,x\nb,13/04/2024,1\nb,15/04/2024,2\n")
    assert select_columns(TableSource(parts, Columns("id", "t", unit="days"))).features == ("x",)


def test_dates_that_are_not_read_are_named_with_the_way_to_write_them(tmp_path: Path) -> None:
    path = tmp_path / "fleet.csv"
    path.write_text("id;t;x\na;12/31/2023;1,5\na;01/01/2024;2,5\n")
    words = r"t should hold numbers\. Found String, such as '12/31/2023'\. Write dates as 2024-12-31 10:00"
    with pytest.raises(GraceError, match=words):
        read_table(path, COLUMNS)


def test_a_german_table_trains_and_a_compressed_one_is_predicted(tmp_path: Path) -> None:
    rng, rows = np.random.default_rng(0), 200
    x = np.tile(np.arange(40), 5) / 7 + rng.normal(size=rows)
    lines = [f"Anlage {i // 40};{i % 40};{value:.3f};{i * 7 % 5}" for i, value in enumerate(x)]
    text = "Gerät;Stunde;Druck;Öl\n" + "\n".join(lines).replace(".", ",") + "\n"
    (tmp_path / "flotte.csv").write_text(text, encoding="utf-8-sig")
    (tmp_path / "neu.csv.gz").write_bytes(gzip.compress(text.replace(",", ".").replace(";", "\t").encode()))
    options = ["--engine", "Gerät", "--time", "Stunde", "--cap", 40, "--health", "20,10", "--window", 20]
    small = ["--size", "tiny", "--schedule", "tiny", "--epochs", 1, "--to", "net.safetensors"]
    done = command("train", "--table", "flotte.csv", *options, *small, cwd=tmp_path, columns=200)
    assert done.returncode == 0, done.stderr
    assert "read with fields between semicolons, decimal commas" in done.stderr
    done = command("predict", "net.safetensors", "neu.csv.gz", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Anlage 4" in done.stdout


@pytest.mark.parametrize("cached", [False, True])
@pytest.mark.parametrize(
    ("written", "names"),
    [
        (("0012", "12"), ["0012", "12"]),  # as numbers they would be one engine
        (("12E3", "1.2E4"), ["1.2E4", "12E3"]),
        (("007", "010"), ["007", "010"]),
        (("1.50", "2.50"), ["1.50", "2.50"]),
        (("-0", "0"), ["-0", "0"]),
        (("2024-01-05", "2024-01-06"), ["2024-01-05", "2024-01-06"]),
        (("10", "2"), [2, 10]),  # whole numbers as ever, in their order
        (("-3", "0"), [-3, 0]),
    ],
)
def test_engines_are_called_as_they_are_written(
    tmp_path: Path, written: tuple[str, str], names: list[int | str], cached: bool
) -> None:
    path, units = tmp_path / "fleet.csv", tmp_path / "units.csv"
    one, two = written
    path.write_text("id,t,x\n" + "".join(f"{one},{t},{t}.5\n" for t in range(1, 6)) +
                    "".join(f"{two},{t},{t}.5\n" for t in range(11, 14)))  # fmt: skip
    units.write_text(f"id,failed,site\n{two},0,01\n{one},1,1\n")
    source = TableSource(path, replace(COLUMNS, event="failed", group="site"), units=units)
    found = read_table(replace(source, cache=tmp_path / "rows") if cached else source)
    rows = {one: ([4.0, 3, 2, 1, 0], True, "1"), two: ([2.0, 1, 0], False, "01")}
    assert found.engines.tolist() == names
    assert found.failed is not None
    assert found.groups is not None
    for engine, name in enumerate(map(str, names)):
        own = slice(found.starts[engine], found.starts[engine + 1])
        assert (found.rul()[own].tolist(), bool(found.failed[engine]), str(found.groups[engine])) == rows[name]
    assert as_fleet(path, COLUMNS, ("x",)).engines.tolist() == names
    assert select_columns(replace(source, features=("x",)), "none").features == ("x",)


def test_one_odd_name_late_in_one_of_several_files_makes_all_of_them_texts(tmp_path: Path) -> None:
    """In the 11,000th row, where types are no longer told from; before, the file was refused."""
    folder = tmp_path / "fleet"
    folder.mkdir()
    lines = [f"7,{t},{t % 5}" for t in range(11_000)]
    (folder / "a.csv").write_text("id,t,x\n" + "\n".join([*lines, "07,1,1", "07,2,2"]) + "\n")
    (folder / "b.csv").write_text("id,t,x\n12,1,3\n12,2,4\n")
    found = read_table(folder, COLUMNS)
    assert (found.engines.tolist(), found.lengths.tolist()) == (["07", "12", "7"], [2, 2, 11_000])


def test_lives_are_called_as_they_are_written(tmp_path: Path) -> None:
    path, units = tmp_path / "fleet.csv", tmp_path / "units.csv"
    path.write_text(
        "id,life,t,x\n" + "".join(f"{life},{t},{t}.5\n" for life in ("08,01", "08,1", "8,1") for t in (1, 2))
    )
    units.write_text("id,life,failed\n8,1,0\n08,1,1\n08,01,1\n")
    columns = replace(COLUMNS, life_id="life", event="failed")
    for values in ((), ("x",)):
        found = read_table(path, columns, values, units=units)
        assert found.engines.tolist() == ["08/01", "08/1", "8/1"]
        assert found.failures.tolist() == [0, 1]
        assert found.groups is not None
        assert found.groups.tolist() == ["08", "08", "8"]
