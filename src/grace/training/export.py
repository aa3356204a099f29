"""A trained network as ONNX, checked against torch before it is kept."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path

import numpy as np
import torch

from grace.errors import GraceError
from grace.files import replacing
from grace.training.model_file import TrainedNetwork

TOLERANCE = 1e-3
"""Largest difference to torch, in cycles of RUL and in logits."""


def export_onnx(network: TrainedNetwork, path: Path) -> float:
    """Write the network as ONNX: scaled ``windows [N, T, F]`` -> ``rul [N]`` in cycles, ``health [N, 3]`` logits.

    With a ``step`` of its :class:`~grace.data.conditions.Conditioner` windows have one more column, the last: the time since the
    row before in such steps, 0 at an engine's first row and in its copies that fill up the front.

    RUL is not cut at the cap in the graph. The file is kept only if ONNX Runtime gives torch's numbers, on batches of 1 and 7.

    Returns:
        The largest difference found, over both outputs.

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
    shape = (network.conventions.window, network.conditioner.columns)
    with replacing(path) as part:
        _write(network, part, shape)
        session = onnxruntime.InferenceSession(part.read_bytes(), providers=["CPUExecutionProvider"])
        difference = max(_difference(network, session, count, shape) for count in (1, 7))
        if not difference <= TOLERANCE:
            raise GraceError(
                f"{path}: ONNX Runtime should give torch's numbers to {TOLERANCE:g}. Found a difference of {difference:g}. "
                "Nothing was written."
            )
    return difference


def _write(network: TrainedNetwork, path: Path, shape: tuple[int, int]) -> None:
    example = torch.zeros(2, *shape)
    for name in ("torch.onnx", "onnxscript", "onnx_ir"):  # they report on themselves
        logging.getLogger(name).setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network.model,
            (example,),
            path,
            input_names=["windows"],
            output_names=["rul", "health"],
            dynamic_shapes=({0: torch.export.Dim("batch", min=1)},),
            dynamo=True,
            external_data=False,
            verbose=False,
        )


@torch.no_grad()
def _difference(network: TrainedNetwork, session: object, count: int, shape: tuple[int, int]) -> float:
    windows = torch.randn(count, *shape, generator=torch.Generator().manual_seed(count))
    if network.conditioner.step:
        windows[..., -1].abs_()  # time goes on
    expected = network.model(windows)
    found = session.run(["rul", "health"], {"windows": windows.numpy()})  # type: ignore[attr-defined]
    return max(float(np.abs(e.numpy() - f).max()) for e, f in zip(expected, found, strict=True))
