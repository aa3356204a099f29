"""What a stranger reads: the answer in the first three lines of 80 columns, and last a command that works as it is printed."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from subprocess import CompletedProcess

import polars as pl
import pytest
import typer.main

from grace.cli.app import app
from grace.data.cmapss.fleets import write_cmapss
from grace.data.simulated.fleet import Simulation, simulate
from tests.command import grace
from tests.data.conftest import as_table

QUICK = ("--epochs", 1, "--folds", 2)
TABLE = ("--table", "fleet.parquet", "--engine", "id", "--time", "t", "--event", "failed", "--task", "soh")
GRID = ("--datasets", "SIM", "--data", ".", "--methods", "rul-only,grace", "--seeds", "1,2", "--epochs", 1)
PROBE = ("--inits", 2, "--batches", 3, "--steps", 6, "--jobs", 1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fleet in C-MAPSS's format, another as a table, a network of the first, and a sweep."""
    folder = tmp_path_factory.mktemp("answers")
    train, test = simulate(Simulation(engines=12, test_engines=5))
    write_cmapss(train, test, folder, "SIM")
    life = pl.col("t").max().over("id")
    frame = as_table(simulate(Simulation(engines=14, test_engines=2, seed=3))[0])
    frame = frame.rename({"asset": "id", "flight": "t"}).drop("note")
    frame = frame.with_columns(
        failed=(pl.col("id") <= 9).cast(pl.Int64), soh=pl.when(pl.col("t") % 10 == 0).then(1 - pl.col("t") / life)
    )
    frame.write_parquet(folder / "fleet.parquet")
    return folder


def spoken(done: CompletedProcess[str]) -> tuple[str, list[str]]:
    """The first three lines as one, and the words of the command that stands last; no line is wider than the terminal."""
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    begin = max(number for number, line in enumerate(lines) if line.startswith("next, ")) + 1
    assert all(len(line) <= 80 for line in lines[:begin]), [line for line in lines if len(line) > 80]
    last = "\n".join(lines[begin:])
    assert all(len(line) <= 80 or " --" not in line.strip() for line in lines[begin:])
    return " ".join(line.strip() for line in lines[:3]), shlex.split(
        last.replace("\\\n", " ")
    )  # as a shell joins lines


def check_parses(words: list[str]) -> None:
    """Refuse a command that names an option or an argument that is not there."""
    assert words[0] == "grace"
    command, context, rest = typer.main.get_command(app), None, words[1:]
    while True:
        context = command.make_context("grace", list(rest), parent=context)
        if not hasattr(command, "resolve_command"):
            return
        rest = [*context._protected_args, *context.args]
        if not rest:
            return
        _, command, rest = command.resolve_command(context, rest)


@pytest.mark.parametrize(
    ("command", "answer", "following"),
    [
        (
            ("data", "info", "SIM", "--data", "."),
            r"SIM: [\d,]+ rows of 12 training engines, all run to failure; RUL",
            "advise",
        ),
        (("data", "check", "SIM", "--data", "."), r"SIM: no fault found; [\d,]+ rows of 12 training engines", "advise"),
        (
            ("data", "info", *TABLE),
            r"fleet.parquet: [\d,]+ rows of 14 training engines \(9 failed, 5 suspended\)",
            "advise",
        ),
        (("data", "check", *TABLE), r"fleet.parquet: no fault found; .*\(9 failed, 5 suspended\)", "advise"),
        (
            ("data", "simulate", "made", "--engines", 4),
            r"made: a simulated fleet, [\d,]+ rows of 4 training engines",
            "diagnose",
        ),
        (("diagnose", "SIM", "--data", ".", *PROBE), r"SIM: .*: rho [+-]\d\.\d\d \[.*\].*train both ways", "bench"),
        (("diagnose", "simulated", "--dial", "-1", *PROBE), r"simulated: .*: rho [+-]\d\.\d\d \[.*\]", "validity"),
        (("diagnose", *TABLE, *PROBE), r"fleet: .*: rho [+-]\d\.\d\d \[.*\].*train both ways", "bench"),
        (
            ("train", "SIM", "--data", ".", *QUICK),
            r"SIM-.*safetensors: out of fold RMSE .*test RMSE .* cycles",
            "predict",
        ),
        (("bench", "plan", *GRID), r"4 runs: statistics network", "bench"),
        (("validity",), r"the RMSE changed by -?\+?\d+ to \+\d+ %", "advise"),
        (("validity", "--first"), r"rho did not predict benefit in the validity study's 106 cases", "advise"),
        (("demo", "two-regimes"), r"Not as claimed: in regime A GABA's RMSE is 20\.73, claimed 4\.50", "demo"),
        (("demo", "cosine", "--initialisations", 20), r"Not as claimed: rho of aligned labels is", "demo"),
    ],
    ids=lambda value: " ".join(map(str, value[:3])) if isinstance(value, tuple) else "",
)
def test_the_answer_is_first_and_the_next_command_last(
    command: tuple[object, ...], answer: str, following: str, folder: Path
) -> None:
    first, last = spoken(grace(*command, cwd=folder))
    assert re.search(answer, first), first
    assert last[1] == following
    check_parses(last)


