"""What the records say, in sentences that are made from them."""

from __future__ import annotations

from collections.abc import Sequence

from grace.alignment.decide import STUDY
from grace.bench.summary import values_by_seed
from grace.report.estimates import ALONE, BASELINE, Estimate, Point, figures, paired
from grace.report.marks import marks
from grace.report.read import Diagnosed, Material
from grace.training.record import Record

CHANCE = 0.05  # of a paired difference to leave its 95 % interval though there is none


def summary(found: Material, points: Sequence[Point]) -> list[str]:
    """The findings, the most telling first; honest protocol, labels capped."""
    honest = [point for point in points if point.view == "honest"]
    titles = {name: inline(mark.title) for name, mark in marks(r.spec["method"] for r in found.records).items()}
    lines = []
    if any(p.method == BASELINE for p in honest):
        rmse = [(p, p.to_baseline[0]) for p in honest if p.to_baseline]
        score = [(p, p.to_baseline[1]) for p in honest if p.to_baseline]
        lines += [_count(rmse, "RMSE", "Baseline", titles, 2), _count(score, "NASA score", "Baseline", titles, 0)]
    alone = [(p, p.to_alone) for p in honest if p.to_alone and p.method not in ALONE]
    lines += [_count(alone, "RMSE", "RUL alone", titles, 2)]
    lines += _best([r for r in found.records if figures(r, "honest")], honest, titles)
    lines += _alignment(found.diagnoses)
    return [line for line in lines if line]


def scope(records: Sequence[Record]) -> str:
    """How much there is, and how it was chosen."""
    specs = [record.spec for record in records]
    count = {name: len({spec[name] for spec in specs}) for name in ("method", "dataset", "seed")}
    return (
        f"{_many(len(records), 'run')}: {_many(count['method'], 'method')}, {_many(count['dataset'], 'data set')}, "
        f"{_many(count['seed'], 'seed')}. Unless another view is chosen: the best epoch is chosen on held-out engines, the "
        "test is read once, and its labels are capped."
    )


def _count(
    pairs: Sequence[tuple[Point, Estimate]], what: str, reference: str, titles: dict[str, str], digits: int
) -> str:
    """How many differences leave their noise, how many would by chance, and which they are."""
    known = [(point, difference) for point, difference in pairs if difference.runs > 1]
    if not known:
        return ""
    outside = [(point, difference) for point, difference in known if difference.measurable]
    named = ", ".join(
        f"{titles[p.method]} on {inline(p.dataset)} ({abs(d.mean):.{digits}f} {'lower' if d.mean < 0 else 'higher'})"
        for p, d in outside
    )
    lower = sum(difference.mean < 0 for _, difference in outside)
    begin = (
        f"{lower} of {_many(len(known), 'comparison')} show the {what} below {reference}'s beyond noise"
        if lower
        else f"No method lowers the {what} below {reference}'s beyond noise"
    )
    return (
        f"{begin}. Of {_many(len(known), 'paired difference')} {len(outside)} leave their noise, where chance alone "
        f"would make {CHANCE * len(known):.1f}" + (f": {named}." if named else ".")
    )


def _best(records: Sequence[Record], points: Sequence[Point], titles: dict[str, str]) -> list[str]:
    """Which method has the lowest mean RMSE on each data set, and how many others can be told from it."""
    found = []
    for dataset, by_method in sorted(values_by_seed(records, "rmse", "honest").items()):
        best = min((p for p in points if p.dataset == dataset), key=lambda p: p.rmse.mean)
        others = [paired(by_method, name, best.method) for name in by_method if name != best.method]
        told = sum(difference is not None and difference.measurable for difference in others)
        rest = f", {told} of {len(others)} others measurably different" if others else ""
        found.append(f"on {inline(dataset)} {titles[best.method]} ({best.rmse.mean:.2f} cycles{rest})")
    return [f"Lowest mean RMSE: {'; '.join(found)}."] if found else []


def _alignment(diagnoses: Sequence[Diagnosed]) -> list[str]:
    joint = [d for d in diagnoses if d.evidence.recipe == "joint"]
    if not joint:
        return []
    values = ", ".join(
        f"{inline(d.dataset)} {d.evidence.rho:+.2f} [{d.evidence.low:+.2f}, {d.evidence.high:+.2f}]" for d in joint
    )
    above = sum(d.evidence.low > STUDY.weak for d in joint)
    return [
        f"rho before training (recipe joint): {values}. On {above} of {len(joint)} the whole interval is above "
        f"{STUDY.weak:+.2f}: the labels follow RUL, which is not to say that sharing pays."
    ]


def inline(name: str) -> str:
    """A name inside a sentence: isolated (Unicode's FSI and PDI) where it could turn the rest of the sentence around."""
    return name if name.isascii() and name.isprintable() else f"\u2068{name.replace(chr(0x2069), '')}\u2069"


def _many(count: int, noun: str) -> str:
    return f"{count:,} {noun}" + ("" if count == 1 else "s")
