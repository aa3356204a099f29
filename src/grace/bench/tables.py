"""Summaries as Markdown, LaTeX and CSV; numpy alone."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Sequence

from grace.bench.published import ANCHORS, SOURCE
from grace.bench.summary import Row, summarise
from grace.controllers.titles import TITLES
from grace.core.stats import RATE, UNCLEAR, Family
from grace.errors import check_one_of
from grace.training.record import DONE, Record

TITLE = {
    "rmse": "RMSE, cycles, labels capped",
    "score": "NASA score, labels capped",
    "rmse_uncapped": "RMSE, cycles, labels uncapped",
    "score_uncapped": "NASA score, labels uncapped",
    "macro_f1": "Health macro-F1",
}
Cells = tuple[str, ...]
NOTE = (
    "Mean over seeds with Student's 95 % interval; SE, engines: standard error over the test engines, which all seeds share; "
    "differences are paired by seed, and in brackets stands what remains of a verdict after Benjamini-Hochberg at "
    f"{RATE:.0%} over all differences of the table; rank by mean, from 1 and those measurably better to all less those "
    "measurably worse; * the source's table, whose protocol picks the best epoch on the test set."
)
OPTIMISTIC = "Best epoch chosen ON THE TEST SET, as the source does: optimistic, for comparison with its table only. "

UNTESTED = (
    "no test engines; these are figures of the VALIDATION engines, on which the epoch was chosen: optimistic. Give test engines "
    "with --test-table."
)


def report(
    records: Sequence[Record], metrics: Sequence[str], protocol: str, format_name: str, reference: str = "baseline"
) -> str:
    """The whole report: a table a metric, and in Markdown the words and the figures of others around it.

    Raises:
        GraceError: An unknown format, or see :func:`grace.bench.summary.summarise`.
    """
    check_one_of("format", format_name, FORMATS)
    to = f"to {TITLES.get(reference, reference)} [95 %]"
    head = ("data set", "method", "seeds", "mean [95 %]", "SD", "SE, engines", to, "verdict (BH)", "rank", "published*")
    parts = []
    for metric in metrics:
        rows = summarise(records, metric, protocol, reference)
        table = FORMATS[format_name](head, [cells(row, metric) for row in rows])
        if format_name == "markdown":
            title = title_of(metric, records)
            words = Family.of([row.difference for row in rows]).words
            table = f"**{title}**, {protocol} protocol\n\n{table}\n{words}\n\n"
        parts.append(table)
    return "".join(parts) + (notes(records, protocol) if format_name == "markdown" else "")


def notes(records: Sequence[Record], protocol: str, every: bool = True) -> str:
    """What stands below the tables in Markdown; ``every``: also what figures are, and those of others."""
    text = (OPTIMISTIC if protocol == "source" else "") + (NOTE if every else "") + "\n\n"
    untested = sorted({r.spec["dataset"] for r in records if r.status == DONE and not r.test})
    if untested and protocol == "honest":
        text += f"{', '.join(untested)}: {UNTESTED}\n\n"
    datasets = sorted({record.spec["dataset"] for record in records})
    known = [name for name in datasets if any(name in found for found in ANCHORS.values())]
    if known and every:
        text += "Single-task figures of others, RMSE / score:\n\n" + markdown(("", *known), _anchors(known))
    return text


def title_of(metric: str, records: Sequence[Record]) -> str:
    """What a metric is called, in the units of these records."""
    return TITLE.get(metric, metric).replace("cycles", " or ".join(_units(records)))


def _units(records: Sequence[Record]) -> list[str]:
    """Units of RUL in some records."""
    tables = [record.spec.get("conventions", {}).get("table") for record in records]
    return sorted({"cycles" if table is None else str(table["unit"]) for table in tables})


def cells(row: Row, metric: str = "rmse") -> Cells:
    """A row as text, a cell a column of the table."""
    digits = {"macro_f1": 3, "score": 0, "score_uncapped": 0}.get(metric, 2)
    difference = "-" if row.difference is None else row.difference.text(digits, "+")
    rank = f"{row.rank} [{row.rank_low}-{row.rank_high}]" if row.value.n > 1 else f"{row.rank}"
    spread, engines = (_number(value, digits) for value in (row.sd, row.engines))
    value = row.value.text(digits)
    verdict = f"{row.verdict} ({row.adjusted_verdict})" if row.verdict not in ("", UNCLEAR) else row.verdict or "-"
    name = TITLES.get(row.method, row.method)
    seeds = str(row.value.n)
    return (row.dataset, name, seeds, value, spread, engines, difference, verdict, rank, _published(row, metric))


def _number(value: float, digits: int) -> str:
    return "-" if math.isnan(value) else f"{value:.{digits}f}"


def _published(row: Row, metric: str) -> str:
    known = SOURCE.get(row.method, {}).get(row.dataset)
    if known is None or metric not in ("rmse", "score"):
        return "-"
    value = known.rmse if metric == "rmse" else known.score
    spread = f" (SD {known.sd:.2f})" if metric == "rmse" and known.sd is not None else ""
    return "-" if value is None else f"{value:g}{spread}"


def _anchors(datasets: Sequence[str]) -> list[Cells]:
    """Single-task figures of others, RMSE / score: what, then one cell a data set."""
    rows = []
    for name, by_set in ANCHORS.items():
        found = [by_set.get(dataset) for dataset in datasets]
        rows.append((name, *("-" if p is None else f"{p.rmse:.2f} / {p.score:.0f}" for p in found)))
    return rows


def markdown(header: Cells, body: Sequence[Cells]) -> str:
    """A Markdown table."""
    lines = [header, ("---",) * len(header), *body]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def _latex(header: Cells, body: Sequence[Cells]) -> str:
    """A LaTeX ``tabular`` with booktabs' rules."""
    escaped = [" & ".join(_escaped(cell) for cell in line) + r" \\" for line in (header, *body)]
    head = [rf"\begin{{tabular}}{{{'l' * len(header)}}}", r"\toprule", escaped[0], r"\midrule"]
    return "\n".join([*head, *escaped[1:], r"\bottomrule", r"\end{tabular}"]) + "\n"


def _csv(header: Cells, body: Sequence[Cells]) -> str:
    """Comma-separated values."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([header, *body])
    return out.getvalue()


FORMATS: dict[str, Callable[[Cells, Sequence[Cells]], str]] = {"markdown": markdown, "latex": _latex, "csv": _csv}
"""Writers by name."""


def _escaped(text: str) -> str:
    for character in "&%_#":
        text = text.replace(character, "\\" + character)
    return text