@pytest.mark.system
def test_a_network_from_training_to_predictions_by_the_commands_that_are_named(folder: Path) -> None:
    _, last = spoken(grace("train", "SIM", "--data", ".", *QUICK, "--to", "net.safetensors", cwd=folder))
    assert last == ["grace", "predict", "net.safetensors", "test_SIM.txt"]
    first, last = spoken(grace(*last[1:], cwd=folder))
    assert re.search(r"5 engines, \d+ critical; the least RUL: engine \d, \d+\.\d cycles", first), first
    first, last = spoken(grace(*last[1:], cwd=folder))
    assert (folder / "test_SIM-rul.csv").exists()
    first, last = spoken(grace(*last[1:], cwd=folder))
    assert last == ["grace", "predict", "net.safetensors", "test_SIM.txt", "--every", "10", "--to", "test_SIM-rul.csv"]
    pytest.importorskip("onnxruntime")
    first, last = spoken(grace("export", "net.safetensors", cwd=folder))
    assert first.startswith("net.onnx: windows [N, 60, ")
    assert last[:2] == ["python", "-c"]
    compile(last[2], "what is printed", "exec")


def test_a_sweep_from_its_plan_to_its_page_by_the_commands_that_are_named(folder: Path) -> None:
    _, last = spoken(grace("bench", "plan", *GRID, cwd=folder))
    first, last = spoken(grace(*last[1:], "--to", "sweep", "--jobs", 1, cwd=folder))
    assert first.startswith("4 done, 0 running, 0 failed, 0 waiting in sweep")
    first, last = spoken(grace(*last[1:], cwd=folder))
    assert first.startswith("No method's RMSE is measurably better than RUL alone's on SIM.")
    first, last = spoken(grace(*last[1:], cwd=folder))
    assert first.startswith("report.html: 4 runs, 0 diagnoses")
    assert last == ["python", "-m", "webbrowser", (folder / "report.html").as_uri()]


def test_status_knows_the_grid_of_its_folder(folder: Path) -> None:
    assert "Found none" in grace("bench", "status", "--to", "nowhere", cwd=folder).stderr
    grace("bench", "run", *GRID, "--to", "known", "--jobs", 1, cwd=folder)
    first, _ = spoken(grace("bench", "status", "--to", "known", cwd=folder))
    assert first.startswith("4 done, 0 running, 0 failed, 0 waiting in known")
    next((folder / "known" / "records").glob("*.json")).unlink()
    assert "3 done, 0 running, 0 failed, 1 waiting" in grace("bench", "status", "--to", "known", cwd=folder).stdout
    named = grace("bench", "status", *GRID[:-2], "--epochs", 2, "--to", "known", cwd=folder)  # another grid, by name
    assert "0 done, 0 running, 0 failed, 4 waiting" in named.stdout
    (folder / "known" / "sweep.grid").unlink()  # as an earlier version left it
    assert "3 done, 0 running, 0 failed, 0 waiting" in grace("bench", "status", "--to", "known", cwd=folder).stdout


@pytest.mark.system
def test_advice_answers_first_and_names_what_trains_it(folder: Path) -> None:
    first, last = spoken(grace("advise", *TABLE, "--budget", "1s", "--jobs", 1, cwd=folder))
    assert re.match(r"(Add|Train|Likely, not sure: (add|train)) ", first), first
    assert last[:10] == ["grace", "train", *TABLE[:8]]
    check_parses(last)


def test_conventions_stand_behind_verbose(folder: Path) -> None:
    for command in (("diagnose", "SIM", "--data", ".", *PROBE), ("data", "info", "SIM", "--data", ".")):
        assert "Conventions:" not in grace(*command, cwd=folder).stdout
        assert "Conventions:" in grace(*command, "--verbose", cwd=folder).stdout


def test_an_interval_that_crosses_an_edge_says_so_and_one_value_has_none(folder: Path) -> None:
    done = grace("diagnose", "SIM", "--data", ".", *PROBE, "--bands", "source", cwd=folder)
    low, high = map(float, re.findall(r"\[([+-][\d.]+), ([+-][\d.]+)\]", done.stdout)[0])
    crossed = [edge for edge in (-0.05, 0.05, 0.20) if low <= edge <= high]
    assert (
        "which crosses " + " and ".join(f"{edge:+.2f}" for edge in crossed) in " ".join(done.stdout.split())
    ) == bool(crossed)
    one = grace("diagnose", "SIM", "--data", ".", *PROBE, "--inits", 1, cwd=folder)
    assert "(one initialisation: interval unknown)" in " ".join(one.stdout.split()[:20])
