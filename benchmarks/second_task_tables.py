"""The text of docs/second-tasks.md that is made of figures."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
from second_task_figures import ALONE, BOUND, COMPACT, FAST, FUTURE, LEAST, RANDOM, Cell, Change, Figures, tally

from grace.core.stats import student

GOALS = {("FD001 test", 5): 14.5, ("FD003 test", 5): 15.0}
"""RMSE on a test file that the best second task should reach."""
REAL = (("battery_tju", 6), ("battery_hust", 6))
PICTURE = "Ratio of RMSE to RUL alone by number of failures, one panel for each family"


def page(figures: Figures) -> str:
    """Everything between the marks."""
    parts = [_found(figures), _picture(), *(_section(figures, name) for name in _families(figures)), _goals(figures)]
    return "\n".join(parts)


def _families(figures: Figures) -> list[str]:
    return [name for name in dict.fromkeys(cell.family for cell in figures.cells) if " test" not in name]


def _found(figures: Figures) -> str:
    """What helps, what hurts, and what random labels do, in a few lines."""
    changes = [change for change in figures.changes() if " test" not in change.cell.family]
    lines = [f"- All second tasks on all cells: {tally(changes)}"]
    for kind, way in _kinds(figures, changes).items():
        lines.append(f"- {kind}: {over_families(way)}; {_spread(way)}")
    return "\n".join(lines) + "\n"


def _kinds(figures: Figures, changes: Sequence[Change]) -> dict[str, list[Change]]:
    """Changes of the ways that all families have."""
    found: dict[str, list[Change]] = {}
    for change in changes:
        label = figures.label(change.cell.family)
        names = {label: "second label", BOUND: "the bound", f"{label} + {BOUND}": "label and bound"}
        names |= {FUTURE: FUTURE, RANDOM: "random labels"}
        if change.way in names:
            found.setdefault(names[change.way], []).append(change)
    return found


def over_families(changes: Sequence[Change]) -> str:
    """Mean change over families, each the mean of its cells, with Student's interval over families: what another family would
    show."""
    families: dict[str, list[float]] = {}
    for change in changes:
        families.setdefault(change.cell.family, []).append(change.log.mean)
    found = student([float(np.mean(values)) for values in families.values()])
    mean, low, high = (100 * (float(np.exp(value)) - 1) for value in (found.mean, found.low, found.high))
    return f"{mean:+.0f} [{low:+.0f}, {high:+.0f}] % over {found.n} families"


def _spread(changes: Sequence[Change]) -> str:
    """In which cells a way lowers or raises the RMSE by its own interval, and where it does most."""
    shown = [c for c in changes if c.log.n >= LEAST]
    lower, higher = ([c for c in shown if c.log.verdict == verdict] for verdict in ("lower", "higher"))
    best, worst = (pick(changes, key=lambda c: c.log.mean) for pick in (min, max))
    ends = [f"{c.cell.family} F = {c.cell.known} {c.text.strip('*')} %" for c in (best, worst)]
    counts = f"lower in {_cells(lower)} and higher in {_cells(higher)} of {len(shown)} cells with {LEAST} draws or more"
    return f"{counts}; from {ends[0]} to {ends[1]}."


def _cells(changes: Sequence[Change]) -> str:
    """How many, and which: failures by family."""
    of: dict[str, list[str]] = {}
    for change in changes:
        of.setdefault(change.cell.family, []).append(str(change.cell.known))
    names = "; ".join(f"{family} {', '.join(counts)}" for family, counts in of.items())
    return f"{len(changes)} ({names})" if changes else "0"


def _picture() -> str:
    return (
        f"![{PICTURE}](figures/second-tasks.svg#gh-light-mode-only)\n"
        f"![{PICTURE}](figures/second-tasks-dark.svg#gh-dark-mode-only)\n\n"
        "RMSE over that of RUL alone, with 95 % intervals; below 1 the second task helps. Ratios beyond 0.5 and 2 are drawn at "
        "the edge. The tables of the families:\n"
    )


def _section(figures: Figures, family: str) -> str:
    """A table: RUL alone, and the change by each way at each number of failures."""
    cells = [cell for cell in figures.cells if cell.family == family and (family, cell.known) not in REAL]
    every = dict.fromkeys(way for cell in cells for way in figures.ways(cell, FAST))
    head = [f"F = {cell.known}" for cell in cells]
    lines = ["<details markdown>", f"<summary><code>{family}</code></summary>", ""]
    lines += [f"| RMSE, change in % | {' | '.join(head)} |", "|---" * (len(cells) + 1) + "|"]
    lines.append(f"| RUL alone, RMSE in % of the cap | {' | '.join(_alone(figures, cell) for cell in cells)} |")
    lines += [_row(figures, cells, FAST, way, way) for way in every]
    compact = dict.fromkeys(way for cell in cells for way in (ALONE, *figures.ways(cell, COMPACT)))
    compact = compact if len(compact) > 1 else {}
    lines += [_row(figures, cells, COMPACT, way, f"{way}, compact") for way in compact]
    for name, size in (("draws", FAST), *([("draws, compact", COMPACT)] if compact else [])):
        draws = [str(len(figures.of(cell, size, ALONE)) or "") for cell in cells]
        lines.append(f"| {name} | {' | '.join(draws)} |")
    return "\n".join((*lines, "", "</details>")) + "\n"


def _row(figures: Figures, cells: Sequence[Cell], size: str, way: str, name: str) -> str:
    return f"| {name} | {' | '.join(_text(figures.change(cell, size, way)) for cell in cells)} |"


def _alone(figures: Figures, cell: Cell) -> str:
    size, way = figures.reference(cell)
    mean = np.mean(list(figures.of(cell, size, way).values())) / figures.cap[cell.family]
    return f"{100 * mean:.1f} ({size}{'' if way == ALONE else ', as it comes'})"


def _text(change: Change | None) -> str:
    return "" if change is None else change.text


def _goals(figures: Figures) -> str:
    """The test files of C-MAPSS, read once, and batteries with six failures."""
    lines = ["## Test files, and six failures", ""]
    for (family, known), goal in GOALS.items():
        cell, means = Cell(family, known), dict[str, float]()
        for size in (FAST, COMPACT):
            ways = [ALONE, *figures.ways(cell, size)] if figures.of(cell, size, ALONE) else []
            mine = {way: float(np.mean(list(figures.of(cell, size, way).values()))) for way in ways}
            means |= {f"{way}{', compact' if size != FAST else ''}": value for way, value in mine.items()}
        best = min(means, key=lambda way: means[way])
        each = "; ".join(f"{way} {value:.2f}" for way, value in means.items())
        said = "at most" if means[best] <= goal else "above"
        lines.append(f"- {family}, F = {known}, mean RMSE of the draws: {each}. The best, {best}, is {said} {goal:g}.")
        size, way = figures.reference(cell)
        changes = [
            figures.change(cell, *one) for one in product((FAST, COMPACT), (f"{figures.label(family)} + {BOUND}",))
        ]
        words = " and ".join(f"{c.text.strip('*')} % at `{c.size}`" for c in changes if c is not None)
        lines.append(f"  Against the best of RUL alone (`{size}`, {way}), {figures.label(family)} + {BOUND}: {words}.")
    for (family, known), size in product(REAL, (FAST, "quantiles")):
        cell = Cell(family, known)
        both, control = f"{figures.label(family)} + {BOUND}", f"{RANDOM} + {BOUND}"
        to = [figures.change(cell, size, both), figures.change(cell, size, both, (size, control))]
        words = [_text(one).strip("*") for one in to]
        lines.append(
            f"- {family}, F = {known}, {size}, {both}: {words[0]} % against RUL alone, {words[1]} % against random labels and "
            "bound."
        )
    return "\n".join(lines) + "\n"
