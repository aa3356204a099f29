"""``grace validity``: does what is said before training come true?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from grace.cli import work
from grace.errors import GraceError, check_one_of

EPOCHS = {"chosen": "rmse", "last": "last"}
FORMATS = ("text", "markdown")
METHOD, EPOCH = "grace", "chosen"
"""Of the first study, unless others are named."""


app = typer.Typer(rich_markup_mode=None)


@app.command("validity", short_help="Does what is said before training come true?")
def _validity(
    first: Annotated[bool, typer.Option("--first", help="The first study: rho, and every unit labelled.")] = False,
    method: Annotated[
        str, typer.Option(help="With --first: whose effect predictors are judged by: baseline, amnl, gaba or grace.")
    ] = METHOD,
    epoch: Annotated[str, typer.Option(help="With --first: chosen on validation engines, or last.")] = EPOCH,
    figures: Annotated[Path | None, typer.Option(help="Also draw the pictures of the study in this folder.")] = None,
    format: Annotated[str, typer.Option(help="text, or markdown.")] = "text",
) -> None:
    """Print what a second task did in each kind of case, how well each predictor foresaw it, and what following it costs.

    \b
      grace validity                                  few failures, and labels on units that still run
      grace validity --figures plots
      grace validity --first                          every unit failed and labelled: does rho tell?
      grace validity --first --epoch last             nothing chosen among epochs
    """
    if not first and (method, epoch) != (METHOD, EPOCH):
        raise GraceError("`--method` and `--epoch` should come with --first. Found one alone. Add --first.")
    check_one_of("--format", format, FORMATS)
    found = _first(method, epoch, figures) if first else _second(figures)
    if format != "text":
        print(found, end="")
        return
    if first:
        from grace.alignment.study import Study

        work.answer(Study.read().words)
    work.markdown(found)
    work.following("next, ask what to train on a simulated fleet", "grace", "advise", "simulated")


def _first(method: str, epoch: str, figures: Path | None) -> str:
    from grace.validity.figures import draw
    from grace.validity.study import JOINT, ValidityStudy
    from grace.validity.tables import report

    check_one_of("--method", method, JOINT)
    check_one_of("--epoch", epoch, EPOCHS)
    study = ValidityStudy.read()
    if figures is not None:
        draw(study, method, figures)
    return report(study, method, EPOCHS[epoch])


def _second(figures: Path | None) -> str:
    from grace.validity.advice_figures import draw
    from grace.validity.advice_study import AdviceStudy
    from grace.validity.advice_tables import report

    study = AdviceStudy.read()
    if figures is not None:
        draw(study, figures)
    return report(study)
