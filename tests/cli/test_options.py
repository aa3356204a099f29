"""Options that several commands share: one help text, the package's own defaults, old names, and nothing heavy for ``--help``."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pytest
import typer

from docs.commands import commands
from grace.alignment.diagnose import diagnose
from grace.alignment.problem import FleetProblem
from grace.bench.sweep import METHODS
from grace.cli import work
from grace.cli.app import app
from grace.cli.grouped import grouped
from grace.cli.main import OLD_NAMES
from grace.cli.options import EngineOptions, GridOptions, TrainingOptions
from grace.cli.train import usual
from grace.data.cmapss.checksums import SUBSETS
from grace.data.conventions import Conventions
from grace.data.simulated.fleet import Simulation, simulate
from grace.data.stored import StoredRows
from grace.models.rul_problem import usual_history
from grace.training.run_spec import run_spec
from grace.training.schedule import SCHEDULES
from grace.training.spec import SEEDS
from tests.command import grace, refused

COMMANDS = dict(commands(typer.main.get_command(app), "grace"))


def test_an_option_that_commands_share_has_one_help_text() -> None:
    texts: dict[str, set[str]] = {}
    for path in ("grace train", "grace diagnose", "grace bench plan", "grace bench run", "grace bench status"):
        for parameter in COMMANDS[path].params:
            # batches of a reading, a seed of initialisations: other things of the same name
            if parameter.param_type_name == "option" and parameter.name not in ("to", "seed", "inner"):
                texts.setdefault(parameter.name, set()).add(parameter.help)
    assert {name: found for name, found in texts.items() if len(found) > 1} == {}


def test_defaults_are_those_of_the_package() -> None:
    assert run_spec("FD001") == run_spec("FD001", **TrainingOptions().choices(None))
    grid = GridOptions().specs(None)
    assert len(grid) == 180
    assert {spec.dataset for spec in grid} == set(SUBSETS)
    assert {spec.method for spec in grid} == set(METHODS)
    assert {spec.seed for spec in grid} == set(SEEDS)
    assert {spec.conventions for spec in grid} == {Conventions()}
    assert {(spec.size, spec.schedule_name, spec.rul_scale) for spec in grid} == {
        ("statistics", "statistics", "cap-head")
    }
    for size in ("statistics", "quantiles", "compact", "tiny"):
        assert SCHEDULES[size].min_history == usual_history(size)


def test_defaults_of_a_diagnosis_are_those_of_the_function() -> None:
    parameters = inspect.signature(diagnose).parameters | inspect.signature(FleetProblem).parameters
    shown = {p.name: p.default for p in COMMANDS["grace diagnose"].params}
    for name in ("recipe", "inits", "inner", "batch_size", "steps", "seed"):
        assert shown[name] == parameters[name].default
    assert shown["batches"] == parameters["reads"].default
    assert [shown[name] for name in ("cap", "health", "window")] == [None] * 3
    assert EngineOptions().change(Conventions(), None) == Conventions()


MEASURED = ("size", "window", "features", "min_history")


def measured(*arguments: str) -> list[Any]:
    done = grace("diagnose", "simulated", "--inits", "1", "--batches", "1", "--steps", "1", "--json", *arguments)
    conventions = json.loads(done.stdout)["conventions"]
    return [conventions[name] for name in MEASURED]


@pytest.mark.system
def test_a_diagnosis_and_a_training_read_the_same_windows_and_the_sources_rule_those_it_was_published_with() -> None:
    spec, sensors = run_spec("FD001"), list(Conventions().features)
    ours = [spec.size, spec.conventions.window, sensors, spec.schedule.min_history]
    assert measured() == ours == ["statistics", 60, sensors, 20]
    problem = FleetProblem(simulate(Simulation())[0])
    assert [problem.size, problem.conventions, problem.min_history] == [spec.size, spec.conventions, ours[3]]
    settings = [f"setting_{number}" for number in (1, 2, 3)]
    published = ["compact", 30, settings + sensors, 30]
    assert measured("--bands", "source") == measured("--threshold", "strong=0.3") == published
    named = ("--bands", "source", "--size", "tiny", "--window", "20")
    assert measured(*named) == ["tiny", 20, settings + sensors, 20]


@pytest.mark.parametrize(
    ("choices", "schedule", "rul_scale"),
    [
        ({}, "statistics", "cap-head"),
        ({"size": "compact"}, "compact", "cycles"),
        ({"size": "paper"}, "paper", "cycles"),
        ({"size": "tiny"}, "tiny", "cycles"),
        ({"size": "compact", "schedule": "tiny", "rul_scale": "cap"}, "tiny", "cap"),
        ({"schedule": "compact"}, "compact", "cap-head"),
    ],
)
def test_schedule_and_unit_follow_the_size_unless_they_are_named(
    choices: dict[str, str], schedule: str, rul_scale: str
) -> None:
    for spec in (run_spec("FD001", **choices), run_spec("FD001", **TrainingOptions(**choices).choices(None))):  # type: ignore[arg-type]
        assert (spec.size, spec.schedule_name, spec.rul_scale) == (
            choices.get("size", "statistics"),
            schedule,
            rul_scale,
        )


def test_an_unknown_size_is_told_as_that(tmp_path: Path) -> None:
    words = refused("train", "simulated", "--size", "huge", cwd=tmp_path)
    sizes = "statistics, quantiles, statistics-narrow, quantiles-narrow, paper, compact, tiny"
    assert words == f"error: `size` should be one of {sizes}. Found 'huge'.\n"


@pytest.mark.parametrize("command", ["train FD001", "bench plan", "bench run", "bench status"])
@pytest.mark.parametrize("value", ["--unit cap", "--unit=cap"])
def test_an_old_option_gives_one_line_that_names_the_new_one(command: str, value: str) -> None:
    words = refused(*command.split(), *value.split())
    assert words == "error: `--unit` is called `--rul-scale` now.\n"


def test_an_old_option_of_a_command_without_the_new_one_is_just_unknown() -> None:
    words = refused("report", "--unit", "cap")
    assert "--rul-scale" not in words
    assert "See `grace report --help`" in words


def test_an_old_command_or_an_option_of_one_gives_one_line_that_names_the_new_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(OLD_NAMES, "grace data download", "grace data fetch")
    monkeypatch.setitem(OLD_NAMES, "grace report --page", "--output")
    words = refused("data", "download", "--data", "x")
    assert words == "error: `grace data download` is called `grace data fetch` now.\n"
    words = refused("report", "results", "--page", "x")
    assert words == "error: `grace report --page` is called `--output` now.\n"
    assert "No such command" in refused("data", "upload")
    assert "No such option" in refused("data", "fetch", "--page")


def test_old_names_are_names_of_nothing() -> None:
    options = {name for command in COMMANDS.values() for p in command.params for name in p.opts}
    assert {"--rul-scale"} <= options
    assert OLD_NAMES.keys().isdisjoint(options | COMMANDS.keys())


def test_a_group_becomes_options_of_its_own_before_those_of_its_base() -> None:
    @dataclass(frozen=True)
    class Base:
        size: Annotated[int, typer.Option(help="a")] = 1
        speed: Annotated[int, typer.Option(help="b")] = 2

    @dataclass(frozen=True)
    class Own(Base):
        speed: Annotated[int, typer.Option(help="c")] = 3

    seen: list[Any] = []

    def command(group: Any, name: str = "x") -> None:
        seen.append((group, name))

    command.__annotations__["group"] = Own
    made = grouped(command)
    assert [(p.name, p.default) for p in inspect.signature(made).parameters.values()] == [
        ("name", "x"),
        ("speed", 3),
        ("size", 1),
    ]
    made(name="y", speed=5, size=6)
    assert seen == [(Own(size=6, speed=5), "y")]


def test_what_commands_call_is_there() -> None:
    for name in work.__all__:
        assert getattr(work, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        work.nothing  # noqa: B018


def test_help_imports_nothing_heavy() -> None:
    code = """
