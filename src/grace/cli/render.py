"""Facts of a data set as a rich table."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table

from grace.alignment.show import conventions_line


def show_facts(facts: dict[str, Any], console: Console | None = None) -> None:
    """Print the facts of one data set, as ``grace data info`` collects them."""
    classes = ", ".join(f"{name} {share:.1%}" for name, share in facts["class_shares"].items())
    rows = {
        "training": f"{facts['train_rows']:,} rows, {facts['train_engines']} engines of {facts['train_cycles'][0]} to "
        f"{facts['train_cycles'][1]} cycles",
        "test": f"{facts['test_rows']:,} rows, {facts['test_engines']} engines, {facts['test_share_over_cap']:.0%} of "
        f"them with RUL > {facts['conventions']['cap']}",
        "conditions": f"{facts['conditions']} found",
        "windows": f"{facts['windows']:,} of {facts['conventions']['window']} cycles, stride {facts['conventions']['stride']}",
        "near failure": f"{facts['near_failure_share']:.1%} of windows with RUL < {facts['conventions']['near_failure']}",
        "health": classes,
    }
    table = Table(title=facts["dataset"], title_justify="left", show_header=False)
    for name, text in rows.items():
        table.add_row(name, text)
    out = console or Console()
    out.print(table)
    out.print(conventions_line(facts["conventions"]), style="dim")
