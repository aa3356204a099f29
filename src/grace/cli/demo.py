"""``grace demo``: the whole way on simulated fleets, few failures, and the source's two demonstrations beside what they give."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import Annotated

import typer

from grace.cli import work
from grace.cli.options import Jobs, Verbose

DEMOS = "grace.demos.few_failures"
"""What worker processes import first."""

app = typer.Typer(rich_markup_mode=None, no_args_is_help=False)


@app.callback(invoke_without_command=True)
def _demo(
    context: typer.Context,
    fleets: Annotated[int, typer.Option(min=2, help="Simulated fleets that the outcome is measured on.")] = 6,
    jobs: Jobs = 0,
    to: Annotated[
        Path, typer.Option("--to", help="Folder for the page, the diagnoses and the records of few failures.")
    ] = Path("grace-demo"),
    verbose: Verbose = False,
) -> None:
    """See in seconds when a second task helps RUL and when it hurts; no data and no network needed.

    Simulated fleets whose health labels follow the degradation (dial +1), say nothing (0) or compete (-1) are diagnosed,
    then trained with and without the second task; the differences carry intervals over fleets. Fleets with few failures show
    what inspections of suspended engines bring. At the end stands a page of the same.

    \b
      grace demo
      grace demo --fleets 40        narrower intervals, a few minutes
      grace demo few-failures       six failed engines, fifty suspended ones: inspections, the bound, both
      grace demo two-regimes        the source's first demonstration, claimed and true
      grace demo cosine             the source's second demonstration, claimed and true
    """
    if context.invoked_subcommand is not None:
        return
    with work.processes(jobs, DEMOS) as executor:
        setup, few_setup = work.dial.Setup(fleets=fleets), work.few_failures.Setup(fleets=fleets)
        with work.progress_bar("simulated fleets", "steps") as on_progress:
            outcomes = work.dial.run(setup=setup, executor=executor, on_progress=on_progress)
            work.show_dial(outcomes, setup, verbose)
        print()
        records = _shown_few_failures(few_setup, executor, verbose)
    page = to / "report.html"
    _keep(outcomes, records, to)
    work.write_text(page, work.demo_page(outcomes, setup, work.ways(records), few_setup))
    print(f"\nExplore in a browser: {page}")
    work.following("next, ask what to train on a simulated fleet", "grace", "advise", "simulated")


def _shown_few_failures(setup: work.few_failures.Setup, executor: Executor | None, verbose: bool) -> list[work.Record]:
    """Train and show the ways to learn from few failures; the records of the trainings."""
    with work.progress_bar("few failures", "trainings") as on_progress:
        records = work.few_failures.run(setup, executor, on_progress)
        work.show_few_failures(work.ways(records), setup, verbose)
    return records


def _keep(outcomes: Sequence[work.dial.Outcome], records: Sequence[work.Record], folder: Path) -> None:
    """Write the diagnoses and the records, in place of those of other fleets."""
    for old in (folder / work.FEW_FAILURES).glob("*.json"):
        if re.fullmatch(r"[0-9a-f]{12}", old.stem):
            old.unlink()
    for record in records:
        record.write(folder / work.FEW_FAILURES)
    for outcome in outcomes:
        found = work.rounded(outcome.diagnosis.to_json() | {"dataset": f"demo, dial {outcome.dial:+g}"})
        work.write_text(folder / "diagnosis" / f"dial{outcome.dial:+g}.json", json.dumps(found, indent=2) + "\n")


@app.command("few-failures", short_help="Inspections of suspended engines beside few failures.")
def _few_failures(
    fleets: Annotated[int, typer.Option(min=2, help="Simulated fleets that the intervals are over.")] = 6,
    jobs: Jobs = 0,
    verbose: Verbose = False,
) -> None:
    """What inspections of suspended engines, the bound on their RUL and both bring where few engines failed, in seconds.

    \b
      grace demo few-failures
      grace demo few-failures --fleets 30
    """
    with work.processes(jobs, DEMOS) as executor:
        _shown_few_failures(work.few_failures.Setup(fleets=fleets), executor, verbose)
    work.following("next, more fleets, for narrower intervals", "grace", "demo", "few-failures", "--fleets", 5 * fleets)


@app.command("two-regimes", short_help="The first demonstration of the source.")
def _two_regimes(seed: Annotated[int, typer.Option(help="Seed of NumPy's generator.")] = 0) -> None:
    """The source's NumPy demonstration as it is: its claimed numbers beside what the formula gives.

    \b
      grace demo two-regimes
    """
    work.show_two_regimes(work.two_regimes.run(seed), work.on_one_thread(work.cosine.train, seed=seed))
    work.following("next, the second demonstration of the source", "grace", "demo", "cosine")


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
    work.following("next, see it on simulated fleets", "grace", "demo")
