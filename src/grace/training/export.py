"""A trained network, or an ensemble of them, as ONNX: scaling and all; checked against torch before it is kept."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from grace.data.conditions import Conditioner
from grace.data.tasks import FUTURE, HEALTH, REGRESSION
from grace.errors import GraceError
from grace.files import replacing
from grace.models.second_tasks import Head
from grace.training.model_file import TrainedNetwork
from grace.training.outcome import Member

TOLERANCE = 1e-3
"""Largest difference to torch, in cycles of RUL (of a table in 125ths of its cap), standard deviations of a label, and
probabilities."""


class _Scaled(nn.Module):
    """A member from windows as they were recorded ``[N, T, F]``, and settings ``[N, T, D]`` where it knows several conditions."""

    unit: Tensor
    centres: Tensor
    mean: Tensor
    scale: Tensor

    def __init__(self, member: Member) -> None:
        super().__init__()
        self.model, self.features, self.step = member.model, len(member.conditioner.features), member.conditioner.step
        for name in ("unit", "centres", "mean", "scale"):
            self.register_buffer(name, torch.from_numpy(getattr(member.conditioner, name)))

    def forward(self, windows: Tensor, settings: Tensor | None) -> tuple[Tensor, ...]:
        """RUL in cycles ``[N]``, and what each head emits ``[N, outputs]``."""
        mean, scale = self.mean[0], self.scale[0]
        if settings is not None:  # the nearest centre, as :meth:`Conditioner.assign` finds it
            away = (settings.double() / self.unit)[..., None, :] - self.centres
            condition = away.square().sum(-1).argmin(-1)
            mean, scale = self.mean[condition], self.scale[condition]
        values = (windows[..., : self.features].double() - mean) / scale
        if self.step:
            values = torch.cat([values, windows[..., self.features :].double() / self.step], -1)
        return tuple(emitted.float() for emitted in self.model(values.float()))


class _Exported(nn.Module):
    """What the file computes."""

    def __init__(self, network: TrainedNetwork) -> None:
        super().__init__()
        self.members = nn.ModuleList(_Scaled(member) for member in network.members)
        self.cap, self.cuts = float(network.conventions.cap), network.conventions.health_cuts
        self.heads = {head.name: (place, head) for place, head in enumerate(Head.every(network.conventions), 1)}
        trained = [task.name for task in network.conventions.tasks if network.spec.trains(task.name)]
        self.health = HEALTH.name in trained
        self.tasks = [n for n in trained if n != HEALTH.name and n != FUTURE]
        taken = ("rul", "health", *inputs(network))
        self.outputs = ["rul", "health", *(f"predicted_{n}" if n in taken else n for n in self.tasks)]
        scales = [self._scale(name) for name in self.tasks]
        self.units = [network.conventions.cycle, 1.0, *scales]

    def forward(self, windows: Tensor, settings: Tensor | None = None) -> tuple[Tensor, ...]:
        """See :func:`export_onnx`."""
        found = [member(windows, settings) for member in self.members]
        rul = torch.stack([one[0].clamp(max=self.cap) for one in found]).mean(0)
        others = [self._told(name, found) for name in self.tasks]
        if self.health:
            return rul, self._told(HEALTH.name, found), *others
        healthy, critical = (rul >= self.cuts[0]).float(), (rul < self.cuts[1]).float()
        return rul, torch.stack([healthy, 1 - healthy - critical, critical], -1), *others

    def _told(self, name: str, found: Sequence[tuple[Tensor, ...]]) -> Tensor:
        """Mean over the members of a task's values ``[N]`` or probabilities ``[N, C]``."""
        place, head = self.heads[name]
        mean = torch.stack([head.told(one[place]) for one in found]).mean(0)
        return mean[:, 0] if head.kind == REGRESSION else mean

    def _scale(self, name: str) -> float:
        """What a difference in a task is measured in: the standard deviation of its label, or 1 of probabilities."""
        values = [dict(member.named_buffers()) for member in self.members]
        regression = self.heads[name][1].kind == REGRESSION
        return max(float(found[f"model.{name}_scale"].max()) for found in values) if regression else 1.0


