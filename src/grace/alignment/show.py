"""A diagnosis as text: rich tables, the bands as a small scale, the interval drawn on it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console, Group
from rich.panel import Panel
from rich.table import Column, Table
from rich.text import Text

from grace.alignment.decide import PRECEDENCE, Prescription, Thresholds
from grace.alignment.study import Study
from grace.core.stats import Interval
from grace.data.tasks import BOUND, RUL

if TYPE_CHECKING:
    from grace.alignment.diagnosis import Diagnosis
    from grace.alignment.measures import CurvePoint

WIDTH, SCALE_WIDTH = 116, 61
BAND_STYLES = {4: ("red", "yellow", "cyan", "green"), 2: ("red", "green")}
METHOD_WORDS = {
    "grace": "GRACE: GABA task weights and weighted MSE",
    "gaba": "GABA: GABA task weights and plain MSE",
    "amnl": "AMNL: fixed equal weights and weighted MSE (or RUL alone)",
    "baseline": "Baseline: fixed equal weights and plain MSE",
    "single-task": "single-task: train RUL alone",
    "separate-models": "separate models: one network a task",
    "compare": "no method follows from rho: train both ways",
}


def show_diagnosis(result: Diagnosis, console: Console | None = None, verbose: bool = True) -> None:
    """Print the answer, what it follows from and what it is worth; ``verbose``: and the conventions behind it."""
    out, thresholds = console or Console(markup=False), result.thresholds
    width = min(out.width, WIDTH)
    out.print(in_short(result), width=width, style="bold", highlight=False)
    out.print(_measured(result), width=width)
    out.print(_scale_group(result), width=width)
    if len(result.tasks) > 2:
        out.print(_matrix(result), width=width)
    if len(result.curve) > 1:
        out.print(_curve(result, thresholds), width=width)
    out.print(_questions(result.prescription, thresholds), width=width)
    out.print(_prescribed(result) if thresholds.prescribes else _read(result, verbose), width=width)
    if verbose:
        out.print(conventions_line(result.conventions), width=width, style="dim")


def in_short(result: Diagnosis) -> str:
    """The answer in a sentence or two: what rho says, which edge its interval crosses, and what follows."""
    rho, prescription = result.rho, result.prescription
    interval = f"[{rho.low:+.2f}, {rho.high:+.2f}]" if rho.inits > 1 else "(one initialisation: interval unknown)"
    edges = " and ".join(f"{edge:+.2f}" for edge in prescription.crossed)
    crossing = f", which crosses {edges}" if prescription.crossed and rho.inits > 1 else ""
    measured = f"rho {rho.mean:+.2f} {interval}{crossing}"
    if result.thresholds.prescribes:
        method = METHOD_WORDS[prescription.method].split(":")[0]
        words = f"{method}, by the source's bands" if prescription.decided else f"undecided, at the mean {method}"
        return f"{result.dataset}: {words}: {measured}."
    words = result.reading if prescription.decided else f"{result.reading} what the labels follow"
    return (
        f"{result.dataset}: {words}: {measured}. Whether a second task pays does not follow from it: train both ways."
    )


def scale(low: float, mean: float, high: float, edges: Sequence[float], width: int = SCALE_WIDTH) -> Text:
    """One line of the axis of rho: bands in their colours, edges as ``|``, the interval as ``├──●──┤``.

    The axis reaches from -0.5 to +0.7, or further where the interval does.
    """
    left, right = min(-0.5, low), max(0.7, high)

    def place(value: float) -> int:
        return round((value - left) / (right - left) * (width - 1))

    cells = ["·"] * width
    for edge in edges:
        cells[place(edge)] = "|"
    first, last = place(low), place(high)
    cells[first : last + 1] = ["─"] * (last - first + 1)
    cells[first], cells[last] = "├", "┤"
    cells[place(mean)] = "●"
    text, styles = Text(), BAND_STYLES[len(edges) + 1]
    for index, cell in enumerate(cells):
        band = sum(index > place(edge) for edge in edges)
        text.append(cell, style=styles[band] + (" bold" if first <= index <= last else ""))
    return text


def _scale_group(result: Diagnosis) -> Group:
    rho, thresholds = result.rho, result.thresholds
    left, right = min(-0.5, rho.low), max(0.7, rho.high)
    ends = Text(f"rho  {left:+.1f} ", style="dim")
    ends.append_text(scale(rho.low, rho.mean, rho.high, thresholds.edges()))
    ends.append(f" {right:+.1f}", style="dim")
    names, edges = _bands(result), thresholds.edges()
    legend = Text("     ", style="dim")
    for name, style, edge in zip(names, BAND_STYLES[len(names)], (*edges, None), strict=True):
        legend.append(name, style=style)
        legend.append("" if edge is None else f"  {edge:+.2f}|  ", style="dim")
    return Group(Text(), ends, legend, Text())


def _bands(result: Diagnosis) -> tuple[str, ...]:
    if not result.thresholds.prescribes and result.near_failure_share is None:
        return "the tasks ask for different features", "for the same features"
    return result.thresholds.bands()


def _matrix(result: Diagnosis) -> Table:
    """Every two tasks, and the groups."""
    groups = result.groups
    words = "  ".join("{" + ", ".join(group) + "}" for group in groups.members)
    caption = f"Groups at rho over {groups.edge:+.2f}: {words}; the same partition in {groups.agreement:.0%} of initialisations."
    title = "rho of every two tasks"
    table = Table("", *result.tasks[1:], title=title, title_justify="left", caption=caption, caption_justify="left")
    between = " " if len(result.tasks) < 6 else "\n"
    cells = {(p.first, p.second): _cell(p.rho, between) for p in result.pairs}
    for row in result.tasks[:-1]:
        table.add_row(row, *(cells.get((row, column), "") for column in result.tasks[1:]))
    return table


def _cell(rho: Interval, between: str) -> str:
    """rho and its interval; a pair of which one task never had a gradient has none."""
    return f"{rho.mean:+.2f}{between}[{rho.low:+.2f}, {rho.high:+.2f}]" if rho.inits else "undefined"


def title(result: Diagnosis) -> str:
    """The question, of the data set and its tasks."""
    first, *others = result.tasks
    if result.near_failure_share is not None and result.of_health:
        return f"{result.dataset}: does the health task help RUL?"
    *before, last = others
    named = f"{', '.join(before)} and {last}" if before else last
    return f"{result.dataset}: {'do' if before else 'does'} {named} help {'RUL' if first == RUL else first}?"


def _measured(result: Diagnosis) -> Table:
    rho, ratio, cost = result.rho, result.ratio, result.cost
    table = Table(Column(no_wrap=True), Column(), title=title(result), title_justify="left", show_header=False)
    table.add_row("recipe", f"{result.recipe.name}: {result.recipe.summary}")
    table.add_row("rho", f"{rho.mean:+.3f}, 95 % interval over initialisations [{rho.low:+.3f}, {rho.high:+.3f}]")
    spread = f"SD {rho.sd_inits:.3f} over {rho.inits} initialisations, {rho.sd_batches:.3f} over {rho.batches} batches"
    alone = f"one initialisation: its spread is unknown; {spread.split(', ')[1]}"
    table.add_row("", spread if rho.inits > 1 else alone)
    if result.redrawn or result.undefined:
        words = f"{result.redrawn} dead at the start (final ReLU), drawn again; rho undefined in {result.undefined:.0%}"
        table.add_row("", words)
    table.add_row("gradient ratio", f"{ratio.median:,.0f} ({ratio.larger} larger) with the {ratio.unit}")
    if ratio.in_cap_units is not None:
        factor = int(result.conventions["cap"]) ** 2  # type: ignore[call-overload]
        words = f"RUL in units of the cap divides its gradient by {factor:,}: then the ratio is "
        table.add_row("", f"{words}{ratio.in_cap_units:,.3g}")
    if not math.isnan(ratio.unit_free):
        table.add_row("", f"unit-free, gradient norm over loss: {ratio.unit_free:.2f}")
    if isinstance(windows := result.conventions.get("windows_a_batch"), dict):
        table.add_row("windows a batch", ", ".join(f"{name} {count}" for name, count in windows.items()))
    if result.near_failure_share is not None:
        near = f"{result.conventions['near_failure']}{_unit(result.conventions)}"
        table.add_row("near failure", f"{result.near_failure_share:.1%} of windows with RUL < {near}")
        table.add_row("conditions", f"{result.conditions} found")
    share = "" if cost.share_of_training is None else f"{cost.share_of_training:.2%} of one {result.training}, "
    table.add_row("cost", f"{cost.forward_backward:,} forward and backward passes, {share}{cost.seconds:.0f} s")
    return table


def _curve(result: Diagnosis, thresholds: Thresholds) -> Table:
    words = "settled: the last two stretches agree" if result.settled else "still moving in the last two stretches"
    columns = (Column("steps", justify="right", style="dim"), Column("rho", justify="right"), "95 %", "")
    table = Table(*columns, title=f"rho along the steps ({words})", title_justify="left", box=None, padding=(0, 1))
    for point in result.curve:
        table.add_row(*_curve_row(point, thresholds))
    return table


def _curve_row(point: CurvePoint, thresholds: Thresholds) -> tuple[str, str, str, Text]:
    if math.isnan(point.mean):  # nothing was measured in a stretch this short
        return f"{point.first_step}-{point.last_step}", "-", "", Text()
    line = scale(point.low, point.mean, point.high, thresholds.edges(), width=41)
    interval = f"[{point.low:+.2f}, {point.high:+.2f}]"
    return f"{point.first_step}-{point.last_step}", f"{point.mean:+.2f}", interval, line


def _questions(prescription: Prescription, thresholds: Thresholds) -> Table:
    words = "No method follows from the answers; the source's rule (--bands source) goes by them."
    caption = f"Precedence: {PRECEDENCE}." if thresholds.prescribes else words
    names = ("", "question", "measured", "", "what follows")
    table = Table(*names, title="Decision", title_justify="left", caption=caption, caption_justify="left")
    marks = {True: Text("yes", "green"), False: Text("no", "yellow"), None: Text("-", "dim")}
    for answer in prescription.answers:
        table.add_row(answer.question, answer.text, answer.measured, marks[answer.passed], answer.reason)
    return table


def _prescribed(result: Diagnosis) -> Panel:
    prescription = result.prescription
    method = METHOD_WORDS[prescription.method]
    if prescription.method == "single-task" and result.near_failure_share is None:
        method = f"single-task: train {result.tasks[0]} alone"
    strength = f" ({prescription.strength} recommendation)" if prescription.strength == "strong" else ""
    if prescription.strength == "may still help":
        strength = " (may still help: one operating condition)"
    if prescription.decided:
        text = Text.assemble((method, "bold green"), strength)
    else:
        text = Text.assemble(("undecided", "bold yellow"), "; at the mean: ", (method, "bold"), strength)
        text.append(f"\n{prescription.next_step}")
    text.append("\nBy the source's bands, which the validity study does not bear out (`grace validity`).", style="dim")
    return Panel(text, title="Prescription", title_align="left")


def _read(result: Diagnosis, verbose: bool) -> Panel:
    """What the labels follow, what that is worth, and, ``verbose``, how to find out the rest."""
    prescription = result.prescription
    style = "bold" if prescription.decided else "bold yellow"
    reading = result.reading if prescription.decided else f"{result.reading} what the labels follow"
    text = Text(reading[0].upper() + reading[1:], style)
    if prescription.next_step:
        text.append(f"\n{prescription.next_step}")
    text.append("\nWhether sharing pays does not follow from it. ")
    text.append(f"The study says nothing of this: {result.outside}." if result.outside else Study.read().words)
    text.append(f" {result.elsewhere}" if result.elsewhere else "")
    if verbose:
        text.append(f"\nTo find out: {_find_out(result)}", style="bold")
    if result.near_failure_share is not None:
        source = result.source_prescription
        words = METHOD_WORDS[source.method].split(":")[0] if source.decided else "nothing: undecided"
        rule = "on this rho; --bands source measures as published" if result.elsewhere else "--bands source"
        text.append(f"\nThe source's rule ({rule}) says {words}.", style="dim")
    return Panel(text, title="What follows", title_align="left")


def _find_out(result: Diagnosis) -> str:
    """How to train both ways, paired by seed."""
    if result.near_failure_share is None or "window" not in result.conventions:
        return "grace.compare trains both ways, paired by seed."
    where = "--table ..." if result.conventions.get("table") else f"--datasets {result.dataset}"
    tasks = [] if result.of_health else [name for name in result.tasks[1:] if name != BOUND]
    options = both_ways(result)
    reference = options[-1].split(",")[0]
    words = " ".join([where, *(f"--task {name}" for name in tasks), *options])
    return f"grace bench run {words}, then grace bench table --reference {reference}"


def both_ways(result: Diagnosis) -> list[str]:
    """Options of ``grace bench run``, besides those that name the tasks, that train with and without them; last the methods."""
    if result.of_health:
        # in units of the cap: with the RUL loss in cycles^2 no weight of the table lets the second task have a say
        return ["--rul-scale", "cap", "--methods", "rul-only-weighted,amnl,grace"]
    bound = ["--suspended", "bound"] if BOUND in result.tasks else []
    return [*bound, "--methods", "rul-only,fixed-0.1" if set(result.tasks[1:]) > {BOUND} or not bound else "rul-only"]


def _unit(conventions: dict[str, Any]) -> str:
    """Unit of RUL where it is not cycles."""
    unit = (conventions.get("table") or {"unit": "cycles"})["unit"]
    return "" if unit == "cycles" else f" {unit}"


def conventions_line(conventions: dict[str, Any]) -> str:
    """Everything that moves a number, in one paragraph."""
    shown = {name: value for name, value in conventions.items() if name != "seeds"}
    if "table" in shown:
        columns = shown.pop("table")
        shown["RUL"] = f"in {columns['unit']} from {columns['target'] or columns['time']}"
    shown.pop("windows_a_batch", None)  # has a line of its own
    if "tasks" in shown:
        shown["tasks"] = ", ".join(f"{task['name']} ({task['kind']})" for task in conventions["tasks"]) or "none"
    if "features" in shown:
        shown["features"] = f"{len(conventions['features'])} columns"
        shown["conditions"] = conventions["conditions"] or "found"
    return "Conventions: " + "; ".join(f"{name.replace('_', ' ')} {value}" for name, value in shown.items()) + "."
