"""Damage by seed: of bytes, of lines and fields of text, and of values in a tree, whatever it is written as."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

Rng = np.random.Generator
NUMBERS = (
    "nan",
    "inf",
    "-inf",
    "1e400",
    "-1",
    "0.5",
    "99999999999999999999",
    "9223372036854775808",
    "1e19",
    "-0",
    "1_0",
    "٣",
    "0x10",
    "",
    "1,5",
)
"""Texts in place of a number."""
VALUES = (
    None,
    True,
    -1,
    0,
    2.5,
    1e300,
    2**63,
    10**400,
    float("nan"),
    float("inf"),
    "",
    "x",
    "1",
    [],
    [[]],
    {},
    {"a": 1},
    [None] * 3,
)
"""Values in place of another."""


def damaged(rng: Rng, content: bytes) -> bytes:
    """One change of bytes: as a disk, a broken transfer or an editor makes it."""
    found, size = bytearray(content), len(content)
    at, length = int(rng.integers(size)), int(rng.integers(1, 64))
    kind = int(rng.integers(7))
    if kind == 0:
        found[at] ^= 1 << int(rng.integers(8))
    elif kind == 1:
        found[at : at + length] = bytes(len(found[at : at + length]))
    elif kind == 2:
        del found[at : at + length]
    elif kind == 3:
        del found[at:]
    elif kind == 4:
        found[at:at] = rng.bytes(length)
    elif kind == 5:
        found[at:at] = found[at : at + length]
    else:
        found[at : at + length] = rng.bytes(len(found[at : at + length]))
    return bytes(found)


def of_lines(rng: Rng, content: bytes, separator: str) -> bytes:
    """One change of a text table: a field, a line, their order, their ends, their encoding."""
    lines = content.decode().split("\n")
    at = int(rng.integers(len(lines) - 1))
    fields = lines[at].split(separator)
    kind, other = int(rng.integers(10)), int(rng.integers(len(lines) - 1))
    if kind < 3:
        fields[int(rng.integers(len(fields)))] = str(rng.choice(NUMBERS))
        lines[at] = separator.join(fields)
    elif kind == 3:
        lines[at] = separator.join(fields[: int(rng.integers(len(fields)))])
    elif kind == 4:
        lines[at] += separator + "1"
    elif kind == 5:
        lines[at], lines[other] = lines[other], lines[at]
    elif kind == 6:
        lines.insert(at, lines[other])
    elif kind == 7:
        del lines[at]
    elif kind == 8:
        ends = ("\r\n", "\r", separator, "\n\n", "\u2028", "\n ")
        return str(rng.choice(ends)).join(lines).encode()
    else:
        return "\n".join(lines).encode(str(rng.choice(["utf-16", "utf-8-sig", "utf-32"])))
    return "\n".join(lines).encode()


def places(tree: Any) -> Iterator[tuple[Any, Any]]:
    """Every container of a tree with every key of it."""
    for key in tree if isinstance(tree, dict) else range(len(tree)) if isinstance(tree, list) else ():
        yield tree, key
        yield from places(tree[key])


def of_tree(rng: Rng, tree: Any, change: Callable[[Rng, Any], Any]) -> str:
    """Change, drop or double one value of a tree of dicts and lists in place; what was changed, in words."""
    every = list(places(tree))
    home, key = every[int(rng.integers(len(every)))]
    kind = int(rng.integers(5))
    if kind == 0:
        del home[key]
    elif kind == 1 and isinstance(home, list):
        home.append(home[key])
    else:
        home[key] = change(rng, home[key])
    return f"{key} of {type(home).__name__}"


def another(rng: Rng, value: Any) -> Any:
    """A value of another type or size."""
    return VALUES[int(rng.integers(len(VALUES)))]


Damage = Callable[[Rng, bytes], bytes]


def written(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def of_bytes(name: str, content: Callable[[], bytes], *ways: Damage) -> Callable[[Rng, Path], Path]:
    """Damage of a file's bytes, in one of some ways."""

    def damage(rng: Rng, folder: Path) -> Path:
        return written(folder, name, ways[int(rng.integers(len(ways)))](rng, content()))

    return damage
