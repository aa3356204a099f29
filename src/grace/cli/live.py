"""What a training shows while it runs: on standard error, a line an epoch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console

from grace.cli.interrupts import goes_on
from grace.training.fitted import NETWORK
from grace.training.monitor import Monitor, with_rul
from grace.training.outcome import merged
from grace.training.spec import RunSpec
from grace.training.stack import Stack

WIDTH, INDENT = 99, 11
"""Columns of an epoch's line, and how far in it goes on below."""
SMALL = 100
"""Ratio from which on no digits after the point are shown."""


@contextmanager
def live(spec: RunSpec) -> Iterator[Callable[[Stack], None]]:
    """Show each epoch (of an ensemble the means): losses, weights, gradient ratio, rho; and alarms; a baseline has no epochs."""
    out, monitor = (
        Console(stderr=True, highlight=False, markup=False),
        Monitor(spec.method, spec.outer, tasks=spec.tasks),
    )

    def on_epoch(stack: Stack) -> None:
        replicas = stack.replicas
        if any(replica.reason for replica in replicas):  # it diverged: there is nothing to show
            return
        entry = merged([replica.history for replica in replicas])[-1]
        best = replicas[0].split.chosen and replicas[0].best_epoch == entry["epoch"]
        out.print(_line(entry, spec, "*" if best else ""), soft_wrap=True)
        if alarm := monitor.observe(entry):
            out.print(f"alarm: {alarm}", style="bold red")

    protocol = f"{spec.folds} folds" if spec.folds else f"{spec.protocol} protocol"
    words = f"{spec.dataset}, {spec.method}, seed {spec.seed}, {protocol}"
    if spec.model == NETWORK:
        words += (
            f", {spec.size} network: at most {spec.schedule.epochs} epochs\nloss and weight of {'/'.join(spec.tasks)}"
        )
    out.print(words, style="bold")
    with goes_on("the same command goes on at the last finished epoch"):
        yield on_epoch


def _line(entry: dict[str, Any], spec: RunSpec, mark: str) -> str:
    """One epoch: the RMSE of the engines that are held out first; the RUL loss is in the run's own units, units other than
    cycles are named. What does not fit into :data:`WIDTH` goes on below."""
    first, *others = entry["losses"]
    losses = "/".join([f"{first:.4g}", *(f"{value:.2f}" for value in others)])
    unit = "" if spec.conventions.unit == "cycles" else f" {spec.conventions.unit}"
    parts = [
        f"epoch {entry['epoch'] + 1:3d}  RMSE {entry['validation_rmse']:.2f}{unit}{mark or ' '}",
        f"loss {losses}",
        f"weights {'/'.join(f'{weight:.2g}' for weight in entry['weights'])}",
    ]
    if "rho" in entry:
        parts.append(f"ratio {entry['ratio']:,.3g}" if entry["ratio"] < SMALL else f"ratio {entry['ratio']:,.0f}")
        each = with_rul(entry, spec.tasks[1:])
        interval = f"[{entry['rho_low']:+.2f}, {entry['rho_high']:+.2f}]"
        parts += [f"rho {entry['rho']:+.2f} {interval}", *([f"({each})"] if each else [])]
    lines = parts[:1]
    for part in parts[1:]:
        if len(lines[-1]) + len(part) + 2 > WIDTH:
            lines.append(" " * INDENT + part)
        else:
            lines[-1] += f"  {part}"
    return "\n".join(line.rstrip() for line in lines)
