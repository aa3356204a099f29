"""The ratios that CI holds: few, within seconds, each the best of interleaved rounds, which a busy machine moves little."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

SLIP, ATTEMPTS = 1.2, 3


class Ratio(NamedTuple):
    """A measured ratio and which way is better."""

    value: float
    larger_is_better: bool


def step() -> dict[str, Ratio]:
    """A step of GRACE that measures, over a plain one; full size, B = 64."""
    from steps import step_seconds

    names = ("plain, 0.5 / 0.5", "GRACE, Gramian in every step", "three passes (the source)")
    plain, every, three = (min(values) for values in step_seconds("paper", 64, 4, names).values())
    return {
        "step: Gramian in every step / plain": Ratio(every / plain, False),
        "step: three passes / Gramian in every step": Ratio(three / every, True),
    }


def training() -> dict[str, Ratio]:
    """Windows per second of the compact network over a tutorial's loop, and of a stack of two over one run."""
    from throughput import rates

    from grace.data.simulated.fleet import Simulation, simulate

    best = {
        name: max(values) for name, values in rates("compact", 20, 6, simulate(Simulation())[0], peers=False).items()
    }
    return {
        "training: GRACE / PyTorch loop": Ratio(best["GRACE"] / best["PyTorch loop"], True),
        "training: stack of 2 / one run": Ratio(best["GRACE, stack of 2"] / best["GRACE"], True),
    }


def text() -> dict[str, Ratio]:
    """Text to tensors against pandas, one thread each."""
    import time

    from text import with_grace, with_pandas

    from grace.data.cmapss.fleets import write_cmapss
    from grace.data.simulated.fleet import Simulation, simulate

    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        write_cmapss(*simulate(Simulation(engines=60, test_engines=1, conditions=6)), folder, "SIM")
        ways = (with_grace(folder), with_pandas(folder))
        spent: list[list[float]] = [[], []]
        for _ in range(5):
            for times, read in zip(spent, ways, strict=True):
                began = time.perf_counter()
                read("SIM")
                times.append(time.perf_counter() - began)
    return {"data: pandas / GRACE": Ratio(min(spent[1]) / min(spent[0]), True)}


def diagnosis() -> dict[str, Ratio]:
    """Operations of the diagnosis over those of one full training on FD001; counted, not timed."""
    from diagnosis_cost import shares

    return {"diagnosis / training, operations": Ratio(shares()["FD001"], False)}


PARTS: tuple[Callable[[], dict[str, Ratio]], ...] = (step, training, text, diagnosis)


def kind() -> str:
    """What torch makes of this CPU, for example ``AVX2``: its own layers gain more from some than ours do."""
    import torch

    return str(torch.backends.cpu.get_cpu_capability())


def slipped(found: Ratio, committed: float) -> bool:
    """Whether a ratio is worse than the committed one by more than 20 %."""
    if found.larger_is_better:
        return found.value * SLIP < committed
    return found.value > committed * SLIP


def ratios(committed: dict[str, float] | None = None) -> dict[str, Ratio]:
    """All ratios; a part whose ratio slipped is measured again, up to twice, and the best of them counts."""
    os.environ.setdefault("POLARS_MAX_THREADS", "1")
    best: dict[str, Ratio] = {}
    for part in PARTS:
        for _ in range(ATTEMPTS):
            for name, found in part().items():
                known = best.get(name)
                if known is None or (found.value > known.value) == found.larger_is_better:
                    best[name] = found
            mine = {name: best[name] for name in best if committed and name in committed}
            if not any(slipped(ratio, (committed or {})[name]) for name, ratio in mine.items()):
                break
    return best
