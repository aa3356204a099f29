"""TorchJD's weightings and scalarizers as an outer axis, and our controllers as its weightings."""

from __future__ import annotations

import importlib
import inspect
from typing import TYPE_CHECKING, Any, final

import torch
from torch import Tensor

from grace.controllers.controller import Controller
from grace.errors import GraceError

if TYPE_CHECKING:
    from torchjd.aggregation import Weighting

PREFIX = "torchjd:"
MAX_WAITING = 50  # calls without an update


@final
class TorchJDWeighting(Controller):
    """Any Gramian weighting of TorchJD (Quinton & Rey, arXiv 2406.16232), by its name there.

    The weights are TorchJD's own, of this step's Gramian, of which nothing is averaged; between two measurements the last ones
    hold, so that ``measure_every`` is 1 where it is left open.

    Args:
        tasks: Number of tasks ``K``.
        name: An aggregator of ``torchjd.aggregation`` that weighs by the Gramian: ``UPGrad``, ``MGDA``, ``NashMTL``, ...
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

    def __init__(self, tasks: int, name: str, replicas: tuple[int, ...] = (), **options: object) -> None:
        super().__init__(tasks, replicas)
        count = int(torch.Size(replicas).numel())
        self.weightings = torch.nn.ModuleList(_weighting(name, tasks, options) for _ in range(count))
        self.register_buffer("last", torch.full(self.shape, 1 / tasks))

    def forward(self, losses: Tensor, gramian: Tensor | None, step: int, epoch: int) -> Tensor:
        """See :class:`Controller`; nothing of the losses is read."""
        if gramian is not None:
            grams = gramian.detach().reshape(-1, self.tasks, self.tasks)
            found = [weighting(gram) for weighting, gram in zip(self.weightings, grams, strict=True)]
            self.last.copy_(torch.stack(found).reshape(self.shape))
        return self.last.clone()

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        """TorchJD makes its buffers in the first call: where saved ones are to be loaded, they are made here."""
        for number, weighting in enumerate(self.weightings):
            inside = f"{prefix}weightings.{number}."
            saved = [value for key, value in state_dict.items() if key.startswith(inside) and isinstance(value, Tensor)]
            if any(buffer is None for buffer in weighting._buffers.values()) and saved:
                with torch.random.fork_rng(devices=[]):
                    weighting(torch.eye(self.tasks, dtype=saved[0].dtype, device=saved[0].device))
        super()._load_from_state_dict(state_dict, prefix, *rest)


class _Nash(torch.nn.Module):
    """Nash-MTL of a Gramian: TorchJD's wants the gradients, but reads their products alone, and any root has those."""

    def __init__(self, weighting: Any) -> None:
        super().__init__()
        self.weighting = weighting

    def forward(self, gram: Tensor) -> Tensor:
        values, vectors = torch.linalg.eigh(gram)
        found: Tensor = self.weighting(vectors * values.clamp_min(0).sqrt())
        return found

    def get_extra_state(self) -> dict[str, Any]:
        """What TorchJD keeps outside of buffers."""
        return {"step": self.weighting.step, "alpha": torch.as_tensor(self.weighting.prvs_alpha).clone()}

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Go on from it."""
        self.weighting.prvs_alpha, self.weighting.step = state["alpha"].numpy(force=True), state["step"]
        if state["step"]:
            self.weighting._init_optim_problem()


def as_torchjd(controller: Controller) -> Weighting[Tensor]:
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


@final
class TorchJDScalarizer(Controller):
    r"""Any scalarizer :math:`s(L_1, ..., L_K)` of TorchJD, by its name there.

    .. math::
        \lambda_i = \frac{\partial s}{\partial L_i}

    so that the gradient of :math:`\sum_i \lambda_i L_i` is that of :math:`s`. One with parameters (``IMTLL``, ``UW``) learns
    them from :math:`s` itself. ``FAMO`` learns from what a step did to the losses: call :meth:`update` after each.

    Args:
        tasks: Number of tasks ``K``.
        name: A class of ``torchjd.scalarization``: ``FAMO``, ``IMTLL``, ``STCH``, ``GeometricMean``, ...
        replicas: Leading dimensions; each replica has its own scalarizer.
        options: Parameters of the scalarizer.

    Raises:
        GraceError: TorchJD is not installed, an unknown name or option, or FAMO that is not updated.
    """

    def __init__(self, tasks: int, name: str, replicas: tuple[int, ...] = (), **options: object) -> None:
        super().__init__(tasks, replicas)
        kind = getattr(_torchjd("scalarization"), name)
        given = {"shape": tasks} if "shape" in inspect.signature(kind).parameters else {}
        count = int(torch.Size(replicas).numel())
        self.scalarizers = torch.nn.ModuleList(_Kept(_made(kind, name, given, options)) for _ in range(count))
        self._waiting = 0

    @staticmethod
    def names() -> list[str]:
        """Names of TorchJD's scalarizers that can be an outer axis; for its DWA there is ``dwa``."""
        return sorted(set(_torchjd("scalarization").__all__) - {"Scalarizer", "DWA"})

    def forward(self, losses: Tensor, gramian: Tensor | None, step: int, epoch: int) -> Tensor:
        """See :class:`Controller`; nothing of the Gramian is read."""
        if self.scalarizers[0].updates:
            self._waiting += 1
            if self._waiting > MAX_WAITING:
                raise GraceError(
                    f"{PREFIX}FAMO should be told what each step did to the losses. Found {MAX_WAITING} calls without. Call "
                    "outer.update with the losses of the same batch after optimiser.step()."
                )
        with torch.enable_grad():
            values = losses.detach().clone().requires_grad_()
            (found,) = torch.autograd.grad(self._values(values).sum(), values)
        return found

    def own_loss(self, losses: Tensor, gramian: Tensor | None) -> Tensor | None:
        """:math:`s` as a function of its own parameters, where it learns them."""
        return self._values(losses).reshape(losses.shape[:-1]) if any(True for _ in self.parameters()) else None

    def _values(self, losses: Tensor) -> Tensor:
        rows = losses.reshape(-1, self.tasks)
        return torch.stack([scalarizer(row) for scalarizer, row in zip(self.scalarizers, rows, strict=True)])

    def update(self, losses: Tensor) -> None:
        """Tell ``FAMO`` the losses ``[..., K]`` of the same batch after the step; nothing happens in the others."""
        self._waiting = 0
        kept: Any = self.scalarizers
        for scalarizer, row in zip(kept, losses.detach().reshape(-1, self.tasks), strict=True):
            scalarizer.update(row)


