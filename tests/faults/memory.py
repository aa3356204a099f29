"""How much memory a file of a stranger takes while it is read, in a process of its own: ``python -m tests.faults.memory``."""

from __future__ import annotations

import gc
import json
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from grace.errors import GraceError
from grace.formats import checksum
from grace.training.checkpoint import load, save
from grace.training.model_file import NETWORK, load_model
from grace.training.record import RECORD, Record
from grace.training.run import CHECKPOINT

TIMES, BESIDE = 128, 16 << 20
"""Times its size that a file may take, and bytes beside, by SECURITY.md."""
SIZE = 1 << 20
Read = Callable[[Path], object]


def _record(value: Any) -> Callable[[Path], None]:
    """A record of about :data:`SIZE` bytes: one value many times, under a checksum that fits."""
    body = {"id": "x", "history": [value] * (SIZE // (len(json.dumps(value)) + 1))}
    return lambda path: _sealed(path, body)


def _sealed(path: Path, body: dict[str, Any]) -> None:
    text = json.dumps(RECORD.header(checksum(body)) | {"body": body}, separators=(",", ":"), ensure_ascii=False)
    path.write_text(text, encoding="utf-8")


def _of_brackets(path: Path) -> None:
    path.write_bytes(b"[" * SIZE)


def _state(kind: Any, state: Any) -> Callable[[Path], None]:
    return lambda path: save(path, kind, state)


def _cases() -> dict[str, tuple[Callable[[Path], None], Read]]:
    lists, numbers, tensor = [[]] * (SIZE // 4), [0.5] * (SIZE // 5), torch.zeros(SIZE // 4)
    checkpoint: Read = lambda path: load(path, CHECKPOINT)  # noqa: E731
    values: dict[str, Any] = {
        "lists": [],
        "objects": {},
        "numbers": 1.5,
        "short texts": "a",
        "texts": "ä",
        "wide texts": "😀" * 40,
    }
    for _ in range(50):
        values |= {
            "lists in lists": [values.get("lists in lists", [])],
            "objects in objects": {"": values.get("objects in objects", {})},
        }
    records = {f"record of {name}": (_record(value), Record.read) for name, value in values.items()}
    return records | {
        "record of brackets": (_of_brackets, Record.read),
        "model of lists": (_state(NETWORK, {"spec": lists}), load_model),
        "model of numbers": (_state(NETWORK, {"spec": numbers}), load_model),
        "model of a tensor": (_state(NETWORK, {"spec": tensor}), load_model),
        "model of tensors": (_state(NETWORK, {"spec": [torch.zeros(1) for _ in range(SIZE // 200)]}), load_model),
        "checkpoint of lists": (_state(CHECKPOINT, {"id": lists}), checkpoint),
        "checkpoint of a tensor": (_state(CHECKPOINT, {"id": tensor}), checkpoint),
    }


def _status(name: str) -> int:
    (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(name)]
    return int(line.split()[1]) << 10


def taken(path: Path, read: Read) -> int:
    """Bytes by which the memory of this process grows, at most, while a file is read or refused."""
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before = _status("VmRSS")
    with suppress(GraceError):
        read(path)
    return max(0, _status("VmHWM") - before)


def main() -> None:
    """Print the size of each file and what it took, as JSON."""
    found = {}
    with TemporaryDirectory() as folder:
        for name, (write, read) in _cases().items():
            path = Path(folder) / "file"
            write(path)
            found[name] = path.stat().st_size, taken(path, read)
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
