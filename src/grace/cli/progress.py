"""Progress on standard error, silent where that is no terminal, so that standard output holds results alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

Bar = AbstractContextManager[Callable[[int, int], None]]
"""Gives what is called with (done, in all; 0 if unknown)."""


def progress_bar(title: str, noun: str, remaining: bool = False) -> Bar:
    """A bar in things of a kind, with the time that they took and, if asked for, that is left."""
    left = (TextColumn("left"), TimeRemainingColumn()) if remaining else ()
    return _bar(title, MofNCompleteColumn(), TextColumn(noun), TimeElapsedColumn(), *left)


def download_bar(title: str) -> Bar:
    """A bar in bytes."""
    return _bar(title, DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())


@contextmanager
def _bar(title: str, *columns: ProgressColumn) -> Iterator[Callable[[int, int], None]]:
    console = Console(stderr=True)
    shown = (TextColumn("{task.description}"), BarColumn(), *columns)
    with Progress(*shown, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(title, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total or None)
