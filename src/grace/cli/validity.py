"""``grace validity``: does a diagnosis predict what training then shows?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from grace.errors import check_one_of

EPOCHS = {"chosen": "rmse", "last": "last"}


app = typer.Typer(rich_markup_mode=None)


@app.command("validity", short_help="Does a diagnosis predict what training shows?")
def _validity(
    method: Annotated[
        str, typer.Option(help="Whose effect predictors are judged by: baseline, amnl, gaba or grace.")
    ] = "grace",
    epoch: Annotated[str, typer.Option(help="chosen on validation engines, or last.")] = "chosen",
    figures: Annotated[Path | None, typer.Option(help="Also draw advice.svg and regret.svg in this folder.")] = None,
) -> None:
    """Print how well each predictor predicted what training showed, and what following it costs.

    \b
      grace validity
      grace validity --method baseline --figures plots
      grace validity --epoch last                     nothing chosen among epochs
    """
    from grace.validity.figures import draw
    from grace.validity.study import JOINT, ValidityStudy
    from grace.validity.tables import report

    check_one_of("--method", method, JOINT)
    check_one_of("--epoch", epoch, EPOCHS)
    study = ValidityStudy.read()
    if figures is not None:
        draw(study, method, figures)
    print(report(study, method, EPOCHS[epoch]), end="")
