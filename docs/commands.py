"""The page of all commands and options, from the commands themselves: ``python docs/commands.py > docs/commands.md``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import typer

from grace.cli.app import app

HEAD = """# Commands

Written by `python docs/commands.py` from what `--help` says. An error is one line on standard error and exit code 2; an
interrupt 130.
"""


def pages() -> str:
    """The whole page, in Markdown."""
    parts = [HEAD]
    for path, command in commands(typer.main.get_command(app), "grace"):
        parts.append(_page(path, command))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(parts)).rstrip() + "\n"


def commands(command: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Every command with its path, groups before their members."""
    yield path, command
    for name, member in getattr(command, "commands", {}).items():
        yield from commands(member, f"{path} {name}")


def _page(path: str, command: Any) -> str:
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    options = [p for p in command.params if p.param_type_name == "option" and p.name != "help"]
    shown = [f"{a.name.upper()}" if a.required else f"[{a.name.upper()}]" for a in arguments]
    if hasattr(command, "commands"):
        shown.append("[COMMAND]")
    usage = " ".join([path, *(["[OPTIONS]"] if options else []), *shown])
    rows = [*map(_row, arguments), *map(_row, options)]
    table = ["| | | default |", "|---|---|---|", *rows] if rows else []
    return "\n".join([f"## {path}", "", f"`{usage}`", "", *_help(command.help or ""), "", *table, ""])


def _help(text: str) -> Iterator[str]:
    """Paragraphs as they are; lines indented under the mark of click's verbatim blocks as code."""
    inside = False
    for line in text.replace("\b", "").strip().splitlines():
        code = line.startswith("  ")
        if code != inside:
            yield "```" if inside else "\n```text"
            inside = code
        yield line
    if inside:
        yield "```"


def _row(parameter: Any) -> str:
    name = parameter.name.upper() if parameter.param_type_name == "argument" else ", ".join(parameter.opts)
    default = parameter.default
    shown = "" if default is None or default is False or parameter.required else f"`{default}`"
    return f"| `{name}` | {(parameter.help or '').replace('|', '/')} | {shown} |"


if __name__ == "__main__":
    print(pages(), end="")
