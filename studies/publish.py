"""What ships of the study and its page, from the measurements: ``python -m studies publish``; nothing is trained.

Writes ``cases.json`` (what ``grace validity`` prints), ``study.json`` (what ``grace diagnose`` says of the study), the tables of
docs/validity.md and its figures.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks.pages import replace_between
from grace.alignment.decide import STUDY
from grace.bench.tables import markdown
from grace.core.stats import HIGHER, LOWER, student
from grace.files import write_text
from grace.report.chart import write_svg
from grace.validity.figures import advice_against_outcome, draw
from grace.validity.judge import edge
from grace.validity.study import FILE, JOINT, KINDS, CaseResult, ValidityStudy
from grace.validity.tables import predictors, report
from studies.measurements import load
from studies.reduce import in_brief, study_of

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "grace"  # of this clone, whichever is installed
BEST = "rho+gap+race"


def groups(cases: Sequence[CaseResult]) -> str:
    """Mean effect of the second task by data and labels, with the range of the cases."""
    rows = []
    for simulated in (False, True):
        for kind in KINDS:
            for share, recipe in ((1.0, "plain"), (0.25, "plain"), (0.1, "plain"), (1.0, "tuned")):
                mine = [
                    c
                    for c in cases
                    if c.case.simulated == simulated
                    and c.case.kind == kind
                    and (c.case.share, c.case.recipe) == (share, recipe)
                ]
                if mine:
                    rows.append(_group(mine, simulated, kind, share, recipe))
    return markdown(("data", "labels", "cases", *JOINT), rows)


def _group(mine: Sequence[CaseResult], simulated: bool, kind: str, share: float, recipe: str) -> tuple[str, ...]:
    data = "simulated" if simulated else "C-MAPSS" + (f", {share:.0%} of the engines" if share < 1 else "")
    data += ", tuned recipe" if recipe == "tuned" else ""
    cells = []
    for method in JOINT:
        found = [case.effect(method) for case in mine]
        verdicts = [one.verdict for one in found]
        change = student([one.mean for one in found])
        ends = "" if change.n < 2 else f" [{change.low:+.1f}, {change.high:+.1f}]"
        cells.append(f"{change.mean:+.1f}{ends} ({verdicts.count(LOWER)} / {verdicts.count(HIGHER)})")
    return (data, kind, str(len(mine)), *cells)


def blocks(study: ValidityStudy) -> dict[str, str]:
    """Every block of the page by its mark."""
    return {"groups": groups(study.cases), "report": report(study), "baseline": predictors(study, "baseline")}


def publish() -> str:
    """Write everything that follows from the measurements; where the edge of rho lies."""
    study = study_of(load())
    study.write(PACKAGE / "validity" / FILE.name)
    shown = json.dumps(asdict(in_brief(study)), indent=1) + "\n"
    write_text(PACKAGE / "alignment" / "study.json", shown)
    figures = ROOT / "docs" / "figures"
    draw(study, "grace", figures)
    best = f"predicted gain from the other data sets, % ({BEST})"
    write_svg(advice_against_outcome(study, BEST, "grace", best), figures / "combination.svg")
    replace_between(ROOT / "docs" / "validity.md", blocks(study))
    found = edge(*study.rho_and_effect())
    return f"edge of rho that splits the effects best: {found:.3f}; STUDY in alignment/decide.py has {STUDY.weak}"
