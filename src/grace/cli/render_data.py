"""A data set: its facts, and what was made of a user's table."""

from __future__ import annotations

import json
from itertools import groupby
from typing import Any

from rich.console import Console
from rich.table import Table

from grace.alignment.show import conventions_line
from grace.data.conditions import uneven_step
from grace.data.conventions import PUBLISHED, Conventions
from grace.data.fleet import Fleet
from grace.data.prepare import Prepared, suspension
from grace.data.tables.columns import TableSource


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
        "class_shares": dict(zip(("healthy", "degrading", "critical"), prepared.class_shares, strict=True)),
        "test_share_over_cap": float((test.last_rul > conventions.cap).mean()),
        "conventions": conventions.to_json(),
    }


def show_facts(train: Fleet, test: Fleet, as_json: bool) -> None:
    """Print what ``grace data info`` says of a data set, as a table or as one JSON object."""
    facts = _facts_of(train, test)
    if as_json:
        print(json.dumps(facts, indent=2))
        return
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
    out = Console()
    out.print(table)
    out.print(conventions_line(facts["conventions"]), style="dim")


def show_table(table: TableSource, fleet: Fleet, conventions: Conventions, as_json: bool = False) -> None:
    """Rows, RUL, settings, features, and which columns are left out and why; in lines or as one JSON object."""
    if as_json:
        print(json.dumps(_facts_of_table(table, fleet), indent=2))
        return
    _print([*_lines_of(table, fleet, conventions), *_lines_of_columns(table)])


def show_columns(table: TableSource) -> None:
    """Settings, features, and which columns are left out and why: what is known before the rows are read."""
    _print([_settings(table), *_lines_of_columns(table)])


def _print(lines: list[str]) -> None:
    out = Console()
    for line in lines:
        out.print(line, markup=False, highlight=False)


def _facts_of_table(table: TableSource, fleet: Fleet) -> dict[str, Any]:
    lengths = fleet.lengths
    return {
        "table": str(table.path),
        "rows": len(fleet.values),
        "engines": len(lengths),
        "rows_of_an_engine": [int(lengths.min()), int(lengths.max())],
        "largest_rul": float(fleet.rul_at(fleet.starts[:-1]).max()),
        "columns": table.columns.to_json(),
        "conditions": table.conditions or table.found,
        "features": list(table.features),
        "left_out": dict(table.left_out),
        "done": list(table.done),
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
        _settings(table),
        *_uneven(table, fleet),
        *filter(None, [suspension(fleet, conventions)]),
    ]


def _lines_of_columns(table: TableSource) -> list[str]:
    columns = table.columns
    lines = [f"features ({len(table.features)}): {', '.join(table.features)}", *_left_out(table)]
    if columns.label:
        lines.append(f"health labels: column {columns.label}, classes {', '.join(columns.classes or ('0', '1', '2'))}")
    lines += table.done
    if table.cache is not None:
        lines.append(f"rows are read from the disk: {table.cache}")
    return lines


def _left_out(table: TableSource) -> list[str]:
    """A line for each reason why columns are left out, and for each why one that was asked for should be."""
    used = [f"used as asked for, though it gives the end away: {leak}" for leak in table.columns.leaks]
    reasons = sorted((why, name) for name, why in table.left_out.items() if name not in table.features)
    groups = groupby(reasons, key=lambda item: item[0])
    return [*used, *(f"left out: {', '.join(name for _, name in group)} ({why})" for why, group in groups)]


def _uneven(table: TableSource, fleet: Fleet) -> list[str]:
    step = uneven_step(fleet)
    if not step:
        return []
    typical = f"{step:g} {table.columns.unit} is the typical step"
    return [f"rows are not evenly spaced: {typical}; statistics of windows (--size statistics) are taken over time"]


def _settings(table: TableSource) -> str:
    settings = table.columns.settings
    if not settings:
        return "operating conditions: one, no setting columns"
    number = f"{table.conditions} as asked" if table.conditions else f"{table.found} found by silhouette"
    return f"operating conditions: {number}, from {', '.join(settings)}"
