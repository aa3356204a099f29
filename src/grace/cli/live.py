"""What a training shows while it runs: on standard error, a line an epoch."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Any

from grace.cli.train import described

if TYPE_CHECKING:
    from grace.training.spec import RunSpec
    from grace.training.stack import Stack


class Live:
    """A line an epoch: losses, weights, gradient ratio, rho with its interval; and an alarm where rho stays too low."""

    def __init__(self, spec: RunSpec) -> None:
        from rich.console import Console

        from grace.training.monitor import Monitor

        self._out = Console(stderr=True, highlight=False)
        self._monitor = Monitor(spec.method, spec.outer)
        self._spec = spec

    def __enter__(self) -> Live:
        plan = self._spec.schedule
        self._out.print(f"{described(self._spec)}: at most {plan.epochs} epochs", style="bold")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is KeyboardInterrupt:
            self._out.print("interrupted; the same command goes on at the last finished epoch", style="yellow")

    def epoch(self, stack: Stack) -> None:
        """Show one epoch of a stack of one; of one that diverged there is nothing to show."""
        replica = stack.replicas[0]
        if replica.reason:
            return
        entry = replica.history[-1]
        mark = "*" if replica.best_epoch == entry["epoch"] else " "
        self._out.print(line(entry, self._spec.conventions.unit) + mark, markup=False, soft_wrap=True)
        alarm = self._monitor.observe(entry)
        if alarm:
            self._out.print(f"alarm: {alarm}", style="bold red", markup=False, soft_wrap=True)


def line(entry: dict[str, Any], unit: str = "cycles") -> str:
    """One epoch in one line; the RUL loss is in the run's own units, units other than cycles are named."""
    rul, health = entry["losses"]
    weights = "/".join(f"{weight:.3g}" for weight in entry["weights"])
    text = f"epoch {entry['epoch'] + 1:3d}  loss rul {rul:.4g} health {health:.3f}  weights {weights}"
    if "rho" in entry:
        text += (
            f"  ratio {entry['ratio']:.3g}  rho {entry['rho']:+.2f} [{entry['rho_low']:+.2f}, {entry['rho_high']:+.2f}]"
        )
    named = "" if unit == "cycles" else f" {unit}"
    return f"{text}  validation RMSE {entry['validation_rmse']:.2f}{named}"