import sys
from grace.cli.main import main
for command in ("", "data", "diagnose", "train", "predict", "export", "bench run", "report", "validity", "demo"):
    sys.argv = ["grace", *command.split(), "--help"]
    try:
        main()
    except SystemExit as left:
        assert left.code == 0, command
heavy = {"torch", "polars", "sklearn", "scipy", "numpy", "pandas", "rich.progress", "rich.table"}
print(sorted(heavy & set(sys.modules)), file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


def test_folds_and_hazards_of_suspended_units_unless_rows_stay_on_the_disk(tmp_path: Path) -> None:
    whole = simulate(Simulation(engines=60, test_engines=5))[0]
    failed = np.arange(60) >= 10
    np.save(tmp_path / "rows.npy", whole.values)
    some = replace(whole, failed=failed)
    stored = replace(some, values=StoredRows.whole(tmp_path / "rows.npy"))
    options = TrainingOptions()
    assert usual(options, whole) == {}
    assert usual(options, some) == {"folds": 10, "suspended": "hazard"}
    assert usual(options, stored) == {"suspended": "hazard"}  # folds would read all rows ten times over
    assert usual(options, stored.select(np.arange(12))) == {"folds": 10, "suspended": "hazard"}  # few failed
    assert usual(replace(options, folds=0, suspended="ignore"), some) == {}
    assert usual(replace(options, rul_scale="cap"), some) == {"folds": 10}
    assert usual(replace(options, model="tree"), some) == {"folds": 10}
