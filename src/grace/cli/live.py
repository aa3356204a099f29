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
        mark = "*" if replicas[0].split.chosen and replicas[0].best_epoch == entry["epoch"] else " "
        out.print(_line(entry, spec) + mark, soft_wrap=True)
        if alarm := monitor.observe(entry):
            out.print(f"alarm: {alarm}", style="bold red", soft_wrap=True)

    protocol = f"{spec.folds} folds" if spec.folds else f"{spec.protocol} protocol"
    words = f"{spec.dataset}, {spec.method}, seed {spec.seed}, {protocol}"
    if spec.model == NETWORK:
        words += f", {spec.size} network: at most {spec.schedule.epochs} epochs"
    out.print(words, style="bold")
    with goes_on("the same command goes on at the last finished epoch"):
        yield on_epoch


def _line(entry: dict[str, Any], spec: RunSpec) -> str:
    """One epoch in one line; the RUL loss is in the run's own units, units other than cycles are named."""
    first, *others = entry["losses"]
    losses = " ".join(
        [f"{spec.tasks[0]} {first:.4g}", *(f"{n} {v:.3f}" for n, v in zip(spec.tasks[1:], others, strict=True))]
    )
    weights = "/".join(f"{weight:.3g}" for weight in entry["weights"])
    text = f"epoch {entry['epoch'] + 1:3d}  loss {losses}  weights {weights}"
    if "rho" in entry:
        interval = f"[{entry['rho_low']:+.2f}, {entry['rho_high']:+.2f}]"
        text += f"  ratio {entry['ratio']:.3g}  rho {entry['rho']:+.2f} {interval}"
        each = with_rul(entry, spec.tasks[1:])
        text += f" ({each})" if each else ""
    unit = spec.conventions.unit
    return f"{text}  validation RMSE {entry['validation_rmse']:.2f}{'' if unit == 'cycles' else f' {unit}'}"
