"""Write the tables of docs/results.md from the committed records: python benchmarks/results.py"""

from __future__ import annotations

from pathlib import Path

from grace.bench.store import Store
from grace.bench.tables import report
from grace.files import write_text
from grace.training.record import Record

START, END = "<!-- table -->\n", "<!-- end table -->"


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


def main() -> None:
    """Replace what stands between the marks."""
    root = Path(__file__).parents[1]
    page = root / "docs" / "results.md"
    records = Store(root / "results").all_records()
    before, rest = page.read_text().split(START)
    _, after = rest.split(END)
    table = report(records, ["rmse", "score", "rmse_uncapped", "score_uncapped", "macro_f1"], "honest", "markdown")
    optimistic = report(records, ["rmse", "score"], "source", "markdown").split("Single-task figures")[0]
    body = f"{table}\n## 90 % intervals\n\n{intervals(records)}\n## The source's protocol, on the side\n\n{optimistic}"
    write_text(page, f"{before}{START}{body}{END}{after}")


if __name__ == "__main__":
    main()