class _Kept(torch.nn.Module):
    """A scalarizer whose whole state is in ``state_dict``: FAMO keeps its optimiser and its last losses outside."""

    def __init__(self, scalarizer: Any) -> None:
        super().__init__()
        self.scalarizer = scalarizer
        self.updates = hasattr(scalarizer, "update")

    def forward(self, losses: Tensor) -> Tensor:
        found: Tensor = self.scalarizer(losses)
        return found

    def update(self, losses: Tensor) -> None:
        if self.updates:
            self.scalarizer.update(losses)

    def get_extra_state(self) -> dict[str, Any]:
        """What FAMO keeps outside of parameters and buffers."""
        if not self.updates or self.scalarizer._prev_losses is None:
            return {}
        optimiser = self.scalarizer._optimizer
        return {"losses": self.scalarizer._prev_losses} | (
            {} if optimiser is None else {"moments": optimiser.state_dict()["state"]}
        )

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Go on from it."""
        if "losses" in state:
            self.scalarizer._prev_losses = state["losses"].clone()
        if "moments" in state:
            famo = self.scalarizer
            famo._optimizer = torch.optim.Adam([famo._w], lr=famo.lr, weight_decay=famo.weight_decay)
            groups = famo._optimizer.state_dict()["param_groups"]
            famo._optimizer.load_state_dict({"state": state["moments"], "param_groups": groups})


def _weighting(name: str, tasks: int, options: dict[str, object]) -> Any:
    aggregation = _torchjd()
    base = aggregation.GramianWeightedAggregator
    kinds = {kind: getattr(aggregation, kind) for kind in aggregation.__all__}
    known = [n for n, k in kinds.items() if inspect.isclass(k) and issubclass(k, base) and k is not base]
    if name == "NashMTL":
        return _Nash(_made(kinds[name], name, {"n_tasks": tasks}, options).weighting)
    if name not in known:
        listed = ", ".join(sorted({*known, "NashMTL", *TorchJDScalarizer.names()}))
        raise GraceError(f"`outer` should be {PREFIX} and one of {listed}. Found {PREFIX}{name}.")
    return _made(kinds[name], name, {}, options).gramian_weighting


def _made(kind: Any, name: str, given: dict[str, Any], options: dict[str, object]) -> Any:
    """An object of TorchJD from our own arguments and the user's options.

    Raises:
        GraceError: An option that it does not have, one out of its range, or a package that it needs is missing.
    """
    known = {n: str(p.annotation) for n, p in inspect.signature(kind).parameters.items() if n not in given}
    for option in options:
        if option not in known:
            raise GraceError(
                f"An option of {PREFIX}{name} should be one of {', '.join(known) or '(none)'}. Found {option!r}."
            )
    values = {
        n: torch.tensor(v) if "Tensor" in known[n] and isinstance(v, tuple | list) else v for n, v in options.items()
    }
    try:
        return kind(**given, **values)
    except ImportError as error:
        raise GraceError(f"`outer` {PREFIX}{name} should find its packages installed. Found: {error}") from None
    except (TypeError, ValueError) as error:
        raise GraceError(f"{PREFIX}{name} should have valid options. Found: {error}.") from None


def _torchjd(part: str = "aggregation") -> Any:
    try:
        return importlib.import_module(f"torchjd.{part}")
    except ImportError as error:
        raise GraceError(
            f"`outer` {PREFIX}... should find TorchJD installed. Found no module `{error.name}`. "
            "Run pip install 'grace-rul[torchjd]'."
        ) from None
