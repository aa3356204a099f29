"""``grace demo``: the whole way on simulated fleets, few failures, and the source's two demonstrations beside what they give."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from concurrent.futures import Executor
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from grace.cli import work
from grace.cli.options import Jobs

app = typer.Typer(rich_markup_mode=None, no_args_is_help=False)

_PAGE_METHODS, _PAGE_SEEDS = ("baseline", "amnl", "grace", "rul-only"), (1, 2, 3)


@app.callback(invoke_without_command=True)
def _demo(
    context: typer.Context,
    fleets: Annotated[int, typer.Option(min=2, help="Simulated fleets that the outcome is measured on.")] = 6,
    jobs: Jobs = 0,
    to: Annotated[
        Path, typer.Option("--to", help="Folder for a few records, the diagnoses and the page that shows them.")
    ] = Path("grace-demo"),
) -> None:
    """See within a minute when a second task helps RUL and when it hurts; no data and no network needed.

    Simulated fleets whose health labels follow the degradation (dial +1), say nothing (0) or compete (-1) are diagnosed,
    then trained with and without the second task; the differences carry intervals over fleets. Fleets with few failures show
    what inspections of suspended engines bring. At the end stands a page (`grace report`) of these and of a few small runs.

    \b
      grace demo
      grace demo --fleets 40        narrower intervals, a few minutes
      grace demo few-failures       six failed engines, fifty suspended ones: inspections, the bound, both
      grace demo two-regimes        the source's first demonstration, claimed and true
      grace demo cosine             the source's second demonstration, claimed and true
    """
    if context.invoked_subcommand is not None:
        return
    setup = work.dial.Setup(fleets=fleets)
    with work.processes(jobs) as executor:
        with work.progress_bar("simulated fleets", "steps") as on_progress:
            outcomes = work.dial.run(setup=setup, executor=executor, on_progress=on_progress)
            work.show_dial(outcomes, setup)
        records = _shown_few_failures(fleets, executor)
        page = _page(outcomes, records, executor, to)
    print(f"Explore in a browser: {page}")


def _shown_few_failures(fleets: int, executor: Executor | None) -> list[work.Record]:
    """Train and show the ways to learn from few failures; the records of the trainings."""
    setup = work.few_failures.Setup(fleets=fleets)
    with work.progress_bar("few failures", "trainings") as on_progress:
        records = work.few_failures.run(setup, executor, on_progress)
        work.show_few_failures(work.ways(records), setup)
    return records


def _page(
    outcomes: Sequence[work.dial.Outcome], records: Sequence[work.Record], executor: Executor | None, folder: Path
) -> Path:
    """Train a few small runs of the simulated fleet, unless they are there, and write the page of all."""
    for old in (folder / work.FEW_FAILURES).glob("*.json"):  # records of other fleets than these
        if re.fullmatch(r"[0-9a-f]{12}", old.stem):
            old.unlink()
    for record in records:
        record.write(folder / work.FEW_FAILURES)
    for outcome in outcomes:
        found = work.rounded(outcome.diagnosis.to_json() | {"dataset": f"demo, dial {outcome.dial:+g}"})
        work.write_text(folder / "diagnosis" / f"dial{outcome.dial:+g}.json", json.dumps(found, indent=2) + "\n")
    specs = work.grid(
        [work.SIMULATED],
        _PAGE_METHODS,
        _PAGE_SEEDS,
        size="statistics",
        rul_scale="cap",
        schedule=replace(work.Schedule.named("statistics"), epochs=4, batch_size=64),
        conventions=work.Conventions(window=20),
    )
    half = len(specs) // 2  # one stack a process of a small machine
    work.sweep(specs, work.Store(folder), None, lambda: nullcontext(executor), stack=half)
    page = folder / "report.html"
    work.write_text(page, work.page(work.read_results(folder, folder / "diagnosis")))
    return page


@app.command("few-failures", short_help="Inspections of suspended engines beside few failures.")
def _few_failures(
    fleets: Annotated[int, typer.Option(min=2, help="Simulated fleets that the intervals are over.")] = 6,
    jobs: Jobs = 0,
) -> None:
    """What inspections of suspended engines, the bound on their RUL and both bring where few engines failed, in seconds.

    \b
      grace demo few-failures
      grace demo few-failures --fleets 30
    """
    with work.processes(jobs) as executor:
        _shown_few_failures(fleets, executor)


@app.command("two-regimes", short_help="The first demonstration of the source.")
def _two_regimes(seed: Annotated[int, typer.Option(help="Seed of NumPy's generator.")] = 0) -> None:
    """The source's NumPy demonstration as it is: its claimed numbers beside what the formula gives.

    \b
      grace demo two-regimes
    """
    work.show_two_regimes(work.two_regimes.run(seed), work.on_one_thread(work.cosine.train, seed=seed))


@app.command("cosine", short_help="The second demonstration of the source.")
def _cosine(
    initialisations: Annotated[int, typer.Option(help="Random initialisations.")] = 200,
    seed: Annotated[int, typer.Option(help="Seed of the first.")] = 0,
) -> None:
    """The source's PyTorch demonstration over many initialisations, and the version that shows the effect.

    \b
      grace demo cosine
    """
    found = work.on_one_thread(work.cosine.run, initialisations, seed)
    work.show_cosine(found, work.on_one_thread(work.cosine.train, seed=seed))
