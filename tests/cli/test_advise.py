"""``grace advise`` as it is typed: an answer with its command, which trains; asked again; and what is refused."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from grace.data.simulated.fleet import Simulation, simulate
from grace.training.model_file import load_model
from tests.command import grace, refused

TABLE = (
    "--table",
    "pumps.csv",
    "--engine",
    "id",
    "--time",
    "t",
    "--event",
    "failed",
    "--task",
    "soh",
    "--budget",
    "1s",
)


@pytest.fixture
def pumps(tmp_path: Path) -> Path:
    return table(tmp_path)


def table(folder: Path) -> Path:
    """Sixteen simulated units as a table, six of which failed, with a state of health in some rows."""
    fleet, _ = simulate(Simulation(engines=16, test_engines=1))
    names = [f"s{number}" for number in range(fleet.values.shape[1])]
    frame = pl.DataFrame(dict(zip(names, fleet.values.T, strict=True))).with_columns(
        id=pl.Series(fleet.engines[fleet.engine_of_row()]),
        t=pl.Series(np.arange(len(fleet.values)) - fleet.starts[fleet.engine_of_row()] + 1),
    )
    life = pl.col("t").max().over("id")
    frame = frame.filter((pl.col("id") <= 6) | (pl.col("t") < 0.7 * life)).with_columns(
        failed=(pl.col("id") <= 6).cast(pl.Int64),
        soh=pl.when(pl.col("t") % 10 == 0).then(1 - pl.col("t") / life),
    )
    frame.write_csv(folder / "pumps.csv")
    return folder


def _read(shown: str) -> tuple[str, str]:
    """The answer, which comes first, and the command, which comes last."""
    return shown.split("\n\n")[0], shown.split("next, train it:\n")[1].replace("\\\n   ", "").strip()


@pytest.mark.system
def test_advice_on_a_table_names_the_command_that_trains_it(pumps: Path) -> None:
    done = grace("advise", *TABLE, cwd=pumps, columns=160)
    assert done.returncode == 0, done.stderr
    answer, command = _read(done.stdout)
    assert answer.startswith(("Add ", "Train ", "Likely, not sure: "))
    assert "Raced on 6 failed units" in " ".join(done.stdout.split())
    assert command.startswith("grace train --table pumps.csv --engine id --time t --event failed --method ")
    (file,) = pumps.glob("pumps-*.advice.json")
    before = file.read_bytes()
    again = grace("advise", *TABLE, cwd=pumps, columns=160)
    assert _read(again.stdout) == (answer, command)
    assert json.loads(before)["body"]["laps"] == json.loads(file.read_bytes())["body"]["laps"]
    trained = grace(*shlex.split(command)[1:], "--epochs", 1, "--folds", 2, cwd=pumps)
    assert trained.returncode == 0, trained.stderr


@pytest.mark.system
def test_labels_that_are_not_named_do_not_become_features(pumps: Path) -> None:
    """The columns of all tasks that race are labels in the command that is printed, too."""
    frame = pl.read_csv(pumps / "pumps.csv")
    frame = frame.with_columns(stage=(pl.col("t") * 7 + pl.col("id") * 5) % 3, shade=pl.col("t") * 3 % 7 / 7)
    frame.write_csv(pumps / "pumps.csv")
    tasks = ("--task", "stage:class", "--task", "shade")
    done = grace("advise", *TABLE, *tasks, cwd=pumps, columns=160)
    assert done.returncode == 0, done.stderr
    (file,) = pumps.glob("pumps-*.advice.json")
    raced = json.loads(file.read_bytes())["body"]["of"]["conventions"]["features"]
    assert not {"soh", "stage", "shade"} & set(raced)
    trained = grace(*shlex.split(_read(done.stdout)[1])[1:], "--epochs", 1, "--folds", 2, cwd=pumps)
    assert trained.returncode == 0, trained.stderr
    (model,) = pumps.glob("*.safetensors")
    assert list(load_model(model).spec.conventions.features) == raced


@pytest.mark.system
def test_json_holds_the_whole_answer(pumps: Path) -> None:
    done = grace("advise", *TABLE, "--json", cwd=pumps)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["verdict"] in ("add", "alone", "undecided")
    assert found["command"][:2] == ["grace", "train"]
    assert found["labels"][0]["name"] == "soh"
    assert found["labels"][0]["known"] == pytest.approx(0.1, abs=0.02)
    assert {row["name"] for row in found["raced"]} >= {"RUL alone, narrow", "RUL alone + bound, narrow"}


@pytest.mark.system
def test_trained_at_once(pumps: Path) -> None:
    done = grace("advise", *TABLE, "--train", cwd=pumps)
    assert done.returncode == 0, done.stderr
    assert list(pumps.glob("*.safetensors"))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("simulated", "--budget", "soon"), "`--budget` should be a time over 0, as in 60s, 5m or 1h. Found 'soon'"),
        (("simulated", "--budget", "0s"), "`--budget` should be a time over 0"),
        (("simulated", "--json", "--train"), "`--json` should be left out with --train"),
        (("simulated", "--weight", "soh=1"), "`--weight` should name a task: health"),
        ((), "should have either DATASET or --table"),
    ],
)
def test_refusals(options: tuple[str, ...], words: str, tmp_path: Path) -> None:
    assert words in refused("advise", *options, cwd=tmp_path)
    assert not list(tmp_path.iterdir())
