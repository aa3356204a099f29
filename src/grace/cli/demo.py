"""``grace demo``: the whole way on simulated fleets, and the source's two demonstrations beside what they really give."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(rich_markup_mode=None, no_args_is_help=False)

Jobs = Annotated[int, typer.Option(help="Processes; 0 is one a core. The numbers do not depend on it.")]


@app.callback(invoke_without_command=True)
def demo(
    context: typer.Context,
    fleets: Annotated[int, typer.Option(min=2, help="Simulated fleets that the outcome is measured on.")] = 8,
    jobs: Jobs = 0,
) -> None:
    """See within a minute when a second task helps RUL and when it hurts; no data and no network needed.

    Simulated fleets whose health labels follow the degradation (dial +1), say nothing (0) or compete (-1) are diagnosed,
    then trained with and without the second task; the differences carry intervals over fleets.

    \b
      grace demo
      grace demo --fleets 40        narrower intervals, a few minutes
      grace demo two-regimes        the source's first demonstration, claimed and true
      grace demo cosine             the source's second demonstration, claimed and true
    """
    if context.invoked_subcommand is not None:
        return
    from grace.alignment.replicate import processes
    from grace.cli.progress import initialisations
    from grace.cli.render_demo import show_dial
    from grace.demos.dial import Setup, run

    setup = Setup(fleets=fleets)
    with processes(jobs) as executor, initialisations("simulated fleets", "steps") as on_progress:
        outcomes = run(setup=setup, executor=executor, on_progress=on_progress)
    show_dial(outcomes, setup)


@app.command("two-regimes", short_help="The first demonstration of the source.")
def two_regimes(seed: Annotated[int, typer.Option(help="Seed of NumPy's generator.")] = 0) -> None:
    """The source's NumPy demonstration as it is: its claimed numbers beside what the formula gives.

    \b
      grace demo two-regimes
    """
    from grace.alignment.replicate import on_one_thread
    from grace.cli.render_demo import show_two_regimes
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
    from grace.alignment.replicate import on_one_thread
    from grace.cli.render_demo import show_cosine
    from grace.demos.cosine import run, train

    show_cosine(*on_one_thread(lambda: (run(initialisations, seed), train(seed=seed))))
