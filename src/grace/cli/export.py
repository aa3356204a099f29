"""``grace export``: a trained network for other runtimes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from grace.errors import GraceError


def export(
    model: Annotated[Path, typer.Argument(help="File that `grace train` wrote.")],
    to: Annotated[str, typer.Option(help="Format; onnx is the one there is.")] = "onnx",
    output: Annotated[Path | None, typer.Option("--output", "-o", help="File; default MODEL with .onnx.")] = None,
) -> None:
    """Write a trained network as ONNX, kept only if ONNX Runtime gives torch's numbers.

    \b
      grace export FD001-grace-42.safetensors --to onnx
      grace export FD001-grace-42.safetensors --to onnx -o rul.onnx

    Input: scaled windows [N, window, features]. Outputs: RUL in cycles [N], health logits [N, 3]. Needs the extra `onnx`.
    """
    from grace.training.export import export_onnx
    from grace.training.model_file import load_model

    if to != "onnx":
        raise GraceError(f"`--to` should be onnx. Found {to!r}.")
    network = load_model(model)
    path = output or model.with_suffix(".onnx")
    difference = export_onnx(network, path)
    c = network.conventions
    print(
        f"{path}: windows [N, {c.window}, {len(c.features)}] -> rul [N], health [N, 3]; differs from torch by {difference:.1e}"
    )
