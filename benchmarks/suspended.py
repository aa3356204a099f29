"""FD001 with few failures and many engines that still run, as `grace train` comes: python benchmarks/suspended.py --data DIR

Of the 100 training engines 25 or 8 keep their RUL, the others lose a uniform 5 to 60 % of their life and are suspended
(studies/cuts.py); five draws. Test RMSE with --event as it comes (--suspended hazard), with --suspended ignore, bound, and with
the event left out, when every engine is taken as failed at its last row; and the integrated Brier score out of fold. An ensemble
of ten folds, but for one network where the event is left out. Nothing is chosen by it. Results go to results/suspended.json, the
table into docs/training.md.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from pages import measure_into_page

from grace.cli.train import FEW, FOLDS
from grace.core.pools import on_one_thread
from grace.core.stats import student
from grace.data.cmapss.fleets import read_test, read_train
from grace.training.run import train
from grace.training.run_spec import run_spec
from studies.cuts import suspended

ROOT = Path(__file__).parents[1]
KNOWN, DRAWS = (25, 8), 5
SAID = {
    "hazard": "--event (hazard)",
    "ignore": "--event, ignore",
    "bound": "--event, bound",
    "nothing": "no --event",
}


def measured(known: int, draw: int, said: str, data: Path) -> dict[str, Any]:
    """Test RMSE of one training, and what was expected of it on held-out engines."""
    fleet = suspended(read_train(data, "FD001"), known, draw)
    if said == "nothing":
        fleet = replace(fleet, failed=None)
    folds = FOLDS if len(fleet.failures) < FEW else 0
    spec = run_spec("FD001", "grace", folds=folds, suspended="ignore" if said == "nothing" else said)
    record = on_one_thread(train, spec, fleet, read_test(data, "FD001")).record
    found = {"test": record.test["rmse"], "expected": record.validation["rmse"]}
    if "ibs" in record.survival:
        found["brier"] = record.survival["ibs"]
    return {"known": known, "draw": draw, "said": said} | {name: round(value, 4) for name, value in found.items()}


def table(rows: list[dict[str, Any]]) -> str:
    """Means over draws, and differences paired by draw."""
    lines = [
        f"| failed | suspended | draws | {' | '.join(SAID.values())} | hazard less ignore [95 %] | bound less ignore | "
        "integrated Brier score out of fold: hazard, ignore | hazard less ignore |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for known in KNOWN:
        mine = [row for row in rows if row["known"] == known]
        found = {said: np.array([row["test"] for row in mine if row["said"] == said]) for said in SAID}
        means = " | ".join(f"{values.mean():.2f}" for values in found.values())
        less = [student(found[said] - found["ignore"]).text(2, "+") for said in ("hazard", "bound")]
        brier = {said: np.array([row["brier"] for row in mine if row["said"] == said]) for said in ("hazard", "ignore")}
        scores = ", ".join(f"{values.mean():.3f}" for values in brier.values())
        less += [scores, student(brier["hazard"] - brier["ignore"]).text(3, "+")]
        lines.append(f"| {known} | {100 - known} | {len(found['bound'])} | {means} | {' | '.join(less)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    wanted = [(known, draw, said) for draw in range(DRAWS) for known in KNOWN for said in SAID]
    measure_into_page("suspended", ("known", "draw", "said"), wanted, measured, table)
