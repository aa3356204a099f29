"""How a command ends when it does not end well."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import typer

from grace.cli import app as module
from tests.command import grace
from tests.report.packed import data_of


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [(KeyboardInterrupt(), 130, "interrupted; nothing was left half-written\n"), (typer.Abort(), 130, "")],
)
def test_an_interrupt_is_130(error: BaseException, code: int, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def app(**_: object) -> None:
        raise error

    monkeypatch.setattr(module, "app", app)
    done = grace("diagnose")
    assert (done.returncode, done.stdout, done.stderr) == (code, "", words)


def test_an_error_of_ours_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def app(**_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(module, "app", app)
    with pytest.raises(ZeroDivisionError):
        grace("diagnose")


def test_a_reader_that_leaves_is_no_error_to_read() -> None:
    command = [sys.executable, "-u", "-m", "grace.cli.main", "--help"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 1


def test_info_prints_the_facts_of_a_fleet(small: Path) -> None:
    done = grace("data", "info", small, columns=120)
    assert done.returncode == 0, done.stderr
    for words in ("6 engines of", "4 engines", "1 found", "of 30 cycles", "with RUL < 30", "healthy"):
        assert words in done.stdout


@pytest.mark.slow
def test_the_demonstration_leaves_a_page(tmp_path: Path) -> None:
    done = grace("demo", "--fleets", "2", "--jobs", "1", cwd=tmp_path, columns=120)
    assert done.returncode == 0, done.stderr
    assert "Explore in a browser: grace-demo/report.html" in done.stdout
    page = (tmp_path / "grace-demo" / "report.html").read_text()
    rows = data_of(page)["ways"]
    assert [row["name"] for row in rows] == ["RUL alone", "+ inspections", "+ bound", "+ both"]
    for row in rows:  # under the same names, with the same figures
        assert any(f" {row['name']} " in line and row["difference_words"] in line for line in done.stdout.splitlines())
    kept = tmp_path / "grace-demo" / "few-failures"
    assert len(list(kept.glob("*.json"))) == 8
    assert len(list((tmp_path / "grace-demo" / "diagnosis").glob("*.json"))) == 3
