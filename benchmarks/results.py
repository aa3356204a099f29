"""Write the tables and the picture of docs/results.md from the committed records: python benchmarks/results.py"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from pages import replace_between
from result_figures import draw

from grace.bench.published import SOURCE
from grace.bench.store import Store
from grace.bench.summary import summarise, values_by_seed
from grace.bench.sweep import METHODS
from grace.bench.tables import TITLE, report
from grace.controllers.titles import TITLES
from grace.core.stats import LEVEL, UNCLEAR, Estimate, Family, paired
from grace.training.record import Record

FOLDERS = {"statistics": "results", "compact": "results/compact"}
"""Where the runs of each network are."""

IN_CAPS = "results/cap"
"""RUL alone, `statistics`, with the loss in units of the cap: what fixed weights are compared with in their own unit."""

BANDS = ((0, 50), (50, 100), (100, 126))


def intervals(records: list[Record]) -> str:
    """Coverage and half width of the 90 % intervals, mean over all methods and seeds of a data set; coverage by true RUL."""
    lines = [
        "| data set | runs | mean half width, cycles | coverage on the test engines (range over runs) | "
        "RUL 0-49 | 50-99 | 100 or more |",
        "|---|---|---|---|---|---|---|",
    ]
    for dataset in sorted({record.spec["dataset"] for record in records}):
        found = [r for r in records if r.spec["dataset"] == dataset and r.interval.get("half_width")]
        halves = [float(r.interval["half_width"] or 0) for r in found]
        covered = [float(r.interval["coverage"] or 0) for r in found]
        share = f"{np.mean(covered):.1%} ({min(covered):.1%}-{max(covered):.1%})"
        bands = " | ".join(f"{value:.0%}" for value in np.mean([covered_by_rul(r) for r in found], axis=0))
        lines.append(f"| {dataset} | {len(found)} | {np.mean(halves):.1f} | {share} | {bands} |")
    return "\n".join(lines) + "\n"


def covered_by_rul(record: Record) -> list[float]:
    """Share of the test engines whose label lies in the interval, by capped label."""
    predicted, half = record.predictions, float(record.interval["half_width"] or 0)
    true = np.minimum(predicted["true"], record.spec["conventions"]["cap"])
    rul = np.array(predicted["rul"])  # of records that hold no ends all intervals are as wide
    low, high = (np.array(predicted.get(name, rul + sign * half)) for name, sign in (("low", -1), ("high", 1)))
    inside = (true >= low) & (true <= high)
    return [float(inside[(true >= low) & (true < high)].mean()) for low, high in BANDS]


def claims(records: list[Record]) -> str:
    """GRACE, and the best method, against Baseline on each data set; and how many differences leave their noise."""
    lines = [
        "| data set | GRACE to Baseline, RMSE [95 %] | published | lowest of all | SE over test engines | to Baseline [95 %] |",
        "|---|---|---|---|---|---|",
    ]
    rows = summarise(records)
    for dataset in sorted({row.dataset for row in rows}):
        found = {row.method: row for row in rows if row.dataset == dataset}
        best = min(found.values(), key=lambda row: row.rank)
        published = (SOURCE["grace"][dataset].rmse or 0.0) - (SOURCE["baseline"][dataset].rmse or 0.0)
        cells = (
            shown(found["grace"].difference, 2),
            f"{published:+.2f}",
            f"{TITLES[best.method]}, {best.value.mean:.2f}",
            f"{best.engines:.2f}",
            shown(best.difference, 2),
        )
        lines.append(f"| {dataset} | " + " | ".join(cells) + " |")
    compared = [row for row in rows if row.difference is not None]
    largest = max(abs(row.difference.mean) for row in compared if row.difference)
    outside = [
        f"{TITLES[row.method]} on {row.dataset} ({shown(row.difference, 2)})"
        for row in compared
        if row.verdict != UNCLEAR
    ]
    words = Family.of([row.difference for row in compared]).words
    return (
        "\n".join(lines)
        + f"\n\nThe largest difference to Baseline is {largest:.2f} cycles. {words} Those that do: "
        + f"{', '.join(outside) or 'none'}.\n"
    )


AXES = (
    ("inner: AMNL to Baseline", "amnl", "baseline"),
    ("inner: GRACE to GABA", "grace", "gaba"),
    ("outer: GABA to Baseline", "gaba", "baseline"),
    ("outer: GRACE to AMNL", "grace", "amnl"),
    ("second task: Baseline to RUL alone", "baseline", "rul-only"),
    ("second task: GABA to RUL alone", "gaba", "rul-only"),
    ("second task: AMNL to RUL alone, both weighted", "amnl", "rul-only-weighted"),
    ("second task: GRACE to RUL alone, both weighted", "grace", "rul-only-weighted"),
)
"""What is switched, the method with it and the one without."""


METRICS = (("rmse", 2), ("rmse_uncapped", 2), ("score", 0), ("score_uncapped", 0))


def axes(records: list[Record]) -> str:
    """Each axis switched on its own: paired differences with Student's interval over seeds; bold where it leaves out 0."""
    parts, every = [], []
    for metric, digits in METRICS:
        values = dict(sorted(values_by_seed(records, metric, "honest").items()))
        head = TITLE[metric]
        lines = [f"| {head} | " + " | ".join(values) + " |", "|---" * (len(values) + 1) + "|"]
        for text, method, reference in AXES:
            found = [paired(values[dataset][method], values[dataset][reference]) for dataset in values]
            every += [estimate for estimate in found if estimate]
            lines.append(f"| {text} | " + " | ".join(shown(estimate, digits) for estimate in found) + " |")
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts) + "\n" + Family.of(every).words + "\n"


