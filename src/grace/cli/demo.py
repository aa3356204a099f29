"""``grace demo``: the whole way on simulated fleets, and the source's two demonstrations beside what they really give."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Executor

    from grace.demos.dial import Outcome

app = typer.Typer(rich_markup_mode=None, no_args_is_help=False)

Jobs = Annotated[int, typer.Option(help="Processes; 0 is one a core. The numbers do not depend on it.")]


@app.callback(invoke_without_command=True)
def demo(
    context: typer.Context,
    fleets: Annotated[int, typer.Option(min=2, help="Simulated fleets that the outcome is measured on.")] = 8,
    jobs: Jobs = 0,
    to: Annotated[
        Path, typer.Option("--to", help="Folder for a few records, the diagnoses and the page that shows them.")
    ] = Path("grace-demo"),
) -> None:
    """See within a minute when a second task helps RUL and when it hurts; no data and no network needed.

    Simulated fleets whose health labels follow the degradation (dial +1), say nothing (0) or compete (-1) are diagnosed,
    then trained with and without the second task; the differences carry intervals over fleets. At the end stands a page
    (`grace report`) of these diagnoses and of a few small runs.

    \b
      grace demo
      grace demo --fleets 40        narrower intervals, a few minutes
      grace demo two-regimes        the source's first demonstration, claimed and true
      grace demo cosine             the source's second demonstration, claimed and true
    """
    if context.invoked_subcommand is not None:
        return
    from grace.cli.progress import initialisations
    from grace.cli.render_demo import show_dial
    from grace.core.pools import processes
    from grace.demos.dial import Setup, run

    setup = Setup(fleets=fleets)
    with processes(jobs) as executor, initialisations("simulated fleets", "steps") as on_progress:
        outcomes = run(setup=setup, executor=executor, on_progress=on_progress)
        show_dial(outcomes, setup)
        page = _page(outcomes, executor, to)
    print(f"Explore in a browser: {page}")


def _page(outcomes: Sequence[Outcome], executor: Executor | None, folder: Path) -> Path:
    """Train a few small runs of the simulated fleet, unless they are there, and write the page of them and the diagnoses."""
    import json
    from contextlib import nullcontext
    from dataclasses import replace

    from grace.bench.plan import grid
    from grace.bench.store import Store
    from grace.bench.sweep import sweep
    from grace.data.source import SIMULATED
    from grace.files import write_text
    from grace.report.page import write_page
    from grace.report.read import material
    from grace.training.record import rounded
    from grace.training.schedule import schedule_named
    from grace.training.spec import CONVENTIONS

    for outcome in outcomes:
        found = rounded(outcome.diagnosis.to_json() | {"dataset": f"demo, dial {outcome.dial:+g}"})
        write_text(folder / "diagnosis" / f"dial{outcome.dial:+g}.json", json.dumps(found, indent=2) + "\n")
    schedule = replace(schedule_named("tiny"), epochs=4, steps=50)
    choices = {"size": "tiny", "unit": "cap", "schedule": schedule, "conventions": replace(CONVENTIONS, window=20)}
    specs = grid([SIMULATED], PAGE_METHODS, PAGE_SEEDS, **choices)
    sweep(specs, Store(folder), None, lambda: nullcontext(executor))
    page = folder / "report.html"
    write_page(material(folder, folder / "diagnosis"), page)
    return page


PAGE_METHODS = ("baseline", "amnl", "grace", "rul-only")
PAGE_SEEDS = (1, 2, 3)


@app.command("two-regimes", short_help="The first demonstration of the source.")
def two_regimes(seed: Annotated[int, typer.Option(help="Seed of NumPy's generator.")] = 0) -> None:
    """The source's NumPy demonstration as it is: its claimed numbers beside what the formula gives.

    \b
      grace demo two-regimes
    """
    from grace.cli.render_demo import show_two_regimes
    from grace.core.pools import on_one_thread
    from grace.demos.cosine import train
    from grace.demos.two_regimes import run

    show_two_regimes(run(seed), on_one_thread(lambda: train(seed=seed)))


@app.command(short_help="The second demonstration of the source.")
def cosine(
    initialisations: Annotated[int, typer.Option(help="Random initialisations.")] = 200,
    seed: Annotated[int, typer.Option(help="Seed of the first.")] = 0,
) -> None:
    """The source's PyTorch demonstration over many initialisations, and the version that shows the effect.

    \b
      grace demo cosine
    """
    from grace.cli.render_demo import show_cosine
    from grace.core.pools import on_one_thread
    from grace.demos.cosine import run, train

    show_cosine(*on_one_thread(lambda: (run(initialisations, seed), train(seed=seed))))
