"""State on disk: tensors in safetensors, everything else as JSON in the same file's header. Nothing is unpickled."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, contiguous_format, uint8

from grace.clock import part
from grace.files import replacing, unreadable
from grace.formats import MALFORMED, DamagedError, Format
from grace.schema import parsed

_TENSOR = "tensor"
KINDS_1 = {"trained network": "trained network", "checkpoint of runs": "checkpoint"}
"""What files of version 1 call themselves, and their name since."""


@part("files")
def save(path: Path, kind: Format, state: dict[str, Any]) -> None:
    """Write a tree of dicts (of strings or integers), lists, JSON values and tensors, whole or not at all.

    Raises:
        GraceError: The file cannot be written.
    """
    tensors: dict[str, Tensor] = {}
    tree = json.dumps(_flatten(state, "", tensors))
    header = {name: str(value) for name, value in kind.header(_checksum(tree, tensors)).items()}
    with replacing(path) as part:
        try:
            save_file(tensors, part, metadata=header | {"tree": tree})
        except SafetensorError as error:
            raise OSError(None, str(error)) from None


def load(path: Path, kind: Format, device: str = "cpu") -> dict[str, Any]:
    """Read what :func:`save` wrote, in this version or an older one.

    Raises:
        GraceError: The file is missing or damaged, of another kind, or newer.
    """
    try:
        with safe_open(path, "pt") as file:
            header = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except OSError as error:
        raise unreadable(path, error) from None
    except SafetensorError as error:
        raise DamagedError(path, str(error)) from None
    if "kind" in header:  # version 1, from before there were checksums
        header = {**header, "format": KINDS_1.get(header["kind"], header["kind"]), "version": "1"}
    version = kind.accept(header, path)
    try:
        if "kind" not in header and header["sha256"] != _checksum(header["tree"], tensors):
            raise DamagedError(path, "its content differs from its checksum")
        tree: dict[str, Any] = _restore(
            parsed(header["tree"], finite=False), {n: t.to(device) for n, t in tensors.items()}
        )
    except MALFORMED as error:
        raise DamagedError(path, f"{type(error).__name__} {error}") from None
    return kind.migrated(tree, version, path)


def _checksum(tree: str, tensors: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256(tree.encode())
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu()
        digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}".encode())
        flat = tensor.flatten().clone(memory_format=contiguous_format)
        digest.update(flat.view(uint8).numpy().data)  # bfloat16 too
    return digest.hexdigest()


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
