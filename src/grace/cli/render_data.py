"""A data set: its facts, and what was made of a user's table."""

from __future__ import annotations

import json
from typing import Any

from rich.console import Console
from rich.table import Table

from grace.alignment.show import conventions_line
from grace.data.conditions import uneven_step
from grace.data.conventions import LIFE_QUANTILE, PUBLISHED, SCALES, Conventions, lives_of
from grace.data.fleet import Fleet
from grace.data.prepare import Prepared, suspension, too_short
from grace.data.tables.account import account
from grace.data.tables.columns import TableSource
from grace.data.tables.spared import said_of_left_out
from grace.data.tasks import STATES

COARSE = 5
"""Cap below which a figure with two digits after the point says little."""


def _facts_of(train: Fleet, test: Fleet) -> dict[str, Any]:
    conventions = PUBLISHED  # so that the facts can be held against those of others
    prepared = Prepared.of(train, conventions)
    return {
        "dataset": train.name,
        "train_rows": len(train.values),
        "train_engines": len(train.engines),
        "train_cycles": [int(train.lengths.min()), int(train.lengths.max())],
        "test_rows": len(test.values),
        "test_engines": len(test.engines),
        "conditions": prepared.conditions,
        "windows": len(prepared.windows),
        "near_failure_share": prepared.near_failure_share,
        "class_shares": dict(zip(STATES, prepared.class_shares, strict=True)),
        "test_share_over_cap": float((test.last_rul > conventions.cap).mean()),
        "conventions": conventions.to_json(),
    }


def in_short(fleet: Fleet, conventions: Conventions) -> str:
    """What training engines there are, in a line."""
    failed, every = len(fleet.failures), len(fleet.engines)
    some = f" ({failed:,} failed, {every - failed:,} suspended)" if failed < every else ", all run to failure"
    return f"{len(fleet.values):,} rows of {every:,} training engines{some}; RUL in {conventions.unit}"


def print_facts(train: Fleet, test: Fleet) -> None:
    """What ``grace data info`` says of a data set, as one JSON object."""
    print(json.dumps(_facts_of(train, test), indent=2))


def show_facts(train: Fleet, test: Fleet, verbose: bool) -> None:
    """Print what ``grace data info`` says of a data set; ``verbose``: and the conventions behind it."""
    facts = _facts_of(train, test)
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
    table = Table(show_header=False)
    for name, text in rows.items():
        table.add_row(name, text)
    out = Console(markup=False)
    out.print(table)
    if verbose:
        out.print(conventions_line(facts["conventions"]), style="dim")


def print_table(table: TableSource, fleet: Fleet, conventions: Conventions) -> None:
    """What was made of a table, as one JSON object."""
    print(json.dumps(_facts_of_table(table, fleet, conventions), indent=2))


def show_table(
    table: TableSource, fleet: Fleet, conventions: Conventions, min_history: int, before: bool = False
) -> None:
    """Rows, RUL, scales, settings, features, and which columns are left out and why; on standard error ``before`` an answer."""
    lines = _lines_of(table, fleet, conventions)
    short = filter(None, [too_short(fleet, conventions, min_history)])
    _print([*lines, *short, *_lines_of_columns(table, fleet.done)], before)


def show_columns(table: TableSource, conventions: Conventions) -> None:
    """Scales, settings, features, and which columns are left out and why, on standard error: an answer comes later."""
    _print([scales_line(conventions), _settings(table), *_lines_of_columns(table, account(table))], before=True)


def scales_line(conventions: Conventions, lives: int | None = None) -> str:
    """Cap, health cuts and window of a table, where they come from (``lives``: how many), and how they are set."""
    healthy, critical = conventions.health_cuts
    known = "the lives of units that failed" if lives is None else f"{lives:,} lives"
    source = f" ({100 * LIFE_QUANTILE:.0f} % quantile of {known})" if "cap" in conventions.from_data else ""
    options = {"cap": "--cap", "health_cuts": "--health", "window": "--window"}
    remedy = ", ".join(options[name] for name in conventions.from_data)
    return (
        f"scales: cap {conventions.cap:,} {conventions.unit}{source}, healthy from {healthy:,}, critical below {critical:,}, "
        f"windows of {conventions.window} rows"
        + (f"; set with {remedy}" if remedy else "")
        + (
            "; figures have two digits, so that a smaller unit of time would show more"
            if conventions.cap < COARSE
            else ""
        )
    )


def _print(lines: list[str], before: bool) -> None:
    out = Console(markup=False, stderr=before)
    for line in lines:
        out.print(line, highlight=False)


def _facts_of_table(table: TableSource, fleet: Fleet, conventions: Conventions) -> dict[str, Any]:
    lengths, scales = fleet.lengths, conventions.to_json()
    return {
        "table": str(table.path),
        "rows": len(fleet.values),
        "engines": len(lengths),
        "rows_of_an_engine": [int(lengths.min()), int(lengths.max())],
        "largest_rul": float(fleet.rul_at(fleet.starts[:-1]).max()),
        "scales": {name: scales[name] for name in (*SCALES, "from_data") if name in scales},
        "columns": table.columns.to_json(),
        "conditions": table.conditions or table.found,
        "features": list(table.features),
        "left_out": dict(table.left_out),
        "done": list(table.done),
        "engines_left_out": {str(name): why for name, why in fleet.left_out.items()},
    }


def _lines_of(table: TableSource, fleet: Fleet, conventions: Conventions) -> list[str]:
    columns, lengths, unit = table.columns, fleet.lengths, table.columns.unit
    end = f"{columns.duration} of {table.units}" if columns.duration else f"last {columns.time} of the engine"
    origin = f"column {columns.target}" if columns.target else f"{end} minus {columns.start or columns.time}"
    largest = max(float(fleet.rul_at(fleet.starts[:-1]).max()), 0.0)
    beyond = float(fleet.rows_above(conventions.cap).sum() / len(fleet.values))
    return [
        f"{table.path}: {len(fleet.values):,} rows, {len(lengths):,} engines of {lengths.min():,} to "
        f"{lengths.max():,} rows; {columns.engine} names the engine, {columns.time} orders its rows",
        f"RUL in {unit}: {origin}; up to {largest:,.6g}, {beyond:.0%} of rows above the cap of {conventions.cap:,}",
        scales_line(conventions, len(lives_of(fleet))),
        _settings(table),
        *_uneven(table, fleet),
        *filter(None, [suspension(fleet, conventions)]),
        *said_of_left_out(fleet.left_out),
    ]


def _lines_of_columns(table: TableSource, done: tuple[str, ...]) -> list[str]:
    lines = [f"features ({len(table.features)}): {', '.join(table.features)}"]
    lines += done
    if table.cache is not None:
        lines.append(f"rows are read from the disk: {table.cache}")
    return lines


def _uneven(table: TableSource, fleet: Fleet) -> list[str]:
    step = uneven_step(fleet)
    if not step:
        return []
    typical = f"{step:g} {table.columns.unit} is the typical step"
    return [f"rows are not evenly spaced: {typical}; statistics of windows are taken over time"]


def _settings(table: TableSource) -> str:
    settings = table.columns.settings
    if not settings:
        return "operating conditions: one, no setting columns"
    number = f"{table.conditions} as asked" if table.conditions else f"{table.found} found by silhouette"
    return f"operating conditions: {number}, from {', '.join(settings)}"
