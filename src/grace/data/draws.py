"""Which windows each loss is taken on: RUL's, and where labels are known on others, windows that are drawn beside them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from grace.data.conventions import Conventions
from grace.data.fleet import Fleet
from grace.data.resident import Batch, ResidentWindows
from grace.data.targets import known_rows, places
from grace.data.tasks import BOUND as BOUND
from grace.data.windows import ManyWindows, Windows
from grace.errors import GraceError

ALIKE = 0.5
"""Share of the windows of two tasks that have both labels, from which on they share a draw."""
MOST = 1 << 22
"""Windows of one draw, beside RUL's, of rows that stay on the disk; of more, so many are taken, evenly spread."""
APART = 0x5851F42D
"""Between the seeds of the draws of one training; of 32 bits, as torch's generator on the CPU reads no more of a seed."""


class Draw(NamedTuple):
    """Windows that some losses are taken on, by their names."""

    losses: tuple[str, ...]
    windows: Windows | ManyWindows


def drawn_apart(fleet: Fleet, conventions: Conventions, rul: NDArray[np.int64]) -> list[tuple[str, ...]]:
    """Names of the tasks that have draws of their own, those with one draw together.

    A task stays with RUL where its labels follow from RUL, or are known in no row of other engines than those at ``rul``, whose
    RUL is learned, and in half of theirs or more. Two others share a draw where at least half of the rows with one label have
    both (:data:`ALIKE`).
    """
    ours = np.isin(np.arange(len(fleet.engines)), rul)[fleet.engine_of_row()]
    groups: list[tuple[tuple[str, ...], NDArray[np.bool_]]] = []
    for task in conventions.tasks:
        known = known_rows(task, fleet, conventions)
        if not known.any() or (not known[~ours].any() and known[ours].mean() >= ALIKE):
            continue
        for place, (names, theirs) in enumerate(groups):
            if (known & theirs).sum() >= ALIKE * (known | theirs).sum():
                groups[place] = (*names, task.name), known | theirs
                break
        else:
            groups.append(((task.name,), known))
    return [names for names, _ in groups]


def draws_beside(
    apart: Sequence[tuple[str, ...]],
    every: Windows | ManyWindows,
    rul: Windows | ManyWindows,
    suspended: Windows | ManyWindows,
    conventions: Conventions,
) -> tuple[Draw, ...]:
    """The draws beside RUL's of some engines.

    Args:
        apart: Losses that have draws of their own, those with one draw together.
        every: Windows of all engines.
        rul: Of those whose RUL is learned.
        suspended: Of those that were suspended; where there are none, as in a fold that holds out all, RUL's take their place in
            the bound's draw: nothing is bounded in them.
        conventions: With the tasks.

    Raises:
        GraceError: A task is known in no window.
    """
    found = []
    for losses in apart:
        own = (suspended if len(suspended) else rul) if losses == (BOUND,) else with_labels(every, losses, conventions)
        if not len(own):
            raise GraceError(
                f"{losses[0]} should be known of some engines beside those held out. Found none. Label more engines, or leave "
                "the task out."
            )
        found.append(Draw(losses, own))
    return tuple(found)


def with_labels(every: Windows | ManyWindows, names: Sequence[str], conventions: Conventions) -> Windows | ManyWindows:
    """Those of some windows that have a label of one of these tasks; all of them as they are."""
    where = [places(conventions)[name] for name in names]
    known = [_known(piece, where) for piece in every.pieces()]
    mask = np.concatenate(known) if known else np.zeros(0, dtype=np.bool_)
    if mask.all():
        return every
    index = np.flatnonzero(mask)
    if isinstance(every, ManyWindows) and len(index) > MOST:
        index = index[np.linspace(0, len(index) - 1, MOST).round().astype(np.int64)]
    return every.at(index)


def _known(windows: Windows, where: Sequence[slice]) -> NDArray[np.bool_]:
    return np.asarray(np.any([~np.isnan(windows.labels[:, side]).any(axis=1) for side in where], axis=0))


class Draws:
    """Batches of RUL's windows with those of other draws behind them, from windows that are resident.

    A batch holds ``batch_size`` of RUL's windows, all if they are fewer, and half as many of all other draws together. RUL's come
    in permutations, one an epoch; the others in permutations of their own that run on, so that every batch is full.

    Args:
        draws: RUL's first.
        resident: The windows of each.
    """

    def __init__(self, draws: Sequence[Draw], resident: Sequence[ResidentWindows]) -> None:
        self.draws, self.resident = list(draws), list(resident)

    @property
    def rul(self) -> ResidentWindows:
        """RUL's windows."""
        return self.resident[0]

    def of(self, loss: str) -> ResidentWindows:
        """The windows that a loss is taken on, by its name."""
        return next((own for draw, own in zip(self.draws, self.resident, strict=True) if loss in draw.losses), self.rul)

    def made_of(self, windows: Windows | ManyWindows) -> ResidentWindows | None:
        """The resident form of these windows, where they are a draw."""
        return next((own for draw, own in zip(self.draws, self.resident, strict=True) if draw.windows is windows), None)

    def sizes(self, batch_size: int) -> list[int]:
        """Windows of each draw in a batch."""
        beside = len(self.draws) - 1
        size = min(batch_size, len(self.rul))
        return [size, *[max(batch_size // 2 // max(beside, 1), 1)] * beside]

    def parts(self, batch_size: int) -> dict[str, slice]:
        """Rows of a batch that each loss is taken on, by name; a loss without a draw of its own is taken on RUL's."""
        ends = np.cumsum([0, *self.sizes(batch_size)])
        sides = [slice(int(a), int(b)) for a, b in pairwise(ends)]
        return {name: side for draw, side in zip(self.draws, sides, strict=True) for name in draw.losses}

    def stream(self, batch_size: int, seed: int) -> Iterator[Batch]:
        """Endless batches."""
        own = self.rul.stream(batch_size, seed)
        if len(self.draws) == 1:
            yield from own
            return
        beside = [
            _run_on(windows, size, seed + APART * number)
            for number, (windows, size) in enumerate(zip(self.resident, self.sizes(batch_size), strict=True))
            if number
        ]
        for batch in own:
            parts = [batch, *(next(one) for one in beside)]
            yield Batch(*(torch.cat(side) for side in zip(*parts, strict=True)))


def _run_on(windows: ResidentWindows, size: int, seed: int) -> Iterator[Batch]:
    """Endless batches of exactly ``size`` windows, from one permutation after the other."""
    generator, left = torch.Generator().manual_seed(seed), torch.zeros(0, dtype=torch.int64)
    while True:
        while len(left) < size:
            left = torch.cat([left, windows.permutation(generator)])
        yield windows.batch(left[:size].to(windows.device))
        left = left[size:]
