"""The command ``grace``: a file for each command; what they call is imported on first use (:mod:`grace.cli.work`)."""

from __future__ import annotations

import os
import sys
from typing import Annotated, Any

import typer

from grace import __version__
from grace.cli import advise, bench, data, demo, diagnose, predict, report, train, validity
from grace.errors import GraceError, show_notes

USAGE_ERROR, INTERRUPTED = 2, 130

OLD_NAMES = {
    "--unit": "--rul-scale",
    "grace validity run": "python -m studies run",
    "grace validity --to": "python -m studies show --to",
}
"""Names of earlier versions and what they are called now: an option; or a command, or an option of one, from ``grace`` on."""

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


def main() -> None:
    """Run the command line; an error is one line on standard error and exit code 2."""
    show_notes()
    try:
        code = app(prog_name="grace", standalone_mode=False)
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except GraceError as error:
        _fail(str(error))
    except KeyboardInterrupt:
        print("interrupted; nothing was left half-written", file=sys.stderr)
        sys.exit(INTERRUPTED)
    except Exception as error:
        if type(error).__name__ == "Abort":
            sys.exit(INTERRUPTED)
        # typer's usage errors, whose base class has moved between its versions
        if not hasattr(error, "format_message"):
            raise
        _fail(_renamed(error) or f"{error.format_message().rstrip('.')}. See `{_path(error)} --help`.")
    else:
        sys.exit(code or 0)


def _path(error: Any) -> str:
    """The command that a usage error is of."""
    return getattr(getattr(error, "ctx", None), "command_path", None) or "grace"


def _renamed(error: Any) -> str:
    """What to say where a usage error comes from a name of an earlier version; empty where it does not."""
    typed, option = " ".join(["grace", *sys.argv[1:], ""]), getattr(error, "option_name", "")
    taken = error.ctx.command.params if option else ()
    for old, new in OLD_NAMES.items():
        known = old == option and any(new in parameter.opts for parameter in taken)
        if known or old == f"{_path(error)} {option}" or typed.startswith(f"{old} "):
            return f"`{old}` is called `{new}` now."
    return ""


def _fail(message: str) -> None:
    print("error: " + " ".join(message.split()), file=sys.stderr)
    sys.exit(USAGE_ERROR)


if __name__ == "__main__":
    main()
