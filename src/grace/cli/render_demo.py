"""The demonstrations as rich tables: what was claimed, what is true."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from grace.alignment.show import METHOD_WORDS, scale
from grace.bench.ways import Way
from grace.cli.say import answer, evidence
from grace.core.stats import EFFECT, student
from grace.demos import cosine, few_failures, two_regimes
from grace.demos.dial import Outcome, Setup

_DIAL_WORDS = {1.0: "+1 follow the wear", 0.0: "0 say nothing", -1.0: "-1 compete"}
_EFFECT_STYLES = {"helps": "green", "hurts": "red", "unclear": "yellow"}


def dial_name(outcome: Outcome) -> str:
    """What the labels of a position of the dial are called, in the terminal and on the page."""
    return f"labels {_DIAL_WORDS.get(outcome.dial, f'{outcome.dial:+g}')}"


def dial_words(outcome: Outcome) -> str:
    """What was measured before, and what training showed, in a line."""
    rho, gain = outcome.diagnosis.rho, outcome.difference
    across = " across 0" if outcome.effect == "unclear" else ""
    return f"rho {rho.mean:+.2f} before, then RMSE {gain.text(2, '+')}{across}: {outcome.effect}"


def show_dial(outcomes: Sequence[Outcome], setup: Setup, verbose: bool = False) -> None:
    """The answer, what the diagnosis said before training, and what training then showed; ``verbose``: and how."""
    out = Console()
    answer(*(f"{dial_name(o)}: {dial_words(o)}" for o in outcomes))
    out.print()
    measured = ("test RMSE,\ncycles:\nRUL alone,\nboth tasks", "difference\n[95 %]")
    names = ("health\nlabels", "rho before\n[95 %]", "advice by\nthe source's\nbands", *measured)
    table = Table(
        *(Column(name, no_wrap=True) for name in names),
        title="Does the second task help? Diagnosed before, then trained",
        title_justify="left",
        show_lines=True,
    )
    scales = []
    for o in outcomes:
        rho, gain, labels = o.diagnosis.rho, o.difference, _DIAL_WORDS.get(o.dial, f"{o.dial:+g}")
        table.add_row(
            labels.replace(" the ", "\nthe ").replace(" nothing", "\nnothing"),
            f"{rho.mean:+.2f}\n[{rho.low:+.2f}, {rho.high:+.2f}]",
            _advice(o),
            f"{o.alone.mean():.1f} alone\n{o.together.mean():.1f} both",
            Text.assemble(
                f"{gain.mean:+.2f}\n[{gain.low:+.2f}, {gain.high:+.2f}]\n", (o.effect, _EFFECT_STYLES[o.effect])
            ),
        )
        drawn = scale(rho.low, rho.mean, rho.high, (-0.05, 0.05, 0.20), width=55)
        scales.append(Text(f"rho {labels:19} ").append_text(drawn))
    out.print(table, *scales, sep="\n")
    words, how = dial_setup(outcomes, setup)
    evidence(words, *([how] if verbose else []), style="dim")


def dial_setup(outcomes: Sequence[Outcome], setup: Setup) -> tuple[str, str]:
    """What was trained, and how."""
    cost = outcomes[0].diagnosis.cost
    return (
        f"{len(outcomes[0].alone)} simulated fleets of {setup.fleet.engines} engines; differences in cycles, paired by fleet "
        "and seed.",
        f"Both tasks weighted alike (RUL in units of the cap), {setup.steps} steps of the {setup.size} network. A diagnosis: "
        f"{setup.inits} initialisations, {cost.forward_backward:,} passes, on a fleet of its own.",
    )


def way_words(way: Way) -> str:
    """What a way changed against RUL alone, in a line; of RUL alone what it came to."""
    if way.difference is None:
        return f"{way.name}: RMSE {way.rmse.mean:.2f} cycles"
    effect = EFFECT[way.difference.verdict]
    across = " across 0" if effect == "unclear" else ""
    return f"{way.name}: RMSE {way.difference.text(2, '+')}{across}: {effect}"


def show_few_failures(found: Sequence[Way], setup: few_failures.Setup, verbose: bool = False) -> None:
    """The answer, and what inspections of suspended engines, their bound and both bring beside RUL alone; ``verbose``: how."""
    out = Console()
    answer(*(f"few failures, {way_words(way)}" for way in found if way.difference is not None))
    out.print()
    names = ("way", "test RMSE,\ncycles", "difference,\ncycles [95 %]", "difference,\nper cent [95 %]")
    title = "Few failures: what inspections and the bound bring"
    columns = [Column(name, no_wrap=True) for name in names]
    table = Table(*columns, title=title, title_justify="left", show_lines=True)
    for way in found:
        cells: tuple[str | Text, ...] = ("", "")
        if way.difference is not None and way.change is not None:
            effect = EFFECT[way.difference.verdict]
            words = Text.assemble(way.change.text(1, "+"), "\n", (effect, _EFFECT_STYLES[effect]))
            cells = way.difference.text(2, "+"), words
        table.add_row(way.name, f"{way.rmse.mean:.2f}", *cells)
    out.print(table)
    trained, how = few_failures_setup(found, setup)
    evidence(trained, *([how] if verbose else []), style="dim")


def few_failures_setup(found: Sequence[Way], setup: few_failures.Setup) -> tuple[str, str]:
    """What was trained, and how."""
    still = setup.fleet.engines - setup.failures
    return (
        f"{found[0].rmse.n} simulated fleets of {setup.failures} failed and {still} suspended engines, paired by fleet.",
        f"Inspections: a health state by the true RUL every {setup.every} cycles, also of suspended engines, with the weight "
        f"{few_failures.WEIGHT:g}. Bound: RUL of a suspended engine is at least what it still ran. One of the "
        f"{setup.failures} chooses the epoch, the others teach RUL. The {setup.size} network, {setup.epochs} epochs.",
    )


def _advice(outcome: Outcome) -> str:
    prescription = outcome.diagnosis.prescription
    method = METHOD_WORDS[prescription.method].split(":")[0]
    share = "share" if prescription.method in ("grace", "gaba", "baseline") else "do not share"
    return f"{share}\n({method})" if prescription.decided else f"undecided\n(mean: {method})"


def show_two_regimes(found: two_regimes.TwoRegimes, trained: cosine.Training) -> None:
    """The source's NumPy demonstration: claimed and true, and beside it the trained version."""
    out = Console()
    names = ("regime", "", "Baseline (0.5)", "GABA = GRACE (0.05)")
    answer(
        f"Not as claimed: in regime A GABA's RMSE is {found.a.gaba:.2f}, claimed {two_regimes.CLAIMED.a.gaba:.2f}; Baseline's "
        f"is {found.a.baseline:.2f}, claimed {two_regimes.CLAIMED.a.baseline:.2f}."
    )
    table = Table(*names, title="Two regimes, as in the source: RMSE in cycles", title_justify="left")
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


