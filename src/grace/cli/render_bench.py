"""A sweep's figures in a terminal: the answer, and a table a data set."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from grace.bench.summary import LARGER_IS_BETTER, Row, summarise
from grace.bench.tables import TITLE, cells, notes, title_of
from grace.cli.say import answer, evidence
from grace.controllers.titles import TITLES
from grace.core.stats import UNCLEAR, Family
from grace.training.record import Record

_MOST = 4
"""Data sets that the answer names."""
_STYLES = {"lower": "green", "higher": "red"}


def show_sweep(records: Sequence[Record], metrics: Sequence[str], protocol: str, reference: str, verbose: bool) -> None:
    """The answer of the first metric, and the tables of all; ``verbose``: and what the figures are."""
    every = {metric: summarise(records, metric, protocol, reference) for metric in metrics}
    answer(in_short(every[metrics[0]], metrics[0], reference))
    for metric, rows in every.items():
        evidence(f"\n{title_of(metric, records)}, {protocol} protocol")
        for dataset, found in groupby(rows, key=lambda row: row.dataset):
            Console(markup=False, highlight=False).print(_table(dataset, list(found), metric, reference))
        evidence(Family.of([row.difference for row in rows]).words, style="dim")
    if remarks := notes(records, protocol, verbose).strip():
        evidence("", remarks)


def in_short(rows: Sequence[Row], metric: str, reference: str) -> str:
    """By data set the method that is furthest ahead of the reference, of those whose difference remains after adjustment."""
    name, sign = TITLES.get(reference, reference), -1 if metric in LARGER_IS_BETTER else 1
    what = TITLE.get(metric, metric).split(",")[0]
    datasets = list(dict.fromkeys(row.dataset for row in rows))
    if not any(row.difference is not None for row in rows):
        methods = ", ".join(sorted({row.method for row in rows}))
        return f"Nothing to compare: no seed shared with {name}. Name another --reference: {methods}."
    found = []
    for dataset in datasets[:_MOST]:
        mine = [row for row in rows if row.dataset == dataset and row.adjusted_verdict not in ("", UNCLEAR)]
        ahead = [(sign * row.difference.mean, row) for row in mine if row.difference is not None]
        least, best = min(ahead, key=lambda pair: pair[0], default=(math.inf, None))
        words = f"{TITLES.get(best.method, best.method)} {cells(best, metric)[6]}" if best and least < 0 else "none"
        found.append(f"{dataset} {words}")
    if all(words.endswith(" none") for words in found) and len(datasets) <= _MOST:
        return f"No method's {what} is measurably better than {name}'s on {', '.join(datasets)}."
    more = f"; and {len(datasets) - _MOST} data sets more" if len(datasets) > _MOST else ""
    return f"{what} measurably better than {name}'s: {'; '.join(found)}{more}."


def _table(dataset: str, rows: Sequence[Row], metric: str, reference: str) -> Table:
    seeds = sorted({row.value.n for row in rows})
    counted = (
        f"{dataset}, {' to '.join(str(n) for n in dict.fromkeys((seeds[0], seeds[-1])))} seed{'s' * (seeds[-1] > 1)}"
    )
    head = ("method", "mean [95 %]", f"to {TITLES.get(reference, reference)} [95 %]", "verdict")
    columns = [Column(name, justify="left" if name in ("method", "verdict") else "right") for name in head]
    table = Table(*columns, title=counted, title_justify="left", box=None, padding=(0, 1, 0, 0))
    for row in rows:
        text, verdict = cells(row, metric), row.adjusted_verdict
        across = row.difference is not None and row.verdict == UNCLEAR
        word = "crosses 0" if across else "unclear (BH)" if verdict == UNCLEAR else verdict
        table.add_row(text[1], text[3], text[6], Text(word, _STYLES.get(verdict, "")))
    return table
