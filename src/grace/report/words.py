"""What the records say, in sentences that are made from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from grace.bench.summary import Row
from grace.core.stats import HIGHER, LEVEL, RATE
from grace.report.estimates import ADJUSTMENT, BASELINE, Point
from grace.report.marks import Mark
from grace.report.read import Diagnosed, Results
from grace.training.record import Record


def summary(found: Results, points: Sequence[Point]) -> list[str]:
    """The findings, the most telling first; honest protocol, labels capped."""
    honest = [point for point in points if point.view == "honest"]
    titles = {name: inline(mark.title) for name, mark in Mark.every(r.spec["method"] for r in found.records).items()}
    lines = []
    if any(p.method == BASELINE for p in honest):
        lines += [_count([(p, p.rmse) for p in honest], "RMSE", "Baseline", titles, 2)]
        lines += [_count([(p, p.score) for p in honest], "NASA score", "Baseline", titles, 0)]
    for loss in sorted({p.loss for p in honest}):
        alone = [(p, p.alone) for p in honest if p.alone is not None and p.loss == loss]
        lines += [_count(alone, "RMSE", f"RUL alone under {inline(loss)}", titles, 2)]
    lines += _best(honest, titles)
    lines += _alignment(found.diagnoses)
    return [line for line in lines if line]


def alone_words(points: Sequence[Point], known: Mapping[str, Mark]) -> list[str]:
    """Which RUL alone the methods of one data set are compared with, and which have none; honest protocol, labels capped."""
    lines: dict[str, list[str]] = {}
    for p in points:
        if p.view == "honest" and p.shares:
            lines.setdefault(_reference(p), []).append(inline(known[p.method].title))
    return [f"{words}: {', '.join(titles)}." for words, titles in lines.items()] or [
        "The records hold no method that shares."
    ]


def _reference(point: Point) -> str:
    if point.alone is not None:
        return f"Against RUL alone under {inline(point.loss)}"
    return f"Not compared, as the records hold no RUL alone under {inline(point.loss) or 'the same loss'} with a seed in common"


def scope(records: Sequence[Record]) -> str:
    """How much there is, and how it was chosen."""
    specs = [record.spec for record in records]
    count = {name: len({spec[name] for spec in specs}) for name in ("method", "dataset", "seed")}
    sizes = sorted({str(spec["size"]) for spec in specs if "size" in spec})
    network = f" of the network {' and '.join(map(inline, sizes))}" if sizes else ""
    return (
        f"{_many(len(records), 'run')}{network}: {_many(count['method'], 'method')}, {_many(count['dataset'], 'data set')}, "
        f"{_many(count['seed'], 'seed')}. Unless another view is chosen: the best epoch is chosen on held-out engines, the "
        "test is read once, and its labels are capped."
    )


def _count(pairs: Sequence[tuple[Point, Row]], what: str, reference: str, titles: dict[str, str], digits: int) -> str:
    """How many differences leave their noise, how many would by chance, which they are, and what remains after the adjustment."""
    known = [(p, row, d) for p, row in pairs if (d := row.difference) is not None and d.n > 1]
    if not known:
        return ""
    outside = [(point, row, difference) for point, row, difference in known if difference.measurable]
    named = ", ".join(
        f"{titles[p.method]} on {inline(p.dataset)} ({abs(d.mean):.{digits}f} {'lower' if d.mean < 0 else 'higher'}, "
        f"{'remains' if row.adjusted <= RATE else 'does not remain'})"
        for p, row, d in outside
    )
    lower = sum(difference.mean < 0 for *_, difference in outside)
    looked = known[0][1].looked_at
    others = "" if looked == len(known) else ", with those under another loss"
    begin = (
        f"{lower} of {_many(len(known), 'comparison')} show the {what} below {reference}'s beyond noise"
        if lower
        else f"No method lowers the {what} below {reference}'s beyond noise"
    )
    return (
        f"{begin}. Of {_many(len(known), 'paired difference')} {len(outside)} leave their noise, where chance alone "
        f"would make {(1 - LEVEL) * len(known):.1f}; {sum(row.adjusted <= RATE for _, row, _ in known)} remain after "
        f"{ADJUSTMENT} ({looked} looked at{others})" + (f": {named}." if named else ".")
    )


def _best(points: Sequence[Point], titles: dict[str, str]) -> list[str]:
    """Which method has the lowest mean RMSE on each data set, and how many others can be distinguished from it."""
    found = []
    looked = max((p.lowest.looked_at for p in points), default=0)
    for dataset in sorted({p.dataset for p in points}):
        here = [p for p in points if p.dataset == dataset]
        best = min(here, key=lambda p: p.rmse.value.mean)
        own = sum(p.lowest.difference is not None and p.lowest.difference.measurable for p in here)
        left = sum(p.lowest.adjusted_verdict == HIGHER for p in here)
        rest = (
            f", {own} of {len(here) - 1} others measurably different, {left} after Benjamini-Hochberg"
            if here[1:]
            else ""
        )
        error = f", SE over engines {best.rmse.engines:.2f}" if best.rmse.engines > 0 else ""
        found.append(f"on {inline(dataset)} {titles[best.method]} ({best.rmse.value.mean:.2f} cycles{error}{rest})")
    return [f"Lowest mean RMSE ({looked} differences to it looked at): {'; '.join(found)}."] if found else []


def _alignment(diagnoses: Sequence[Diagnosed]) -> list[str]:
    joint = [d for d in diagnoses if d.evidence.recipe == "joint"]
    if not joint:
        return []
    values = ", ".join(
        f"{inline(d.dataset)} {d.evidence.rho:+.2f} [{d.evidence.low:+.2f}, {d.evidence.high:+.2f}]" for d in joint
    )
    above = sum(d.evidence.low > d.edge for d in joint)
    edges = " or ".join(f"{edge:+.2f}" for edge in sorted({d.edge for d in joint}))
    elsewhere = "".join(f" {words}" for words in dict.fromkeys(d.elsewhere for d in joint) if words)
    return [
        f"rho before training (recipe joint): {values}. On {above} of {len(joint)} the whole interval is above "
        f"{edges}: the labels follow RUL, which is not to say that sharing pays.{elsewhere}"
    ]


def inline(name: str) -> str:
    """A name inside a sentence: isolated (Unicode's FSI and PDI) where it could turn the rest of the sentence around."""
    return name if name.isascii() and name.isprintable() else f"\u2068{name.replace(chr(0x2069), '')}\u2069"


def _many(count: int, noun: str) -> str:
    return f"{count:,} {noun}" + ("" if count == 1 else "s")
