"""The commands of ``grace``: a file for each; what they call is imported on first use (:mod:`grace.cli.work`)."""

from __future__ import annotations

from typing import Annotated

import typer

from grace import __version__
from grace.cli import advise, bench, data, demo, diagnose, predict, report, train, validity

app = typer.Typer(
    add_completion=False,
    no_args_is_help=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
for single in (advise, diagnose, train, predict, report, validity):
    app.add_typer(single.app)
app.add_typer(data.app, name="data", short_help="Download, check, describe and simulate data.")
app.add_typer(bench.app, name="bench", short_help="Sweeps of many runs, and their table.")
app.add_typer(demo.app, name="demo", short_help="See it on simulated fleets.")


@app.callback(invoke_without_command=True)
def _grace(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and leave.")] = False,
) -> None:
    """Does a second task help? A diagnosis before multi-task training for remaining useful life (RUL).

    \b
      grace demo                                    a simulated fleet, no data needed
      grace data fetch --data cmapss                download C-MAPSS, checked by SHA-256
      grace advise FD003 --data cmapss              race second tasks, say what to train
      grace diagnose FD003 --data cmapss            measure alignment, decide, explain
      grace train FD003 --data cmapss               train, and keep the network
      grace predict MODEL FILE                      RUL of new engines
      grace bench table                             seven methods compared
      grace report                                  the same as a page to explore
    """
    if version:
        print(f"grace {__version__}")
    elif context.invoked_subcommand is None:
        print(context.get_help())
