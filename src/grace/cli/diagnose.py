"""``grace diagnose``: measure alignment on a fleet and say what follows."""

from __future__ import annotations

import json
import sys
from dataclasses import fields, replace
from pathlib import Path
from typing import Annotated

import typer

from grace.cli import work
from grace.cli.grouped import grouped
from grace.cli.options import EngineOptions, Engines, OptionalJobs, Profile, Size, Suspended, Verbose
from grace.data.tasks import HEALTH
from grace.errors import GraceError, check_one_of

app = typer.Typer(rich_markup_mode=None)


@app.command("diagnose", short_help="Measure alignment, decide, explain.")
@grouped
def _diagnose(
    engines: EngineOptions,
    dataset: Engines = None,
    recipe: Annotated[str, typer.Option(help="joint, init, warmup, warmup-each or published.")] = "joint",
    inits: Annotated[int, typer.Option(help="Initialisations; the interval is over them.")] = 8,
    batches: Annotated[int, typer.Option(help="Batches read in each.")] = 50,
    size: Size = None,
    inner: Annotated[str, typer.Option(help="RUL loss: weighted_mse or mse.")] = "weighted_mse",
    batch_size: Annotated[int, typer.Option(help="Windows in a batch.")] = 128,
    suspended: Suspended = None,
    steps: Annotated[int | None, typer.Option(help="Optimiser steps, in place of the recipe's own.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the first initialisation.")] = 0,
    without: Annotated[list[str] | None, typer.Option(help="Leave a column out, e.g. sensor_7; repeatable.")] = None,
    labels: Annotated[Path | None, typer.Option(help="Own health labels 0, 1, 2: one a training row.")] = None,
    dial: Annotated[float, typer.Option(help="simulated: +1 labels help, 0 say nothing, -1 compete.")] = 1.0,
    bands: Annotated[str, typer.Option(help="Rule: study, or source as published.")] = "study",
    threshold: Annotated[
        list[str] | None, typer.Option(help="Override, e.g. strong=0.3; see below; repeatable.")
    ] = None,
    jobs: OptionalJobs = None,
    as_json: Annotated[bool, typer.Option("--json", help="Standard output holds one JSON object alone.")] = False,
    verbose: Verbose = False,
    profile: Profile = False,
) -> None:
    """Measure how the gradients of RUL and of the tasks beside it align, with an interval, and say what follows.

    \b
      grace diagnose FD003 --data cmapss                         the recommended recipe
      grace diagnose FD003 --data cmapss --recipe init           the source's recipe, many initialisations
      grace diagnose FD003 --data cmapss --json > fd003.json     for programs
      grace diagnose ./my_engines                                a folder with one train_NAME.txt
      grace diagnose --table fleet.parquet --engine id --time cycle    your own columns
      grace diagnose simulated --dial -1 --size tiny             labels that compete

    \b
    Recipes: joint (first joint steps, read at their end), init (untrained network, the source's code), warmup
    (single-task steps first, the source's text; warmup-each: one backbone a task), published (init with one
    initialisation: unreliable).
    \b
    Rules: study says what the labels follow and prescribes nothing; source prescribes by its bands of rho, thresholds strong
    0.20, weak 0.05, opposed -0.05, ratio 100, near_failure 0.10, conditions 2. --threshold takes the source's rule. With it
    go full windows of 30 cycles, the settings as features and the compact network, unless --window and --size name others.
    """
    opened = engines.opened_unless(dataset, "diagnose")
    thresholds = _rule(bands, threshold or [])
    published = thresholds.prescribes
    if opened is not None and labels is not None:
        raise GraceError(
            "`--labels` should be left out with --table, whose rows are sorted. Found both. Use --label COLUMN."
        )
    fleet = work.load_train(dataset or "", engines.source(opened), dial, seed)
    if labels is not None:
        fleet = work.with_labels(fleet, labels)
    base = work.PUBLISHED if published else work.Conventions()
    conventions = _less(engines.change(base, opened, fleet), without or [])
    if labels is not None and HEALTH not in conventions.tasks:
        raise GraceError("`--labels` are those of the task health. Found --task without it. Add --task health.")
    network = size or ("compact" if published else work.usual_size(conventions))
    min_history = 0 if published else work.usual_history(network)
    problem = work.FleetProblem(
        fleet,
        conventions,
        size=network,
        inner=inner,
        batch_size=batch_size,
        min_history=min_history,
        suspended=suspended or work.SUSPENDED[0],
    )  # refused before a line is shown
    if opened is not None and not as_json:
        work.show_table(opened, fleet, conventions, min_history, before=True)
    for line in fleet.done if opened is None and not as_json else ():  # on labels of a table of units
        print(line, file=sys.stderr)
    with (
        work.processes(_jobs(jobs, network)) as executor,
        work.progress_bar(f"{fleet.name}: {recipe}", "initialisations") as on_progress,
    ):
        result = work.diagnose(
            problem,
            recipe=recipe,
            inits=inits,
            reads=batches,
            steps=steps,
            seed=seed,
            thresholds=thresholds,
            executor=executor,
            on_progress=on_progress,
        )
    if as_json:
        print(json.dumps(result.to_json(), indent=2))
        return
    work.show_diagnosis(result, verbose=verbose)
    if labels is not None or without or dial != 1:  # what no training takes
        work.following("next, see what second tasks did in the study", "grace", "validity")
    else:
        _compare(engines, fleet.name, dataset, work.both_ways(result))


def _compare(engines: EngineOptions, name: str, dataset: str | None, options: list[str]) -> None:
    """How to train both ways."""
    named = ["--datasets", name] if dataset is not None else []
    named += ["--data", dataset] if dataset is not None and Path(dataset).is_dir() else []
    command = ["grace", "bench", "run", *named, *engines.given(), *options, "--to", f"{name}-both-ways"]
    work.following("next, train both ways", *command)


def _jobs(asked: int | None, size: str) -> int:
    """Processes, by default one a core; a network on statistics is diagnosed before a second process has started."""
    return asked if asked is not None else int(size.startswith(("statistics", "quantiles")))


def _less(conventions: work.Conventions, without: list[str]) -> work.Conventions:
    """Conventions without these features."""
    features = conventions.features
    for name in without:
        if name not in features:
            raise GraceError(f"`--without` should name a used column: {', '.join(features)}. Found {name!r}.")
    return replace(conventions, features=tuple(name for name in features if name not in without))


def _rule(bands: str, overrides: list[str]) -> work.Thresholds:
    check_one_of("--bands", bands, work.RULES)
    if not overrides:
        return work.RULES[bands]
    names = [f.name for f in fields(work.SOURCE) if f.name != "prescribes"]
    values: dict[str, float] = {}
    for text in overrides:
        name, _, value = text.partition("=")
        try:
            values[name] = float(value)
        except ValueError:
            values[name] = float("nan")
        if name not in names or values[name] != values[name]:
            raise GraceError(f"`--threshold` should be NAME=NUMBER with NAME in {', '.join(names)}. Found {text!r}.")
    return replace(work.SOURCE, **values)  # type: ignore[arg-type]
