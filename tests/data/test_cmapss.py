"""The parser on the real files and on damaged ones: every fault is named with file and line, in one line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grace.core.metrics import rmse
from grace.data.cmapss.fleets import COLUMNS, read_test, read_train, subset_name
from grace.data.cmapss.text import _fast, _line_by_line, read_numbers
from grace.data.conventions import PUBLISHED, Conventions
from grace.data.prepare import Prepared, check_training
from grace.errors import GraceError

# spec of the data: train rows, engines, test rows, engines, conditions, windows, near failure %, test RUL > 125 %, capped
TABLE = {
    "FD001": (20631, 100, 13096, 100, 1, 17731, 16.9, 11, 3.74),
    "FD002": (53759, 260, 33991, 259, 6, 46219, 16.9, 22, 18.32),
    "FD003": (24720, 100, 16596, 100, 1, 21820, 13.7, 15, 4.71),
    "FD004": (61249, 249, 41214, 248, 6, 54028, 13.8, 27, 19.53),
}


@pytest.mark.parametrize("name", TABLE)
def test_the_table_of_the_real_files(cmapss_dir: Path, name: str) -> None:
    rows, engines, test_rows, test_engines, conditions, windows, near, over, capped = TABLE[name]
    train, test = read_train(cmapss_dir, name), read_test(cmapss_dir, name)
    prepared = Prepared.of(train, PUBLISHED)
    assert (len(train.values), len(train.engines)) == (rows, engines)
    assert (len(test.values), len(test.engines)) == (test_rows, test_engines)
    assert (prepared.conditions, len(prepared.windows)) == (conditions, windows)
    assert round(100 * prepared.near_failure_share, 1) == near
    assert round(100 * (test.last_rul > 125).mean()) == over
    # a perfect predictor that is capped at 125 still errs on the uncapped labels
    assert rmse(np.minimum(test.last_rul, 125), test.last_rul) == pytest.approx(capped, abs=0.005)


@pytest.mark.parametrize("name", TABLE)
def test_equals_numpys_reader(cmapss_dir: Path, name: str) -> None:
    path = cmapss_dir / f"train_{name}.txt"
    fleet = read_train(cmapss_dir, name)
    theirs = np.loadtxt(path)
    np.testing.assert_array_equal(fleet.values, theirs[:, 2:])
    last_cycle = {engine: theirs[theirs[:, 0] == engine, 1].max() for engine in np.unique(theirs[:, 0])}
    expected = np.array([last_cycle[engine] for engine in theirs[:, 0]]) - theirs[:, 1]
    np.testing.assert_array_equal(fleet.rul(), expected)


def one_line(call, *words: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(GraceError) as caught:
        call()
    text = str(caught.value)
    assert "\n" not in text
    for word in words:
        assert word in text, text


def lines_of(folder: Path) -> list[str]:
    return (folder / "train_SIM.txt").read_text().splitlines(keepends=True)


def spoiled(folder: Path, lines: list[str]) -> None:
    (folder / "train_SIM.txt").write_text("".join(lines))


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda x: x[:4] + ["1 5 0.1\n"] + x[5:], ["line 5", "26 columns", "Found 3"]),
        (lambda x: x[:4] + [x[4].rstrip() + " 7.0\n"] + x[5:], ["line 5", "Found 27"]),
        (lambda x: [x[0].replace(" ", " x", 1), *x[1:]], ["line 1, column 2", "'x1'"]),
        (lambda x: x[:9] + [x[9].replace("100.0000", "NaN", 1)] + x[10:], ["line 10", "'NaN'"]),
        (lambda x: x[:9] + [x[9].replace("100.0000", "inf", 1)] + x[10:], ["line 10", "'inf'"]),
        (lambda x: x[:9] + [x[9].replace("100.0000", "1e999", 1)] + x[10:], ["line 10", "1e999"]),
        (lambda x: x[:9] + [x[9].replace("100.0000", "1_00.0", 1)] + x[10:], ["line 10", "1_00.0"]),
        (lambda x: x[:9] + ["\n"] + x[9:], ["line 10", "Found 0"]),
        (lambda x: x[:6] + x[7:], ["line 7", "gap"]),
        (lambda x: x[:6] + [x[5]] + x[6:], ["line 7", "repeat"]),
        (lambda x: x[3:], ["line 1", "1, 2, 3"]),
        (lambda x: [*x, *x[:3]], ["Found engine 1 again", "Sort"]),
        (lambda x: ["1.5" + x[0][1:], *x[1:]], ["line 1", "whole number"]),
        (lambda x: ["0" + x[0][1:], *x[1:]], ["line 1", "whole number"]),
        (lambda x: [], ["empty"]),
        (lambda x: ["\n", " \n"], ["empty"]),
    ],
)
def test_damage_is_named(small: Path, spoil, words: list[str]) -> None:  # type: ignore[no-untyped-def]
    spoiled(small, spoil(lines_of(small)))
    one_line(lambda: read_train(small, "SIM"), "train_SIM.txt", *words)


def test_a_cut_last_line(small: Path) -> None:
    text = (small / "train_SIM.txt").read_text()
    (small / "train_SIM.txt").write_text(text[:-30])
    one_line(lambda: read_train(small, "SIM"), f"line {text.count(chr(10))}", "columns")


def test_bytes_that_are_no_text(small: Path) -> None:
    content = (small / "train_SIM.txt").read_bytes()
    (small / "train_SIM.txt").write_bytes(content[:500] + b"\xff\xfe" + content[500:])
    one_line(lambda: read_train(small, "SIM"), "plain text", "0xff")


@pytest.mark.parametrize(
    "change",
    [
        str.rstrip,
        lambda x: x.replace("\n", "\r\n"),
        lambda x: x.replace(" ", "\t"),
        lambda x: x.replace(" ", "   "),
        lambda x: "\n".join(map(str.strip, x.split("\n"))),
    ],
)
def test_other_blanks_are_fine(small: Path, change) -> None:  # type: ignore[no-untyped-def]
    expected = read_train(small, "SIM")
    path = small / "train_SIM.txt"
    path.write_bytes(change(path.read_text()).encode())
    np.testing.assert_array_equal(read_train(small, "SIM").values, expected.values)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("1\n2\n3\n", ["one RUL for each of the 4 engines", "Found 3"]),
        ("1\n2\n-3\n4\n", ["line 3", "whole number"]),
        ("1\n2\n3.5\n4\n", ["line 3", "whole number"]),
        ("1\n2\nthree\n4\n", ["line 3", "finite number"]),
        ("", ["empty"]),
    ],
)
def test_damaged_rul_file(small: Path, content: str, words: list[str]) -> None:
    (small / "RUL_SIM.txt").write_text(content)
    one_line(lambda: read_test(small, "SIM"), "RUL_SIM.txt", *words)


def test_missing_files(small: Path, tmp_path: Path) -> None:
    (small / "RUL_SIM.txt").unlink()
    one_line(lambda: read_test(small, "SIM"), "RUL_SIM.txt", "Found none")
    one_line(lambda: subset_name("FD009", small), "FD009", "Found data sets: SIM", "grace data fetch")
    one_line(lambda: subset_name("SIM", small / "nowhere"), "nowhere", "grace data fetch")
    assert subset_name(str(small), None) == (small, "SIM")
    assert subset_name(str(small), tmp_path / "elsewhere") == (small, "SIM")  # GRACE_DATA may be set
    (small / "train_B.txt").write_text("")
    one_line(lambda: subset_name(str(small), None), "B, SIM")


def test_training_checks(small: Path) -> None:
    fleet = read_train(small, "SIM")
    one_line(lambda: check_training(fleet.select(np.array([0])), Conventions()), "two training engines")
    one_line(lambda: check_training(fleet, Conventions(window=500)), "engine ", "--window")
    fleet.values[:, fleet.columns.index("sensor_7")] = 5.0
    one_line(lambda: check_training(fleet, Conventions()), "sensor_7", "--without sensor_7")
    one_line(lambda: check_training(fleet, Conventions(features=("sensor_99",))), "sensor_99")


def test_a_known_name_with_other_content(cmapss_dir: Path, tmp_path: Path) -> None:
    text = (cmapss_dir / "train_FD001.txt").read_text()
    (tmp_path / "train_FD001.txt").write_text(text.replace("641.82", "641.83", 1))
    one_line(lambda: read_train(tmp_path, "FD001"), "SHA-256 963b5e22825b", "grace data fetch", "rename")
    (tmp_path / "train_FD001.txt").rename(tmp_path / "train_MINE.txt")
    assert len(read_train(tmp_path, "MINE").engines) == 100


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    lines = list(REAL)
    index = draw(st.integers(0, len(lines) - 1))
    fields = lines[index].split(" ")
    place = draw(st.integers(0, len(fields) - 1))
    junk = draw(
        st.sampled_from(
            ["", "x", "NaN", "-inf", "1e400", "0x1p3", "1_0", "--1", "1.", ".5", "+3", "1e5", "é", '"1"', "1,5"]
        )
    )
    action = draw(st.sampled_from(["field", "drop", "insert", "cut", "swap", "repeat", "byte"]))
    if action == "field":
        fields[place] = junk
    elif action == "drop":
        del fields[place]
    elif action == "insert":
        fields.insert(place, junk)
    lines[index] = " ".join(fields)
    if action == "swap":
        lines[index], lines[index - 1] = lines[index - 1], lines[index]
    elif action == "repeat":
        lines.insert(index, lines[index])
    content = "\n".join(lines).encode()
    if action == "cut":
        content = content[: draw(st.integers(0, len(content)))]
    elif action == "byte":
        at = draw(st.integers(0, len(content) - 1))
        content = content[:at] + draw(st.binary(min_size=1, max_size=3)) + content[at + 1 :]
    return content


REAL: list[str] = []


@pytest.fixture(scope="session")
def real_lines(cmapss_dir: Path) -> None:
    REAL[:] = (cmapss_dir / "train_FD001.txt").read_text().split("\n")[:250]


@settings(max_examples=400, deadline=None)
@given(data=st.data())
def test_mutated_real_files(real_lines: None, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    content = data.draw(mutated())
    path = tmp_path_factory.getbasetemp() / "train_MUT.txt"
    path.write_bytes(content)
    try:
        slow = _line_by_line(path, content, COLUMNS)
    except GraceError as error:
        assert "train_MUT.txt" in str(error)
        assert "\n" not in str(error)
        with pytest.raises(GraceError):  # so the fast path must not have let it through
            read_numbers(path, COLUMNS)
        return
    fast = _fast(path, COLUMNS)
    if fast is not None:
        np.testing.assert_array_equal(fast[0], slow[0])
        assert fast[1] == slow[1]
    try:
        read_train(path.parent, "MUT")
    except GraceError as error:
        assert "line" in str(error)


def test_the_clean_files_take_the_fast_path(cmapss_dir: Path) -> None:
    for path in sorted(cmapss_dir.glob("t*_FD00?.txt")):
        assert _fast(path, COLUMNS) is not None, path


def test_reading_does_not_need_another_subset(cmapss_dir: Path, tmp_path: Path) -> None:
    for kind in ("train", "test", "RUL"):
        (tmp_path / f"{kind}_FD001.txt").write_bytes((cmapss_dir / f"{kind}_FD001.txt").read_bytes())
    command = [sys.executable, "-m", "grace.cli.main", "data", "info", "FD001", "--data", str(tmp_path), "--json"]
    facts = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    assert (facts["windows"], facts["conditions"], facts["test_engines"]) == (17731, 1, 100)
    assert len(list(tmp_path.iterdir())) == 3
