"""The command ``grace``: how it begins and how it ends. Its commands are imported when it has begun (:mod:`grace.cli.app`)."""

from __future__ import annotations

import signal
import sys
from contextlib import suppress
from typing import Any

from grace.cli.interrupts import Interrupted, interruptible
from grace.cli.streams import ReaderLeftError, standard_streams
from grace.errors import GraceError, show_notes

READER_LEFT, USAGE_ERROR, INTERRUPTED = 1, 2, 128 + signal.SIGINT

OLD_NAMES = {
    "--unit": "--rul-scale",
    "grace validity run": "python -m studies run",
    "grace validity --to": "python -m studies show --to",
}
"""Names of earlier versions and what they are called now: an option; or a command, or an option of one, from ``grace`` on."""


def main() -> None:
    """Run the command line; an error is one line on standard error and exit code 2, an interrupt one line and 130."""
    show_notes()
    try:
        with interruptible(), standard_streams():
            code = _run()
    except Interrupted as error:
        _say(f"interrupted; {error.words}", 128 + error.number)
    except KeyboardInterrupt:
        _say(f"interrupted; {Interrupted().words}", INTERRUPTED)
    except ReaderLeftError:
        sys.exit(READER_LEFT)
    except GraceError as error:
        _fail(str(error))
    except Exception as error:
        if type(error).__name__ == "Abort":
            sys.exit(INTERRUPTED)
        # typer's usage errors, whose base class has moved between its versions
        if not hasattr(error, "format_message"):
            raise
        _fail(_renamed(error) or f"{error.format_message().rstrip('.')}. See `{_path(error)} --help`.")
    else:
        sys.exit(code or 0)


def _run() -> int | None:
    from grace.cli import app

    found: int | None = app.app(prog_name="grace", standalone_mode=False)
    return found


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
    _say("error: " + " ".join(message.split()), USAGE_ERROR)


def _say(line: str, code: int) -> None:
    """One line on standard error, and the end."""
    with suppress(OSError):
        print(line, file=sys.stderr)
    sys.exit(code)


if __name__ == "__main__":
    main()