def inner_score(records: list[Record]) -> str:
    """What the weights inside the RUL loss do to the NASA score, capped and uncapped, in per cent of the score with plain MSE."""
    pairs = (("AMNL to Baseline", "amnl", "baseline"), ("GRACE to GABA", "grace", "gaba"))
    pairs += (("RUL alone, weighted to plain", "rul-only-weighted", "rul-only"),)
    parts = []
    for metric in ("score", "score_uncapped"):
        values = dict(sorted(values_by_seed(records, metric, "honest").items()))
        lines = [f"| {TITLE[metric]} | " + " | ".join(values) + " |", "|---" * (len(values) + 1) + "|"]
        for text, method, reference in pairs:
            cells = []
            for dataset in values:
                found = paired(values[dataset][method], values[dataset][reference])
                level = float(np.mean([*values[dataset][reference].values()]))
                unclear = "" if found and found.measurable else ", unclear"
                cells.append("-" if found is None else f"{100 * found.mean / level:+.1f} %{unclear}")
            lines.append(f"| {text} | " + " | ".join(cells) + " |")
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


def shown(estimate: Estimate | None, digits: int) -> str:
    """Mean and interval; bold where it leaves out 0."""
    if estimate is None:
        return "-"
    text = estimate.text(digits, "+")
    return f"**{text}**" if estimate.measurable else text


STRETCHES = ((0, 50), (50, 100), (100, 125), (125, 126))


def errors(records: list[Record]) -> str:
    """Baseline's bias and RMSE by true RUL, capped at 125, and the RMSE of the mean of its five predictions."""
    heads = [f"RUL {low}-{high - 1}" if high < 126 else "at the cap" for low, high in STRETCHES]
    lines = ["| bias / RMSE, cycles | " + " | ".join(heads) + " | mean of five runs |", "|---" * (len(heads) + 2) + "|"]
    for dataset in sorted({record.spec["dataset"] for record in records}):
        mine = [r for r in records if r.spec["dataset"] == dataset and r.spec["method"] == "baseline"]
        true = np.minimum(mine[0].predictions["true"], 125)
        error = np.array([r.predictions["rul"] for r in mine]) - true
        inside = [error[:, (true >= low) & (true < high)] for low, high in STRETCHES]
        cells = [f"{part.mean():+.1f} / {np.sqrt((part**2).mean()):.1f}" for part in inside]
        lines.append(f"| {dataset} | " + " | ".join([*cells, f"{np.sqrt((error.mean(0) ** 2).mean()):.2f}"]) + " |")
    return "\n".join(lines) + "\n"


ALONE = dict.fromkeys(("baseline", "dwa", "gradnorm", "uncertainty", "gaba"), "rul-only")
ALONE |= dict.fromkeys(("amnl", "grace"), "rul-only-weighted")
"""RUL alone with the same RUL loss, by method that shares."""

TO_BASELINE = {method: "baseline" for method in METHODS if method != "baseline"}

FIXED = ("fixed-0.01", "fixed-0.1", "fixed-0.5")
TO_ALONE = {"RUL alone": "rul-only", "RUL alone in units of the cap": "rul-only in caps"}
"""What fixed weights are compared with, by its name on the page."""


def differences(records: list[Record], metric: str, references: dict[str, str]) -> dict[tuple[str, str], Estimate]:
    """Paired difference of each method to its reference, by data set and method."""
    values = sorted(values_by_seed(records, metric, "honest").items())
    pairs = {(name, m): paired(of[m], of[r]) for name, of in values for m, r in references.items()}
    return {key: found for key, found in pairs.items() if found is not None}


def sizes(records: dict[str, list[Record]]) -> str:
    """How many differences leave their noise with each network, to Baseline and to RUL alone."""
    lines = [
        "| network | compared | figure | differences | leave out 0 | by chance | after Benjamini-Hochberg | largest |",
        "|---" * 8 + "|",
    ]
    compared = [(size, "eight methods to Baseline", TO_BASELINE) for size in records]
    compared += [(size, "seven methods to RUL alone, same RUL loss", ALONE) for size in records]
    compared += [
        ("statistics", f"fixed weights to {text}", dict.fromkeys(FIXED, name)) for text, name in TO_ALONE.items()
    ]
    for size, text, references in compared:
        for metric, digits in (("rmse", 2), ("score", 0)):
            found = differences(records[size], metric, references)
            family = Family.of([*found.values()])
            dataset, method = max(found, key=lambda key: abs(found[key].mean))
            largest = f"{TITLES[method]} on {dataset}, {shown(found[dataset, method], digits)}"
            outside = family.measurable
            chance = f"{len(found) * (1 - LEVEL):.1f}"
            counts = (f"{len(found)}", f"{outside}", chance, f"{family.remaining}")
            lines.append(
                f"| {size} | {text} | {TITLE[metric].split(',')[0]} | " + " | ".join([*counts, largest]) + " |"
            )
    return "\n".join(lines) + "\n"


