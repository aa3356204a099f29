"""What to train on each data set, as the records say it: the first card of the page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from grace.bench.summary import Row, summarise
from grace.core.stats import LOWER, RATE, Estimate
from grace.report.estimates import ALONE, BASELINE, against, figures
from grace.report.marks import Mark
from grace.report.words import inline
from grace.training.record import DONE, Record

VIEW = "honest"
SUBSETS = ("FD001", "FD002", "FD003", "FD004")


@dataclass(frozen=True)
class Answer:
    """What to train on one data set.

    Attributes:
        dataset: Its name.
        method: What to train.
        reference: What it was held against: RUL alone, the better of its losses; else Baseline, else the lowest mean RMSE.
        headline: What to train, in a few words.
        brief: How sure that is, in a few words.
        sure: The same in one sentence, with the interval.
        evidence: How the others compare, in one sentence.
        by_score: Which methods have a measurably lower NASA score, in one sentence; empty where none has.
        command: What trains it.
    """

    dataset: str
    method: str
    reference: str
    headline: str
    brief: str
    sure: str
    evidence: str
    by_score: str
    command: str

    @staticmethod
    def every(records: Iterable[Record]) -> list[Answer]:
        """One a data set; honest protocol, labels capped, adjusted for all differences to the references."""
        held = [record for record in records if record.status == DONE and figures(record, VIEW)]
        of = _by_dataset(held)
        references = {dataset: _reference(some) for dataset, some in of.items()}
        rmse, score = (_rows(held, references, metric) for metric in ("rmse", "score"))
        known = Mark.every(record.spec["method"] for record in held)
        of_tables = {record.spec["dataset"] for record in held if record.spec["conventions"].get("table")}
        return [_answer(rmse[dataset], _by_score(score[dataset], known), known, dataset in of_tables) for dataset in of]


def _by_dataset(records: Sequence[Record]) -> dict[str, list[Record]]:
    found: dict[str, list[Record]] = {}
    for record in records:
        found.setdefault(record.spec["dataset"], []).append(record)
    return dict(sorted(found.items()))


def _reference(records: Sequence[Record]) -> str:
    """What the methods of one data set are held against."""
    means = {row.method: row.value.mean for row in summarise(records)}
    known = [name for name in ALONE if name in means] or [name for name in (BASELINE,) if name in means] or list(means)
    return min(known, key=means.__getitem__)


def _rows(records: Sequence[Record], references: Mapping[str, str], metric: str) -> dict[str, list[Row]]:
    """Rows by data set with differences to its reference, which stands first, adjusted for those of all data sets."""
    found: dict[str, list[Row]] = {dataset: [] for dataset in references}
    for row in against(records, references, metric):
        found[row.dataset].append(row)
    return {name: sorted(some, key=lambda row: row.method != references[row.dataset]) for name, some in found.items()}


def _by_score(rows: Sequence[Row], known: Mapping[str, Mark]) -> str:
    """Which methods are better by the score, if any is."""
    better = [row for row in rows if row.verdict == LOWER and row.adjusted <= RATE]
    if not better:
        return ""
    named = ", ".join(
        f"{inline(known[row.method].title)} {row.difference.text(0, '+')}"
        for row in better
        if row.difference is not None
    )
    return f"Measurably lower in the NASA score, which punishes late predictions most: {named}."


def _answer(rows: Sequence[Row], by_score: str, known: Mapping[str, Mark], of_table: bool) -> Answer:
    reference = rows[0]
    others = [(row, row.difference) for row in rows if row.difference is not None and row.difference.n > 1]
    better = [row for row, difference in others if difference.verdict == LOWER and row.adjusted <= RATE]
    best = min(better, key=lambda row: row.value.mean) if better else reference
    title = inline(known[best.method].title)
    where = f"--table {best.dataset}.csv ..." if of_table else best.dataset
    data = " --data cmapss" if best.dataset in SUBSETS else ""
    return Answer(
        dataset=best.dataset,
        method=best.method,
        reference=reference.method,
        headline=f"Train {title}",
        brief=_brief(best, reference, others, known),
        sure=_sure(best, reference, others, known),
        evidence=_evidence(reference, others, known),
        by_score=by_score,
        command=f"grace train {where}{data} --method {best.method}",
    )


def _brief(best: Row, reference: Row, others: Sequence[tuple[Row, Estimate]], known: Mapping[str, Mark]) -> str:
    if best.method != reference.method:
        return f"measurably better than {inline(known[reference.method].title)}"
    return f"none of {len(others)} others is measurably better" if others else "nothing to compare it with"


def _sure(best: Row, reference: Row, others: Sequence[tuple[Row, Estimate]], known: Mapping[str, Mark]) -> str:
    title = inline(known[reference.method].title)
    if best.method != reference.method and best.difference is not None:
        return f"Its test RMSE differs from that of {title} by {_cycles(best.difference)}, measurable after adjustment."
    if not others:
        return "Nothing was trained beside it with two seeds or more in common."
    nearest, difference = min(others, key=lambda pair: pair[1].mean)
    return (
        f"The nearest of the others, {inline(known[nearest.method].title)}, differs from it by {_cycles(difference)}."
    )


def _evidence(reference: Row, others: Sequence[tuple[Row, Estimate]], known: Mapping[str, Mark]) -> str:
    if not others:
        return f"RMSE {reference.value.text(2)} cycles."
    worse = sum(difference.mean > 0 and row.adjusted <= RATE for row, difference in others)
    equal = sum(row.adjusted > RATE for row, _ in others)
    return (
        f"{inline(known[reference.method].title)}: RMSE {reference.value.text(2)} cycles. Of {len(others)} others {worse} are "
        f"measurably worse and {equal} cannot be distinguished from it (Benjamini-Hochberg at {100 * RATE:g} % over "
        f"{others[0][0].looked_at} differences)."
    )


def _cycles(difference: Estimate) -> str:
    return f"{difference.text(2, '+')} cycles of RMSE (95 %, paired, {difference.n} seeds)"
