"""State on disk: tensors in safetensors, everything else as JSON in the same file's header. Nothing is unpickled."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from grace.errors import GraceError
from grace.files import replacing

FORMAT = 1
_TENSOR = "tensor"


def save(path: Path, kind: str, state: dict[str, Any]) -> None:
    """Write a tree of dicts, lists, JSON values and tensors, whole or not at all.

    Args:
        path: The file.
        kind: What it holds, asked for again by :func:`load`.
        state: The tree; keys are strings or integers.

    Raises:
        GraceError: The file cannot be written.
    """
    tensors: dict[str, Tensor] = {}
    tree = _flatten(state, "", tensors)
    header = {"kind": kind, "format": str(FORMAT), "tree": json.dumps(tree)}
    with replacing(path) as part:
        try:
            save_file(tensors, part, metadata=header)
        except SafetensorError as error:
            raise OSError(None, str(error)) from None


def load(path: Path, kind: str, device: str = "cpu") -> dict[str, Any]:
    """Read what :func:`save` wrote.

    Raises:
        GraceError: The file is missing or damaged, or of another kind or version.
    """
    try:
        with safe_open(path, "pt", device=device) as file:
            header = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise GraceError(f"{path} should be a file that GRACE wrote. Found: {error}. Train again.") from None
    if header.get("kind") != kind or header.get("format") != str(FORMAT):
        found = f"{header.get('kind', 'no kind')}, format {header.get('format', 'none')}"
        raise GraceError(
            f"{path} should be a {kind} of format {FORMAT}. Found: {found}. Train again with this version."
        )
    tree: dict[str, Any] = _restore(json.loads(header["tree"]), tensors)
    return tree


def _flatten(value: Any, name: str, tensors: dict[str, Tensor]) -> Any:
    if isinstance(value, Tensor):
        tensors[name] = value.detach().contiguous().clone()
        return {_TENSOR: name}
    if isinstance(value, dict):
        return {"keys": [[key, _flatten(v, f"{name}/{key}", tensors)] for key, v in value.items()]}
    if isinstance(value, list | tuple):
        return [_flatten(v, f"{name}/{i}", tensors) for i, v in enumerate(value)]
    return value


def _restore(value: Any, tensors: dict[str, Tensor]) -> Any:
    if isinstance(value, dict):
        if _TENSOR in value:
            return tensors[value[_TENSOR]]
        return {key: _restore(v, tensors) for key, v in value["keys"]}
    return [_restore(v, tensors) for v in value] if isinstance(value, list) else value
