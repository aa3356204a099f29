"""``grace report``: the records as one page that opens from a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from grace.cli import work
from grace.cli.options import RESULTS

app = typer.Typer(rich_markup_mode=None)


@app.command("report", short_help="Records as one page to explore.")
def _report(
    runs: Annotated[Path, typer.Argument(help="Folder of a sweep.")] = RESULTS,
    output: Annotated[Path, typer.Option("--output", "-o", help="The page to write.")] = Path("report.html"),
    diagnosis: Annotated[
        Path | None,
        typer.Option(
            help="Folder of files that `grace diagnose --json` printed; by default diagnosis/ in RUNS, if there."
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
      grace report results --figures plots           PNG and SVG of each panel, for papers
      grace report my_runs --diagnosis my_diagnoses
    """
    work.bundling()
    beside = runs / "diagnosis"
    found = work.read_results(runs, diagnosis or (beside if beside.is_dir() else None))
    work.write_text(output, work.page(found))
    left = f", {len(found.left_out)} files left out (named on the page)" if found.left_out else ""
    print(f"{output}: {len(found.records)} runs, {len(found.diagnoses)} diagnoses{left}")
    if figures is not None:
        print(f"{figures}: {work.draw(found, figures)} figures")
