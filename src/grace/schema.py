"""What was read as JSON is looked at before it is believed: its size, and whether every value is of the type of its field."""

from __future__ import annotations

import json
import math
import types
from collections.abc import Iterable, Mapping
from functools import cache
from sys import float_info
from typing import Any, Union, get_args, get_origin, get_type_hints

DEEPEST = 64
"""Levels of lists and objects in each other; a checkpoint's header has some 30."""
WHOLE = range(-(1 << 63), 1 << 64)
"""Whole numbers that are read."""

Words = str
"""What is wrong, ``test.rmse should be a number, found text 'x'``; empty where nothing is."""


def parsed(text: str, *, finite: bool = True) -> Any:
    """JSON values; ``finite`` refuses NaN and infinity, which are no JSON, and numbers beyond double precision or 64 bits.

    Raises:
        ValueError: It is no JSON, nested deeper than :data:`DEEPEST`, or holds such a number.
    """
    deep = ValueError(f"lists or objects nested deeper than {DEEPEST}")
    try:
        values = json.loads(text, **_NUMBERS) if finite else json.loads(text)
    except RecursionError:
        raise deep from None
    if _deeper(values, DEEPEST):
        raise deep
    return values


def _whole(text: str) -> int:
    if len(text) > 20 or (number := int(text)) not in WHOLE:
        raise ValueError(f"a whole number of more than 64 bits, {text[:20]}...")
    return number


def _float(text: str) -> float:
    if not math.isfinite(number := float(text)):
        raise ValueError(f"a number beyond double precision, {text[:20]}")
    return number


def _refused(text: str) -> float:
    raise ValueError(f"{text}, which is no number of JSON")


_NUMBERS: dict[str, Any] = {"parse_int": _whole, "parse_float": _float, "parse_constant": _refused}


def _deeper(values: Any, levels: int) -> bool:
    """Whether lists and objects lie deeper in each other, level by level and so without recursion."""
    here = [values]
    for _ in range(levels + 1):
        here = [
            v for one in here if isinstance(one, dict | list) for v in (one.values() if isinstance(one, dict) else one)
        ]
        if not here:
            return False
    return True


def fault(value: Any, hint: Any, where: str) -> Words:
    """The first value that is not of its type: of a field, an item of a list, a value of an object.

    A number of JSON is ``int`` where it is written as a whole one and ``float`` where it is finite; true and false are none. A
    ``dict[str, X]`` may stand for an object, and a ``list[X]`` for a list.

    Args:
        value: What was found.
        hint: What it should be: a type, a union, a generic one of these, or those of an object by name, where it has them.
        where: What the words call it.
    """
    if hint is Any:
        return ""
    if isinstance(hint, Mapping):
        known = {name: value[name] for name in hint if name in value} if isinstance(value, Mapping) else None
        return (
            _said(value, dict, where)
            if known is None
            else _first(fault(v, hint[n], f"{where}.{n}") for n, v in known.items())
        )
    if get_origin(hint) in (Union, types.UnionType):
        kinds = [fault(value, one, where) for one in get_args(hint)]
        inside = (
            words for words in kinds if not words.startswith(f"{where} should be ")
        )  # the right kind, wrong inside
        return "" if not all(kinds) else next(inside, _said(value, hint, where))
    if not _is(value, get_origin(hint) or hint):
        return _said(value, hint, where)
    return _fault_inside(value, get_args(hint), where)


def fault_of_fields(kind: type, values: Mapping[str, Any]) -> Words:
    """As :func:`fault`, of values of fields of a dataclass, by name; its ``STORED`` are types in files, in place of its own."""
    return _first(fault(value, _hints(kind)[name], name) for name, value in values.items())


@cache
def _hints(kind: type) -> Mapping[str, Any]:
    return get_type_hints(kind) | getattr(kind, "STORED", {})


def _first(words: Iterable[Words]) -> Words:
    return next(filter(None, words), "")


def _fault_inside(value: Any, args: tuple[Any, ...], where: str) -> Words:
    if isinstance(value, Mapping) and args:
        return _first(fault(v, args[1], f"{where}.{key}"[:60]) for key, v in value.items())
    if not isinstance(value, list | tuple) or not args:
        return ""
    each = args if isinstance(value, tuple) and args[-1] is not Ellipsis else args[:1] * len(value)
    if len(each) != len(value):
        return f"{where} should hold {len(each)} values, found {len(value)}"
    return _first(fault(v, kind, f"{where}[{i}]") for i, (v, kind) in enumerate(zip(value, each, strict=True)))


def _is(value: Any, kind: Any) -> bool:
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= float_info.max
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool) and value in WHOLE
    return value is None if kind in (None, type(None)) else isinstance(value, kind)


_NAMES = {
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    type(None): "null",
    dict: "an object",
}
_NAMES |= {list: "a list", tuple: "a list", Mapping: "an object"}


def _said(value: Any, hint: Any, where: str) -> Words:
    kinds = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
    names = dict.fromkeys(_NAMES.get(get_origin(kind) or kind, getattr(kind, "__name__", "")) for kind in kinds)
    found = _NAMES.get(type(value), type(value).__name__)
    shown = f" {value!r:.40}" if isinstance(value, str | float | int | bool) else ""
    return f"{where} should be {' or '.join(names)}, found {found}{shown}"