def levels(records: dict[str, list[Record]]) -> str:
    """RMSE of every method with either network, and the difference of the two, paired by seed."""
    ours, theirs = (values_by_seed(of_nine(records[size]), "rmse", "honest") for size in FOLDERS)
    sets, every = sorted(ours), []
    lines = ["| method | " + " | ".join(sets) + " |", "|---" * (len(sets) + 1) + "|"]
    for method in METHODS:
        cells = []
        for name in sets:
            mine, other = ours[name][method], theirs[name][method]
            found = paired(mine, other)
            every.append(found)
            means = " / ".join(f"{np.mean([*of.values()]):.2f}" for of in (mine, other))
            cells.append(f"{means}, {shown(found, 2)}")
        lines.append(f"| {TITLES[method]} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n\n" + Family.of(every).words + "\n"


def fixed(records: list[Record]) -> str:
    """Health with a fixed weight against RUL alone, in its own unit and in the other methods'."""
    parts = []
    for metric, digits in METRICS:
        every: list[Estimate] = []
        sets = sorted({record.spec["dataset"] for record in records})
        lines = [f"| {TITLE[metric]} | " + " | ".join(sets) + " |", "|---" * (len(sets) + 1) + "|"]
        for text, name in TO_ALONE.items():
            found = differences(records, metric, dict.fromkeys(FIXED, name))
            every += found.values()
            for method in FIXED:
                cells = " | ".join(shown(found[dataset, method], digits) for dataset in sets)
                lines.append(f"| {TITLES[method]} to {text} | {cells} |")
        parts.append("\n".join(lines) + "\n\n" + Family.of(every).words + "\n")
    return "\n".join(parts)


def with_control(records: list[Record], control: list[Record]) -> list[Record]:
    """Records, and among them those of RUL alone in units of the cap, under a name of their own."""
    name = {"method": TO_ALONE["RUL alone in units of the cap"]}
    return records + [replace(record, spec=record.spec | name) for record in control]


def of_nine(records: list[Record]) -> list[Record]:
    """The 180 runs of the grid's own methods."""
    return [record for record in records if record.spec["method"] in METHODS]


def of_one_size(records: list[Record]) -> dict[str, str]:
    """Every block that stands once for each network."""
    nine = of_nine(records)
    table = report(records, ["rmse", "score", "rmse_uncapped", "score_uncapped", "macro_f1"], "honest", "markdown")
    optimistic = report(records, ["rmse", "score"], "source", "markdown").split("Single-task figures")[0]
    return {
        "claims": claims(nine),
        "axes": axes(nine),
        "inner": inner_score(nine),
        "errors": errors(nine),
        "intervals": intervals(nine),
        "table": table,
        "source": optimistic,
    }


def blocks(root: Path) -> dict[str, str]:
    """Every block of the page by its mark, from the records of the repository."""
    records = {size: Store(root / folder).all_records() for size, folder in FOLDERS.items()}
    found = {f"{name}_{size}": text for size, of in records.items() for name, text in of_one_size(of).items()}
    ours = with_control(records["statistics"], Store(root / IN_CAPS).all_records())
    found |= {"sizes": sizes(records | {"statistics": ours}), "levels": levels(records), "fixed": fixed(ours)}
    return found


def compared(root: Path) -> dict[str, dict[str, dict[tuple[str, str], Estimate]]]:
    """What the forest plot shows: methods against RUL alone and against Baseline, and fixed weights in their own unit."""
    records = {size: Store(root / folder).all_records() for size, folder in FOLDERS.items()}
    ours = with_control(records["statistics"], Store(root / IN_CAPS).all_records())
    own_unit = differences(ours, "rmse", dict.fromkeys(FIXED, TO_ALONE["RUL alone in units of the cap"]))
    to_alone = {size: differences(of, "rmse", ALONE) for size, of in records.items()}
    to_baseline = {size: differences(of, "rmse", TO_BASELINE) for size, of in records.items()}
    to_alone["statistics"] |= own_unit
    return {
        "against RUL alone with the same RUL loss": to_alone,
        "against Baseline (0.5 / 0.5, plain MSE)": to_baseline,
    }


def main() -> None:
    """Replace what stands between the marks, and draw the forest plot."""
    root = Path(__file__).parents[1]
    replace_between(root / "docs" / "results.md", blocks(root))
    draw(compared(root), root / "docs" / "figures")


if __name__ == "__main__":
    main()
