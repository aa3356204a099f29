"""``grace advise``: look, race within a budget, and say what to train and what to expect."""

from __future__ import annotations

import json
import re
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from grace.cli import work
from grace.cli.grouped import grouped
from grace.cli.options import EngineOptions, Engines, Jobs, Profile, Size, Verbose
from grace.cli.task_options import weighted
from grace.errors import GraceError

app = typer.Typer(rich_markup_mode=None)

_SECONDS = {"": 1, "s": 1, "m": 60, "min": 60, "h": 3600}
LEAST = 0.1
"""Seconds of a race whose budget was used up before it began: each way of RUL alone that is fast runs once."""
_OF_TASKS = ("task", "label")
"""Options that the command that is printed says anew."""


@app.command("advise", short_help="Race second tasks, and say what to train.")
@grouped
def _advise(
    engines: EngineOptions,
    dataset: Engines = None,
    budget: Annotated[str, typer.Option(help="Time that it may take, as in 60s, 5m or 1h.")] = "60s",
    size: Size = None,
    weight: Annotated[
        list[str] | None,
        typer.Option(help="Weight of a task beside RUL's of 1, e.g. soh=0.1, the default; repeatable."),
    ] = None,
    train: Annotated[
        bool, typer.Option("--train", help="Train what it says afterwards, as `grace train` does.")
    ] = False,
    jobs: Jobs = 0,
    to: Annotated[
        Path | None,
        typer.Option(help="File of the race, which an interrupted one goes on from; default NAME-ID.advice.json."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Standard output holds one JSON object alone.")] = False,
    verbose: Verbose = False,
    profile: Profile = False,
) -> None:
    """Say what to train and what to expect, from short trainings on your engines: RUL alone, each task beside it, or several.

    Every way is trained a few times and judged on failed engines that it has not seen. What that shows of so few is taken
    together with what such labels did in the study (`grace validity`): an expected change of RMSE, with a 90 % interval.
    It stops when that decides, or when the budget is used up.

    \b
      grace advise --table pumps.parquet --engine id --time t --event failed --task soh --task stage:class
      grace advise --table pumps.parquet --engine id --time t --event failed --task soh --budget 5m --train
      grace advise FD001 --data cmapss --unit-table known.csv --engine unit --event failed
      grace advise simulated

    \b
    Interrupted, the same command goes on; asked again, it says the same at once, or races on with a larger budget.
    """
    began, seconds = time.monotonic(), _seconds(budget)
    if train and as_json:
        raise GraceError(
            "`--json` should be left out with --train, which prints a training. Found both. Leave one out."
        )
    opened = engines.opened_unless(dataset, "advise")
    fleet = work.load_train(dataset or "", engines.source(opened))
    conventions = engines.change(work.Conventions(), opened, fleet)
    conventions = work.weighed(conventions, weighted(conventions.tasks, weight or ()))
    network = size or work.usual_size(conventions)
    if opened is not None and not as_json:
        work.show_table(opened, fleet, conventions, work.usual_history(network), before=True)
    for line in fleet.done if opened is None and not as_json else ():
        print(line, file=sys.stderr)
    file = to or Path(f"{fleet.name}-{work.race_id(fleet, conventions, network)}.advice.json")
    with work.processes(jobs) as executor, work.racing(fleet.name, seconds) as on_lap:
        left = max(seconds - (time.monotonic() - began), LEAST)  # reading a table takes of it, too
        advice = work.advise_fleet(
            fleet, conventions, size=network, budget=left, file=file, executor=executor, on_lap=on_lap
        )
    command = ["train", *([dataset] if dataset else []), *engines.given(*_OF_TASKS), *advice.command]
    if as_json:
        print(json.dumps(work.rounded(advice.to_json() | {"command": ["grace", *command]}), indent=2))
        return
    work.show_advice(advice, verbose)
    if not train:
        work.following("next, train it", "grace", *command)
    else:
        from grace.cli.app import app as every

        if code := every(command, prog_name="grace", standalone_mode=False):
            raise typer.Exit(code)


def _seconds(text: str) -> float:
    """Seconds of a budget."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*", text)
    if found is None or found[2] not in _SECONDS or not float(found[1]) > 0:
        raise GraceError(f"`--budget` should be a time over 0, as in 60s, 5m or 1h. Found {text!r}.")
    return float(found[1]) * _SECONDS[found[2]]
