"""Many initialisations of one problem; the numbers do not depend on where they run."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor

from grace.alignment.probe import MakeOptimiser, Problem, Trace, adamw, probe
from grace.alignment.recipes import Recipe
from grace.core.pools import Progress, run_all


def replicate(
    problem: Problem,
    recipe: Recipe,
    seeds: Sequence[int],
    batches: int,
    executor: Executor | None = None,
    on_progress: Progress | None = None,
    optimiser: MakeOptimiser = adamw,
) -> list[Trace]:
    """Probe the problem once a seed, in the order of ``seeds``.

    Args:
        problem: What is probed; with an executor of processes it has to be picklable.
        recipe: How.
        seeds: One initialisation each.
        batches: Batches of a reading.
        executor: Where to run them; None runs them here, one after the other.
        on_progress: Told (done, in all) after each.
        optimiser: Makes the optimiser of the recipe's steps.

    Raises:
        GraceError: A worker process died, or the problem cannot be probed (see :func:`grace.alignment.probe.probe`).
    """
    return run_all(probe, [(problem, recipe, batches, seed, optimiser) for seed in seeds], executor, on_progress)
