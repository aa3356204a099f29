"""``grace diagnose``: measure alignment on a fleet and say what follows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from grace.cli.table_options import Conditions, Opened, conventions_of, one_of, reads_tables
from grace.errors import GraceError

if TYPE_CHECKING:
    from grace.alignment.decide import Thresholds
    from grace.data.conventions import Conventions
    from grace.data.fleet import Fleet


@reads_tables
def diagnose(
    opened: Opened | None,
    dataset: Annotated[
        str | None, typer.Argument(help="FD001..FD004, NAME of a train_NAME.txt, a folder, or `simulated`; or --table.")
    ] = None,
    data: Annotated[Path | None, typer.Option(help="Folder of the files.", envvar="GRACE_DATA")] = None,
    recipe: Annotated[str, typer.Option(help="joint, init, warmup, warmup-each or published.")] = "joint",
    inits: Annotated[int, typer.Option(help="Initialisations; the interval is over them.")] = 8,
    batches: Annotated[int, typer.Option(help="Batches read in each.")] = 50,
    size: Annotated[str, typer.Option(help="Network: compact, paper or tiny.")] = "compact",
    inner: Annotated[str, typer.Option(help="RUL loss: weighted_mse or mse.")] = "weighted_mse",
    batch_size: Annotated[int, typer.Option(help="Windows in a batch.")] = 128,
    steps: Annotated[int | None, typer.Option(help="Optimiser steps, in place of the recipe's own.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the first initialisation.")] = 0,
    health: Annotated[str, typer.Option(help="Health cuts HEALTHY,CRITICAL in cycles of RUL.")] = "70,30",
    cap: Annotated[int, typer.Option(help="Largest RUL that is told apart, cycles.")] = 125,
    window: Annotated[int, typer.Option(help="Length of a window, cycles (rows of a table).")] = 30,
    conditions: Conditions = "auto",
    without: Annotated[list[str] | None, typer.Option(help="Leave a column out, e.g. sensor_7; repeatable.")] = None,
    labels: Annotated[Path | None, typer.Option(help="Own health labels 0, 1, 2: one a training row.")] = None,
    dial: Annotated[float, typer.Option(help="simulated: +1 labels help, 0 say nothing, -1 compete.")] = 1.0,
    bands: Annotated[str, typer.Option(help="Rule: study, or source as published.")] = "study",
    threshold: Annotated[
        list[str] | None, typer.Option(help="Override, e.g. strong=0.3; see below; repeatable.")
    ] = None,
    jobs: Annotated[int, typer.Option(help="Processes; 0 is one a core. The numbers do not depend on it.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Standard output holds one JSON object alone.")] = False,
) -> None:
    """Measure how the two tasks' gradients align, with an interval, and say what follows.

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
    0.20, weak 0.05, opposed -0.05, ratio 100, near_failure 0.10, conditions 2. --threshold takes the source's rule.
    """
    from grace.alignment.diagnose import diagnose_fleet
    from grace.alignment.show import show_diagnosis
    from grace.cli.progress import initialisations
    from grace.cli.render_table import show_table
    from grace.core.pools import processes

    one_of(dataset, opened, "diagnose")
    conventions = _conventions(opened, health, cap, window, conditions, without or [])
    thresholds = _rule(bands, threshold or [])
    fleet = _fleet(dataset, opened, data, labels, dial, seed)
    if opened is not None and not as_json:
        show_table(opened, fleet, conventions)
    with processes(jobs) as executor, initialisations(f"{fleet.name}: {recipe}") as on_progress:
        result = diagnose_fleet(
            fleet,
            conventions,
            recipe=recipe,
            inits=inits,
            batches=batches,
            size=size,
            inner=inner,
            batch_size=batch_size,
            steps=steps,
            seed=seed,
            thresholds=thresholds,
            executor=executor,
            on_progress=on_progress,
        )
    if as_json:
        print(json.dumps(result.to_json(), indent=2))
    else:
        show_diagnosis(result)


def _fleet(
    dataset: str | None, table: Opened | None, data: Path | None, labels: Path | None, dial: float, seed: int
) -> Fleet:
    from grace.data.labels_file import with_labels
    from grace.data.source import load_train

    if table is not None and labels is not None:
        raise GraceError(
            "`--labels` should be left out with --table, whose rows are sorted. Found both. Use --label COLUMN."
        )
    fleet = load_train(dataset or "", data if table is None else table.tables, dial, seed)
    return fleet if labels is None else with_labels(fleet, labels)


def _conventions(
    table: Opened | None, health: str, cap: int, window: int, conditions: str, without: list[str]
) -> Conventions:
    from dataclasses import replace

    from grace.data.conventions import Conventions

    found = conventions_of(Conventions(), table, conditions, window=window, cap=cap, health=health)
    unknown = [name for name in without if name not in found.features]
    if unknown:
        raise GraceError(f"`--without` should name a used column: {', '.join(found.features)}. Found {unknown[0]!r}.")
    return replace(found, features=tuple(name for name in found.features if name not in without))


def _rule(bands: str, overrides: list[str]) -> Thresholds:
    from dataclasses import fields, replace

    from grace.alignment.decide import RULES, SOURCE

    if bands not in RULES:
        raise GraceError(f"`--bands` should be one of {', '.join(RULES)}. Found {bands!r}.")
    if not overrides:
        return RULES[bands]
    names = [f.name for f in fields(SOURCE) if f.name != "prescribes"]
    values: dict[str, float] = {}
    for text in overrides:
        name, _, value = text.partition("=")
        try:
            values[name] = float(value)
        except ValueError:
            values[name] = float("nan")
        if name not in names or values[name] != values[name]:
            raise GraceError(f"`--threshold` should be NAME=NUMBER with NAME in {', '.join(names)}. Found {text!r}.")
    return replace(SOURCE, **values)  # type: ignore[arg-type]