def export_onnx(network: TrainedNetwork, path: Path) -> float:
    """Write the network as ONNX, from windows as they were recorded to what :func:`grace.predict` says.

    Inputs: ``windows [N, T, F]``, the network's features unscaled, an engine with fewer rows filled up at the front with its
    first; :data:`~grace.data.fleet.AGE` is a column like any other, with the engine's age at each row. Where it knows several
    operating conditions ``settings [N, T, D]`` of the same rows. Where statistics are over time, windows have one more column,
    the last: the time since the row before, in the unit of RUL, 0 at an engine's first row and in its copies that fill up the
    front. Outputs: ``rul [N]`` in cycles, at most the cap, ``health [N, 3]``, probabilities of the states, and of every other
    task that was trained and has a column its values ``[N]`` or the probabilities of its classes ``[N, C]``, by its name, or as
    ``predicted_NAME`` where an input is called so. The file is kept only if ONNX Runtime gives torch's numbers, on batches of 1
    and 7.

    Returns:
        The largest difference found, over all outputs; of a regression in standard deviations of its label.

    Raises:
        GraceError: The extra ``onnx`` is not installed, the file cannot be written, or the numbers differ.
    """
    try:
        import onnxruntime
        import onnxscript  # noqa: F401 torch's exporter needs it
    except ImportError as error:
        raise GraceError(
            f"`--to onnx` should find its packages installed. Found no module `{error.name}`. Run pip install 'grace-rul[onnx]'."
        ) from None
    if network.spec.model == "age":
        raise GraceError(
            "A model that is exported should read windows. Found the model `age`, which reads recorded cycles. "
            "Export another, or take `grace predict`."
        )
    module = _Exported(network).eval()
    with replacing(path) as part:
        _write(module, _example(network, 2), part)
        session = onnxruntime.InferenceSession(part.read_bytes(), providers=["CPUExecutionProvider"])
        difference = max(_difference(module, session, _example(network, count)) for count in (1, 7))
        if not difference <= TOLERANCE:
            raise GraceError(
                f"{path}: ONNX Runtime should give torch's numbers to {TOLERANCE:g}. Found a difference of {difference:g}. "
                "Nothing was written."
            )
    return difference


def inputs(network: TrainedNetwork) -> dict[str, tuple[int, ...]]:
    """Names of the inputs and their shapes, but for the number of windows."""
    conditioner, window = network.members[0].conditioner, network.conventions.window
    timed = any(member.conditioner.step for member in network.members)
    shapes: dict[str, tuple[int, ...]] = {"windows": (window, len(conditioner.features) + timed)}
    if _conditions(network) > 1:
        shapes["settings"] = (window, len(conditioner.settings))
    return shapes


def _conditions(network: TrainedNetwork) -> int:
    return max(len(member.conditioner.centres) for member in network.members)


def _example(network: TrainedNetwork, count: int) -> dict[str, Tensor]:
    """Windows at random, spread as those of the training engines are."""
    generator, conditioner = torch.Generator().manual_seed(count), network.members[0].conditioner
    made = {name: torch.randn(count, *shape, generator=generator).double() for name, shape in inputs(network).items()}
    condition = torch.randint(len(conditioner.centres), made["windows"].shape[:2], generator=generator).numpy()
    mean, scale = (torch.from_numpy(getattr(conditioner, name)[condition]) for name in ("mean", "scale"))
    values, gaps = made["windows"].split([mean.shape[-1], made["windows"].shape[-1] - mean.shape[-1]], -1)
    made["windows"] = torch.cat([values * scale + mean, gaps.abs() * (conditioner.step or 1.0)], -1)  # time goes on
    if "settings" in made:
        made["settings"] = torch.from_numpy(_at_centres(conditioner, condition))
    return {name: values.float() for name, values in made.items()}


def _at_centres(conditioner: Conditioner, condition: np.ndarray) -> np.ndarray:
    unit = np.where(np.isfinite(conditioner.unit), conditioner.unit, 0.0)  # a setting that does not vary counts nothing
    found: np.ndarray = conditioner.centres[condition] * unit
    return found


def _write(module: _Exported, example: dict[str, Tensor], path: Path) -> None:
    for name in ("torch.onnx", "onnxscript", "onnx_ir"):  # they report on themselves
        logging.getLogger(name).setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module,
            tuple(example.values()),
            path,
            input_names=list(example),
            output_names=module.outputs,
            dynamic_shapes=tuple({0: torch.export.Dim("batch", min=1)} for _ in example),
            dynamo=True,
            external_data=False,
            verbose=False,
        )


@torch.no_grad()
def _difference(module: _Exported, session: object, example: dict[str, Tensor]) -> float:
    expected = module(*example.values())
    found = session.run(module.outputs, {name: values.numpy() for name, values in example.items()})  # type: ignore[attr-defined]
    pairs = zip(expected, found, module.units, strict=True)
    return float(np.max([np.abs(e.numpy() - f).max() / unit for e, f, unit in pairs]))  # NaN stays NaN
