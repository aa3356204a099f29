"""``grace validity``: does the advice predict what training then shows?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from grace.errors import GraceError

app = typer.Typer(rich_markup_mode=None, no_args_is_help=False)

DEFAULT = Path("results/validity")
EPOCHS = {"chosen": "rmse", "last": "last"}
Folder = Annotated[Path, typer.Option("--to", help="Folder of the study's measurements.")]


@app.callback(invoke_without_command=True)
def validity(
    context: typer.Context,
    to: Folder = DEFAULT,
    method: Annotated[
        str, typer.Option(help="Whose effect predictors are judged by: baseline, amnl, gaba or grace.")
    ] = "grace",
    epoch: Annotated[str, typer.Option(help="chosen on validation engines, or last.")] = "chosen",
    figures: Annotated[Path | None, typer.Option(help="Also draw advice.svg and regret.svg in this folder.")] = None,
) -> None:
    """Print how well each predictor told what training showed, and what following it costs.

    \b
      grace validity                                  from the measurements in results/validity
      grace validity --method baseline --figures plots
      grace validity --epoch last                     nothing chosen among epochs
      grace validity run --data cmapss                make them, or go on
    """
    from grace.validity.figures import draw
    from grace.validity.outcomes import JOINT
    from grace.validity.study import load
    from grace.validity.tables import report

    if context.invoked_subcommand is not None:
        return
    if method not in JOINT:
        raise GraceError(f"`--method` should be one of {', '.join(JOINT)}. Found {method!r}.")
    if epoch not in EPOCHS:
        raise GraceError(f"`--epoch` should be one of {', '.join(EPOCHS)}. Found {epoch!r}.")
    cases = load(to)
    if figures is not None:
        draw(cases, method, figures)
    print(report(cases, method, EPOCHS[epoch]), end="")


@app.command(short_help="Make the study's measurements, or go on.")
def run(
    data: Annotated[Path | None, typer.Option(help="Folder of the C-MAPSS files.", envvar="GRACE_DATA")] = None,
    to: Folder = DEFAULT,
    jobs: Annotated[int, typer.Option(help="Processes, one thread each; 0 is one a core.")] = 0,
) -> None:
    """Train and probe every case that is not measured yet; what was interrupted goes on.

    \b
      grace validity run --data cmapss
    """
    from grace.cli.progress import progress_bar
    from grace.core.pools import processes
    from grace.validity import study
    from grace.validity.cases import all_cases

    wanted = study.jobs(all_cases())
    with progress_bar("validity", "measurements", remaining=True) as on_job, processes(jobs) as executor:
        study.run(wanted, data, to, executor, on_job)
    print(f"{to}: {len(wanted)} measurements")
