"""What the scripts beside share: text between the marks of a page, and measurements that go on where they were left."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from grace.files import write_text

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))  # the studies, which do not ship


def replace_between(page: Path, parts: dict[str, str]) -> None:
    """Put each text between ``<!-- NAME -->`` and ``<!-- end NAME -->`` of a page."""
    text = page.read_text()
    for name, body in parts.items():
        before, rest = text.split(f"<!-- {name} -->\n")
        text = f"{before}<!-- {name} -->\n{body}<!-- end {name} -->" + rest.split(f"<!-- end {name} -->")[1]
    write_text(page, text)


def measured_once(
    path: Path, keys: Sequence[str], wanted: Sequence[tuple[Any, ...]], measure: Callable[..., dict[str, Any]]
) -> list[dict[str, Any]]:
    """Rows of ``measure(*values)`` for every tuple of values of the keys; rows in the file are not measured again."""
    rows: list[dict[str, Any]] = json.loads(path.read_text()) if path.exists() else []
    there = {tuple(row[key] for key in keys) for row in rows}
    for values in wanted:
        if values not in there:
            rows.append(measure(*values))
            write_text(path, json.dumps(rows, indent=1) + "\n")
            print(rows[-1], flush=True)
    return rows


def measure_into_page(
    name: str,
    keys: Sequence[str],
    wanted: Sequence[tuple[Any, ...]],
    measured: Callable[..., dict[str, Any]],
    table: Callable[[list[dict[str, Any]]], str],
    page: str = "training",
) -> None:
    """The command of a script: measure what ``results/NAME.json`` lacks, print the table and put it into a page of docs.

    ``measured`` takes the values of the keys and the folder of ``--data``.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=Path("cmapss"), help="folder of the C-MAPSS files")
    data = parser.parse_args().data
    rows = measured_once(ROOT / "results" / f"{name}.json", keys, wanted, lambda *values: measured(*values, data))
    print(table(rows))
    replace_between(ROOT / "docs" / f"{page}.md", {name.replace("_", "-"): table(rows)})
