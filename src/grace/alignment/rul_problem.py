"""The probed problem of this field: RUL and health state on windows of a fleet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from torch import Tensor, nn

from grace.core.weighted_mse import INNER
from grace.data.resident import ResidentWindows
from grace.data.windows import Windows
from grace.errors import GraceError
from grace.models.cnn_bilstm_attention import CNNBiLSTMAttention, architecture

TASKS = ("rul", "health")
CAP_START = 0.5  # a head in units of the cap starts in the middle of its range, where the final ReLU is alive


@dataclass(frozen=True, eq=False)
class RULProblem:
    """RUL loss and health cross entropy on mini-batches of windows; an :class:`~grace.alignment.probe.Problem`.

    Attributes:
        windows: Training windows.
        cap: Largest target, cycles.
        size: Size of the network.
        unit: ``cycles``: the head emits cycles and the loss is in cycles^2, as in the source. ``cap``: both in units of
            the cap, the head starting at half of it.
        inner: Name of the RUL loss.
        batch_size: Windows in a batch.
    """

    windows: Windows
    cap: int = 125
    size: str = "compact"
    unit: str = "cap"
    inner: str = "weighted_mse"
    batch_size: int = 128
    _resident: ResidentWindows = field(init=False, repr=False)

    def __post_init__(self) -> None:
        architecture(self.size)
        if self.inner not in INNER:
            raise GraceError(f"`inner` should be one of {', '.join(INNER)}. Found {self.inner!r}.")
        if self.batch_size < 2:
            raise GraceError(f"`batch_size` should be at least 2. Found {self.batch_size}.")
        object.__setattr__(self, "_resident", ResidentWindows(self.windows))

    def __reduce__(self) -> tuple[object, ...]:  # to another process go the rows once, not also their tensors
        return RULProblem, (self.windows, self.cap, self.size, self.unit, self.inner, self.batch_size)

    @property
    def scale(self) -> float:
        """Cycles per unit of the RUL head's output."""
        return float(self.cap) if self.unit == "cap" else 1.0

    def model(self) -> CNNBiLSTMAttention:
        """A freshly initialised network."""
        start = CAP_START if self.unit == "cap" else None
        features = self.windows.rows.shape[1]
        return CNNBiLSTMAttention(self.size, features, rul_scale=self.scale, rul_start=start)

    def shared(self, model: CNNBiLSTMAttention) -> list[nn.Parameter]:
        """Backbone parameters, both heads excluded."""
        return model.shared_parameters()

    def batches(self, seed: int) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Endless batches ``(windows [B, T, F], RUL [B] in cycles, label [B])``, one permutation an epoch."""
        return self._resident.stream(self.batch_size, seed)

    def losses(self, model: CNNBiLSTMAttention, batch: tuple[Tensor, Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """RUL loss (in units of ``scale`` squared) and health cross entropy (nats)."""
        x, rul, label = batch
        predicted, logits = model(x)
        rul_loss = INNER[self.inner](predicted, rul, float(self.cap)) / self.scale**2
        return rul_loss, nn.functional.cross_entropy(logits, label)
