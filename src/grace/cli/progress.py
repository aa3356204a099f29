"""Progress on standard error, silent where that is no terminal, so that standard output holds results alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)


@contextmanager
def progress_bar(title: str, noun: str = "", remaining: bool = False) -> Iterator[Callable[[int, int], None]]:
    """A bar that is moved by a call with (done, in all; 0 if unknown).

    It counts things of a kind and shows the time that they took and, if asked for, that is left; without a noun, bytes.
    """
    left = (TextColumn("left"), TimeRemainingColumn()) if remaining else ()
    things = (MofNCompleteColumn(), TextColumn(noun), TimeElapsedColumn(), *left)
    columns = things if noun else (DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    shown = (TextColumn("{task.description}"), BarColumn(), *columns)
    with Progress(*shown, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(title, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total or None)
