"""How a command speaks: the answer first, the evidence below it, and last the command that comes next."""

from __future__ import annotations

import re
import shlex
import textwrap
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path

from rich.console import Console
from rich.table import Column, Table

INDENT = "    "


def answer(*lines: str, style: str = "bold") -> None:
    """Print the answer, wrapped at the width of the terminal; what stands first is what a reader came for."""
    evidence(*lines, style=style)


def evidence(*lines: str, style: str = "") -> None:
    """Print lines as they are, wrapped between words at the width of the terminal; a path is never broken."""
    out = Console(markup=False, highlight=False)
    for line in lines:
        for part in line.split("\n"):
            kept = textwrap.wrap(part, out.width, break_long_words=False, break_on_hyphens=False) or [""]
            out.print("\n".join(kept), style=style, soft_wrap=True)


def following(words: str, *command: object) -> None:
    """Print what to do next, and last the command that does it, in lines that a shell takes as one."""
    evidence(f"\n{words}:")
    print(broken(map(str, command), Console().width))


def browse(page: Path) -> None:
    """How a page is opened in a browser."""
    following("next, open it in a browser", "python", "-m", "webbrowser", page.resolve().as_uri())


def markdown(text: str) -> None:
    """Print Markdown of paragraphs, lists and tables as a terminal shows it."""
    out = Console(markup=False, highlight=False)
    for table, lines in groupby(text.splitlines(), key=lambda line: line.startswith("|")):
        if not table:
            evidence(*(re.sub(r"\*\*|`|(?<!\w)\*|\*(?!\w)", "", line) for line in lines))
            continue
        head, _, *rows = ([cell.strip() for cell in line.strip("|").split(" |")] for line in lines)
        columns = [Column(name, overflow="fold") for name in head]
        shown = Table(*columns, box=None, padding=(0, 1, 0, 0))
        for row in rows:
            shown.add_row(*row)
        out.print(shown)


def broken(words: Iterable[str], width: int) -> str:
    """A command as a shell reads it, broken between its words with a backslash so that no line is wider, if words allow it."""
    parts: list[str] = []
    for word in map(shlex.quote, words):
        if parts and parts[-1].startswith("-") and " " not in parts[-1] and not word.startswith("--"):
            parts[-1] += f" {word}"  # an option and its value
        else:
            parts.append(word)
    lines = parts[:1]
    for part in parts[1:]:
        if len(lines[-1]) + len(part) + 3 > width:
            lines[-1] += " \\"
            lines.append(INDENT + part)
        else:
            lines[-1] += f" {part}"
    return "\n".join(lines)
