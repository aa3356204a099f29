"""Figures of survival out of fold, below those of RUL."""

from __future__ import annotations

from collections.abc import Mapping

from rich.console import Console

from grace.core.stats import Estimate
from grace.training.record import Record
from grace.training.words import unit_of


def show_survival(record: Record, baselines: Mapping[str, tuple[float, Estimate]]) -> None:
    """Brier score beside what knows the age alone, concordance, calibration; and what figures of failed units are worth."""
    found, out = record.survival, Console(markup=False)
    counts = f"{found['landmarks']:,.0f} rows of {found['units']:,.0f} units"
    lines = [f"survival out of fold, {counts} ({_failed(record)}):"]
    if "ibs" in found:
        interval = f" [{found['ibs_low']:.3f}, {found['ibs_high']:.3f}]" if "ibs_low" in found else ""
        lines.append(f"  integrated Brier score {found['ibs']:.3f}{interval}, 0 is perfect; {_beside(baselines)}")
    if "uno" in found:
        lines.append(f"  concordance {found['harrell']:.3f} (Harrell), {found['uno']:.3f} (Uno)")
    lines += [f"  {line}" for line in _calibration(record)]
    lines.append(
        f"  share of the network in its curves {found['share']:.2f}, of the fleet's own {1 - found['share']:.2f}"
    )
    if record.spec["suspended"] != "hazard" and found["events"] < found["landmarks"]:
        lines.append(
            "note: units were suspended, and these curves are learned from failed ones alone: train a network with --suspended "
            "hazard"
        )
    for line in lines:
        out.print(line, style="yellow" if line.startswith("note") else None, highlight=False)


def _failed(record: Record) -> str:
    events, landmarks = record.survival["events"], record.survival["landmarks"]
    if events == landmarks:
        return "all of units that failed"
    return f"{events / landmarks:.0%} of them of units that failed; RMSE above is of these alone, whose lives are the short ones"


def _beside(baselines: Mapping[str, tuple[float, Estimate]]) -> str:
    """Scores of baselines, and whether the difference to each leaves out 0."""
    words = {"lower": "", "higher": ", which is better", "unclear": ", unclear"}
    return "; ".join(
        f"{name} by age {score:.3f}, difference {difference.text(3, '+')}{words[difference.verdict]}"
        for name, (score, difference) in baselines.items()
    )


def _calibration(record: Record) -> list[str]:
    """A line each horizon."""
    unit = unit_of(record.spec)
    gaps = {name.split("_")[1]: value for name, value in record.survival.items() if name.endswith("_gap")}
    return [
        f"P(failure within {float(horizon):g} {unit}): off by {gap:.1%} at most, in fifths of the rows by what was predicted"
        for horizon, gap in sorted(gaps.items(), key=lambda pair: float(pair[0]))
    ]