def show_cosine(found: cosine.AtInitialisation, trained: cosine.Training) -> None:
    """The source's PyTorch demonstration: claimed and true, and beside it the trained version."""
    out = Console()
    names = ("labels", "claimed", "mean over initialisations", "SD", "positive")
    answer(
        f"Not as claimed: rho of aligned labels is {found.aligned.mean:+.2f} on average, SD {found.aligned.sd:.2f}, claimed "
        f"{cosine.CLAIMED['aligned']:+.2f}; an untrained network tells nothing."
    )
    table = Table(*names, title="Gradient cosine of an untrained network, as in the source", title_justify="left")
    for name, rho in (("aligned", found.aligned), ("anti", found.anti)):
        table.add_row(name, f"{cosine.CLAIMED[name]:+.2f}", f"{rho.mean:+.2f}", f"{rho.sd:.2f}", f"{rho.positive:.0%}")
    out.print(table)
    out.print("One initialisation can show either sign for either kind of labels.", style="dim")
    _show_training(trained, out)


def _show_training(trained: cosine.Training, out: Console) -> None:
    starts = [1, *(trained.bin_ends[:-1] + 1)]
    shown = range(0, len(starts), 3)
    table = Table(
        "labels",
        *(Column(f"{starts[i]}-{trained.bin_ends[i]}", justify="right") for i in shown),
        Column("RMSE against\nRUL alone [95 %]", no_wrap=True),
        title="The same network trained: rho along the steps, mean (SD over initialisations)",
        title_justify="left",
    )
    for t in trained.trained:
        gain = student(t.difference)
        cells = [f"{t.rho_mean[i]:+.2f} ({t.rho_sd[i]:.2f})" for i in shown]
        table.add_row(t.labels, *cells, f"{gain.mean:+.2f} [{gain.low:+.2f}, {gain.high:+.2f}]")
    out.print(table)
    out.print(
        f"RUL alone: {trained.alone.mean():.2f} cycles, {len(trained.alone)} initialisations, real gradient steps.",
        style="dim",
    )
