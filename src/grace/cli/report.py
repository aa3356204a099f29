"""``grace report``: the records as one page that opens from a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from grace.cli import work
from grace.cli.options import RESULTS
from grace.errors import GraceError

app = typer.Typer(rich_markup_mode=None)


@app.command("report", short_help="Records as one page to explore.")
def _report(
    runs: Annotated[Path, typer.Argument(help="Folder of a sweep.")] = RESULTS,
    output: Annotated[Path, typer.Option("--output", "-o", help="The page to write.")] = Path("report.html"),
    diagnosis: Annotated[
        Path | None,
        typer.Option(
            help="Folder of files that `grace diagnose --json` printed; by default diagnosis/ in RUNS or beside its records."
        ),
    ] = None,
    advice: Annotated[
        Path | None,
        typer.Option(
            help="Folder of races (*.advice.json) of `grace advise`; by default advice/ in RUNS or beside its records."
        ),
    ] = None,
    figures: Annotated[
        Path | None, typer.Option(help="Also draw each panel here, as PNG and as SVG, light and dark.")
    ] = None,
) -> None:
    """Write a page to explore records with: the trade-off per data set, the cost of late failure, diagnosis and every run.

    It is one file, needs no server and asks for nothing. A record that is damaged or of another version is named on it and
    left out.

    \b
      grace report                                   from results/ to report.html
      grace report results -o explorer.html
      grace report results/records                   the same: what lies beside the records is found
      grace report results --figures plots           PNG and SVG of each panel, for papers
      grace report my_runs --diagnosis my_diagnoses
    """
    work.bundling()
    found = work.read_results(runs, diagnosis or work.beside(runs, "diagnosis"))
    if advice is not None and not advice.is_dir():
        raise GraceError(f"`--advice` should be a folder of races that `grace advise` kept. Found no folder {advice}.")
    advised = work.advised(advice or work.beside(runs, "advice"))
    work.write_text(output, work.page(found, advised))
    races, lost = len(advised["races"]), len(found.left_out) + len(advised["left_out"])
    raced = f", {races} race{'s' * (races > 1)}" if races else ""
    left = f", {lost} files left out (named on the page)" if lost else ""
    work.answer(f"{output}: {len(found.records)} runs, {len(found.diagnoses)} diagnoses{raced}{left}")
    if figures is not None:
        work.evidence(f"{figures}: {work.draw(found, figures)} figures")
    work.browse(output)
