"""TorchJD and GRACE in each other's places: its Gramian weightings as an outer axis, our controllers as its weightings."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, final

import torch
from torch import Tensor

from grace.controllers.controller import Controller
from grace.errors import GraceError

if TYPE_CHECKING:
    from torchjd.aggregation import Weighting

PREFIX = "torchjd:"


@final
class TorchJDWeighting(Controller):
    """Any Gramian weighting of TorchJD (Quinton & Rey, arXiv 2406.16232), by its name there.

    The weights are TorchJD's own, of this step's Gramian, of which nothing is averaged; between two measurements the last ones
    hold, so that ``measure_every`` is 1 where it is left open.

    Args:
        tasks: Number of tasks ``K``.
        name: An aggregator of ``torchjd.aggregation`` that weighs by the Gramian: ``UPGrad``, ``MGDA``, ``PCGrad``, ...
        replicas: Leading dimensions; each replica has its own weighting.
        options: Parameters of the aggregator.

    Raises:
        GraceError: TorchJD or a package that the method needs is not installed, an unknown name or option, or an aggregator that
            does not weigh by the Gramian.
    """

    needs_losses = False
    needs_gramian = True
    measure_every = 1
    last: Tensor

    def __init__(self, tasks: int, name: str, replicas: tuple[int, ...] = (), **options: Any) -> None:
        super().__init__(tasks, replicas)
        count = int(torch.Size(replicas).numel())
        self.weightings = torch.nn.ModuleList(_aggregator(name, options).gramian_weighting for _ in range(count))
        self.register_buffer("last", torch.full(self.shape, 1 / tasks))

    def forward(self, losses: Tensor, gramian: Tensor | None, step: int, epoch: int) -> Tensor:
        """See :class:`Controller`; nothing of the losses is read."""
        if gramian is not None:
            grams = gramian.detach().reshape(-1, self.tasks, self.tasks)
            found = [weighting(gram) for weighting, gram in zip(self.weightings, grams, strict=True)]
            self.last.copy_(torch.stack(found).reshape(self.shape))
        return self.last.clone()


def as_torchjd(controller: Controller) -> Weighting[Any]:
    """A controller as a TorchJD weighting, e.g. for ``GramianWeightedAggregator`` or as part of a TorchJD training loop.

    It counts its own calls as steps. Only controllers that live on the Gramian or on nothing can be one: TorchJD hands a
    weighting no losses.

    Args:
        controller: Any whose ``needs_losses`` and ``needs_epoch`` are False.

    Raises:
        GraceError: The controller reads the losses, or TorchJD is not installed.
    """
    if controller.needs_losses or controller.needs_epoch:
        read = "the losses" if controller.needs_losses else "the number of the epoch"
        raise GraceError(
            f"A TorchJD weighting should need the Gramian alone. Found {type(controller).__name__}, which reads {read}. "
            "Use it with grace.backward."
        )
    base = _torchjd().Weighting

    class Controlled(base):  # type: ignore[misc, valid-type]
        """A controller of GRACE; Gramian ``[K, K]`` -> weights ``[K]``."""

        def __init__(self) -> None:
            super().__init__()
            self.controller = controller

        def forward(self, gramian: Tensor, /) -> Tensor:
            seen = self.controller.seen
            weights = self.controller(seen.losses, gramian.detach(), int(seen.steps), 0)
            seen.steps += 1
            return weights.to(gramian)  # type: ignore[no-any-return]

    return Controlled()


def _aggregator(name: str, options: dict[str, Any]) -> Any:
    aggregation = _torchjd()
    kind = getattr(aggregation, name, None)
    base = aggregation.GramianWeightedAggregator
    if not (inspect.isclass(kind) and issubclass(kind, base) and kind is not base):
        raise GraceError(f"`outer` should be {PREFIX} and one of {', '.join(_names())}. Found {PREFIX}{name}.")
    known = list(inspect.signature(kind).parameters)
    for option in options:
        if option not in known:
            raise GraceError(
                f"An option of {PREFIX}{name} should be one of {', '.join(known) or '(none)'}. Found {option!r}."
            )
    try:
        return kind(**options)
    except ImportError as error:
        raise GraceError(f"`outer` {PREFIX}{name} should find its packages installed. Found: {error}") from None
    except (TypeError, ValueError) as error:
        raise GraceError(f"{PREFIX}{name} should have valid options. Found: {error}.") from None


def _names() -> list[str]:
    aggregation = _torchjd()
    base = aggregation.GramianWeightedAggregator
    kinds = {name: getattr(aggregation, name) for name in aggregation.__all__}
    return sorted(n for n, k in kinds.items() if inspect.isclass(k) and issubclass(k, base) and k is not base)


def _torchjd() -> Any:
    try:
        import torchjd.aggregation
    except ImportError as error:
        raise GraceError(
            f"`outer` {PREFIX}... should find TorchJD installed. Found no module `{error.name}`. "
            "Run pip install 'grace-rul[torchjd]'."
        ) from None
    return torchjd.aggregation
