"""The validity study's page, plots and calibration from its records: python benchmarks/validity.py

Writes the tables of docs/validity.md, its figures, and src/grace/alignment/study.json, which `grace diagnose` reads. Nothing is
trained; `grace validity run --data DIR` makes the records.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from pages import replace_between

from grace.alignment.decide import STUDY
from grace.bench.tables import markdown
from grace.core.stats import student
from grace.files import write_text
from grace.validity.adopt import edge, outcomes_of, study_of
from grace.validity.effects import effect
from grace.validity.figures import KINDS, advice_against_outcome, draw, kind_of, write_svg
from grace.validity.outcomes import JOINT
from grace.validity.study import Measured, load
from grace.validity.tables import predictors, report

ROOT = Path(__file__).parents[1]
BEST = "rho+gap+race"
STUDY_FILE = ROOT / "src" / "grace" / "alignment" / "study.json"


def groups(cases: list[Measured]) -> str:
    """Mean effect of the second task by data and labels, with the range of the cases."""
    rows = []
    for simulated in (False, True):
        for kind in KINDS:
            for share, recipe in ((1.0, "plain"), (0.25, "plain"), (0.1, "plain"), (1.0, "tuned")):
                mine = [
                    c
                    for c in cases
                    if c.case.simulated == simulated
                    and kind_of(c.case) == kind
                    and (c.case.share, c.case.recipe) == (share, recipe)
                ]
                if mine:
                    rows.append(_group(mine, simulated, kind, share, recipe))
    return markdown(("data", "labels", "cases", *JOINT), rows)


def _group(mine: list[Measured], simulated: bool, kind: str, share: float, recipe: str) -> tuple[str, ...]:
    data = "simulated" if simulated else "C-MAPSS" + (f", {share:.0%} of the engines" if share < 1 else "")
    data += ", tuned recipe" if recipe == "tuned" else ""
    cells = []
    for method in JOINT:
        found = [effect(case, method) for case in mine]
        verdicts = [one.verdict for one in found]
        change = student([one.change.mean for one in found])
        ends = "" if change.n < 2 else f" [{change.low:+.1f}, {change.high:+.1f}]"
        cells.append(f"{change.mean:+.1f}{ends} ({verdicts.count('helps')} / {verdicts.count('hurts')})")
    return (data, kind, str(len(mine)), *cells)


def blocks(cases: list[Measured]) -> dict[str, str]:
    """Every block of the page by its mark."""
    return {"groups": groups(cases), "report": report(cases), "baseline": predictors(cases, "baseline")}


def main() -> None:
    """Write everything that follows from the records."""
    cases = load(ROOT / "results" / "validity")
    write_text(STUDY_FILE, json.dumps(asdict(study_of(cases)), indent=1) + "\n")
    print(
        f"edge of rho that splits the effects best: {edge(outcomes_of(cases)):.3f}; STUDY in alignment/decide.py has {STUDY.weak}"
    )
    figures = ROOT / "docs" / "figures"
    draw(cases, "grace", figures)
    best = f"predicted gain from the other data sets, % ({BEST})"
    write_svg(advice_against_outcome(cases, BEST, "grace", best), figures / "combination.svg")
    replace_between(ROOT / "docs" / "validity.md", blocks(cases))


if __name__ == "__main__":
    main()
