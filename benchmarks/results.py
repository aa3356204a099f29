"""Write the tables of docs/results.md from the committed records: python benchmarks/results.py"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pages import replace_between
from scipy import stats

from grace.bench.published import SOURCE
from grace.bench.store import Store
from grace.bench.summary import Row, summarise
from grace.bench.tables import report
from grace.controllers.titles import TITLES
from grace.training.record import DONE, Record


def intervals(records: list[Record]) -> str:
    """Coverage and half width of the 90 % intervals, mean over all methods and seeds of a data set."""
    lines = [
        "| data set | runs | half width, cycles | coverage on the test engines (range over runs) |",
        "|---|---|---|---|",
    ]
    for dataset in sorted({record.spec["dataset"] for record in records}):
        found = [r.interval for r in records if r.spec["dataset"] == dataset and r.interval.get("half_width")]
        halves = [float(i["half_width"] or 0) for i in found]
        covered = [float(i["coverage"] or 0) for i in found]
        share = f"{sum(covered) / len(covered):.1%} ({min(covered):.1%}-{max(covered):.1%})"
        lines.append(f"| {dataset} | {len(found)} | {sum(halves) / len(halves):.1f} | {share} |")
    return "\n".join(lines) + "\n"


def claims(records: list[Record]) -> str:
    """GRACE, and the best method, against Baseline on each data set; and how many differences leave their noise."""
    lines = [
        "| data set | GRACE to Baseline, RMSE [95 %] | published | lowest of all | to Baseline [95 %] |",
        "|---|---|---|---|---|",
    ]
    found = {(row.dataset, row.method): row for row in summarise(records)}
    for dataset in sorted({name for name, _ in found}):
        rows = [row for (name, _), row in found.items() if name == dataset]
        best = min(rows, key=lambda row: row.rank)
        published = (SOURCE["grace"][dataset].rmse or 0.0) - (SOURCE["baseline"][dataset].rmse or 0.0)
        cells = (
            student(differences(records, dataset, "grace", "baseline"), 2),
            f"{published:+.2f}",
            f"{TITLES[best.method]}, {best.value.mean:.2f}",
            "-" if best.method == "baseline" else student(differences(records, dataset, best.method, "baseline"), 2),
        )
        lines.append(f"| {dataset} | " + " | ".join(cells) + " |")
    paired = [row for row in found.values() if row.difference is not None]
    outside = [row for row in paired if leaves_noise(row, records)]
    largest = max(abs(row.difference.mean) for row in paired if row.difference)
    names = (
        ", ".join(
            f"{TITLES[row.method]} on {row.dataset} ({student(differences(records, row.dataset, row.method, 'baseline'), 2)})"
            for row in outside
        )
        or "none"
    )
    return (
        "\n".join(lines)
        + f"\n\nOf {len(paired)} paired differences to Baseline the largest is {largest:.2f} cycles. Outside their noise by "
        f"Student's t at 5 % (by chance alone {len(paired) / 20:.1f} would be): {names}.\n"
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


def axes(records: list[Record]) -> str:
    """Each axis switched on its own: paired differences with Student's 95 % interval over seeds; bold where it leaves out 0."""
    datasets = sorted({record.spec["dataset"] for record in records})
    lines = []
    for metric, digits in (("rmse", 2), ("score", 0)):
        lines += [f"| {metric.replace('rmse', 'RMSE, cycles')} | " + " | ".join(datasets) + " |", "|---" * 5 + "|"]
        for text, method, reference in AXES:
            cells = (student(differences(records, d, method, reference, metric), digits) for d in datasets)
            lines.append(f"| {text} | " + " | ".join(cells) + " |")
        lines.append("")
    return "\n".join(lines)


def student(difference: list[float], digits: int) -> str:
    """Mean and Student's 95 % interval."""
    mean = sum(difference) / len(difference)
    half = float(stats.t.ppf(0.975, len(difference) - 1) * stats.sem(difference))
    text = f"{mean:+.{digits}f} [{mean - half:+.{digits}f}, {mean + half:+.{digits}f}]"
    return f"**{text}**" if abs(mean) > half else text


def differences(records: list[Record], dataset: str, method: str, reference: str, metric: str = "rmse") -> list[float]:
    """Paired differences by seed."""
    by_seed: dict[str, dict[int, float]] = {method: {}, reference: {}}
    for record in records:
        name = record.spec["method"]
        if record.spec["dataset"] == dataset and name in by_seed and record.status == DONE:
            by_seed[name][record.spec["seed"]] = record.test[metric]
    seeds = sorted(by_seed[method].keys() & by_seed[reference].keys())
    return [by_seed[method][seed] - by_seed[reference][seed] for seed in seeds]


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


def leaves_noise(row: Row, records: list[Record]) -> bool:
    """Whether the paired differences of this row to Baseline differ from 0 by a t test over seeds."""
    found = differences(records, row.dataset, row.method, "baseline")
    return bool(stats.ttest_1samp(found, 0.0).pvalue < 0.05)


def main() -> None:
    """Replace what stands between the marks."""
    root = Path(__file__).parents[1]
    page = root / "docs" / "results.md"
    records = Store(root / "results").all_records()
    table = report(records, ["rmse", "score", "rmse_uncapped", "score_uncapped", "macro_f1"], "honest", "markdown")
    optimistic = report(records, ["rmse", "score"], "source", "markdown").split("Single-task figures")[0]
    replace_between(
        page,
        {
            "claims": claims(records),
            "axes": axes(records),
            "errors": errors(records),
            "intervals": intervals(records),
            "table": table,
            "source": optimistic,
        },
    )


if __name__ == "__main__":
    main()
