"""The demonstrations as rich tables: what was claimed, what is true."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from grace.alignment.show import METHOD_WORDS, scale
from grace.core.stats import student
from grace.demos import cosine, two_regimes
from grace.demos.dial import Outcome, Setup

_DIAL_WORDS = {1.0: "+1 follow the wear", 0.0: " 0 say nothing", -1.0: "-1 compete"}
_EFFECT_STYLES = {"helps": "green", "hurts": "red", "unclear": "yellow"}


def show_dial(outcomes: Sequence[Outcome], setup: Setup, console: Console | None = None) -> None:
    """What the diagnosis said before training, and what training then showed."""
    out = console or Console()
    table = Table(
        title="Does the second task help? Diagnosed before, then trained", title_justify="left", show_lines=True
    )
    for name in (
        "health\nlabels",
        "rho before\n[95 %]",
        "advice by\nthe source's\nbands",
        "test RMSE,\ncycles:\nRUL alone,\nboth tasks",
        "difference\n[95 %]",
    ):
        table.add_column(name, no_wrap=True)
    for o in outcomes:
        rho = o.diagnosis.rho
        table.add_row(
            _labels(o.dial).replace(" the ", "\nthe ").replace(" nothing", "\nnothing"),
            f"{rho.mean:+.2f}\n[{rho.low:+.2f}, {rho.high:+.2f}]",
            _advice(o),
            f"{o.alone.mean():.1f} alone\n{o.together.mean():.1f} both",
            Text.assemble(f"{o.difference.mean:+.2f}\n[{_interval(o)}]\n", (o.effect, _EFFECT_STYLES[o.effect])),
        )
    out.print(table)
    for o in outcomes:
        rho = o.diagnosis.rho
        line = Text(f"rho {_labels(o.dial):19} ")
        out.print(line.append_text(scale(rho.low, rho.mean, rho.high, (-0.05, 0.05, 0.20), width=55)))
    cost = outcomes[0].diagnosis.cost
    out.print(
        f"{len(outcomes[0].alone)} simulated fleets of {setup.fleet.engines} engines, both tasks weighted alike (RUL in units "
        f"of the cap), {setup.steps} steps of the {setup.size} network; differences are paired by fleet and seed. "
        f"A diagnosis: {setup.inits} initialisations, {cost.forward_backward:,} passes, on a fleet of its own.",
        style="dim",
    )


def _labels(dial: float) -> str:
    return _DIAL_WORDS.get(dial, f"{dial:+g}")


def _advice(outcome: Outcome) -> str:
    prescription = outcome.diagnosis.prescription
    method = METHOD_WORDS[prescription.method].split(":")[0]
    share = {"grace": "share", "gaba": "share", "baseline": "share"}.get(prescription.method, "do not share")
    return f"{share}\n({method})" if prescription.decided else f"undecided\n(mean: {method})"


def _interval(outcome: Outcome) -> str:
    return f"{outcome.difference.low:+.2f}, {outcome.difference.high:+.2f}"


def show_two_regimes(found: two_regimes.TwoRegimes, trained: cosine.Training, console: Console | None = None) -> None:
    """The source's NumPy demonstration: claimed and true, and beside it the trained version."""
    out = console or Console()
    table = Table(title="Two regimes, as in the source: RMSE in cycles", title_justify="left")
    for name in ("regime", "", "Baseline (0.5)", "GABA = GRACE (0.05)"):
        table.add_column(name)
    for regime in ("a", "b"):
        for words, numbers in (("claimed", two_regimes.CLAIMED), ("what the formula gives", found)):
            pair = getattr(numbers, regime)
            table.add_row(regime.upper(), words, f"{pair.baseline:.2f}", f"{pair.gaba:.2f}")
    out.print(table)
    out.print(
        "The squared pull is the same in both regimes, so the formula cannot tell them apart: it takes no gradient and "
        "trains nothing. What follows does.",
        style="dim",
    )
    _show_training(trained, out)


def show_cosine(found: cosine.AtInitialisation, trained: cosine.Training, console: Console | None = None) -> None:
    """The source's PyTorch demonstration: claimed and true, and beside it the trained version."""
    out = console or Console()
    table = Table(title="Gradient cosine of an untrained network, as in the source", title_justify="left")
    for name in ("labels", "claimed", "mean over initialisations", "SD", "positive"):
        table.add_column(name)
    for name, rho in (("aligned", found.aligned), ("anti", found.anti)):
        table.add_row(name, f"{cosine.CLAIMED[name]:+.2f}", f"{rho.mean:+.2f}", f"{rho.sd:.2f}", f"{rho.positive:.0%}")
    out.print(table)
    out.print("One initialisation can show either sign for either kind of labels.", style="dim")
    _show_training(trained, out)


def _show_training(trained: cosine.Training, out: Console) -> None:
    table = Table(
        title="The same network trained: rho along the steps, mean (SD over initialisations)", title_justify="left"
    )
    table.add_column("labels")
    starts = [1, *(trained.bin_ends[:-1] + 1)]
    shown = range(0, len(starts), 2)
    for index in shown:
        table.add_column(f"{starts[index]}-{trained.bin_ends[index]}", justify="right")
    table.add_column("RMSE against RUL alone, cycles [95 %]")
    for t in trained.trained:
        gain = student(t.difference)
        cells = [f"{t.rho_mean[i]:+.2f} ({t.rho_sd[i]:.2f})" for i in shown]
        table.add_row(t.labels, *cells, f"{gain.mean:+.2f} [{gain.low:+.2f}, {gain.high:+.2f}]")
    out.print(table)
    out.print(
        f"RUL alone: {trained.alone.mean():.2f} cycles, {len(trained.alone)} initialisations, real gradient steps.",
        style="dim",
    )
