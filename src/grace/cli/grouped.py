"""Groups of options, as dataclasses, that become the parameters of a command."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import fields, is_dataclass
from functools import wraps
from inspect import Parameter, Signature, signature
from typing import Any, get_type_hints

from grace.cli import work


def grouped(command: Callable[..., None]) -> Callable[..., None]:
    """A command for typer, whose parameters that are groups of options (dataclasses) become an option a field.

    Where it has a parameter ``profile``, a :data:`Profile`, that is served here.
    """
    hints = get_type_hints(command, include_extras=True)
    groups: dict[str, Any] = {name: hint for name, hint in hints.items() if is_dataclass(hint)}

    @wraps(command)
    def wrapper(**given: Any) -> None:
        made = {name: group(**{f.name: given.pop(f.name) for f in fields(group)}) for name, group in groups.items()}
        with work.profiled() if given.get("profile") else nullcontext():
            command(**made, **given)

    every = [
        p.replace(kind=Parameter.KEYWORD_ONLY, annotation=hints[p.name])
        for p in signature(command).parameters.values()
        if p.name not in groups
    ]
    every += [parameter for group in groups.values() for parameter in _parameters(group)]
    wrapper.__signature__ = Signature(every)  # type: ignore[attr-defined]
    wrapper.__annotations__ = {p.name: p.annotation for p in every}
    return wrapper


def _parameters(group: type) -> list[Parameter]:
    """One a field, those of the class itself before those of its bases."""
    hints = get_type_hints(group, include_extras=True)
    names = dict.fromkeys(name for home in group.__mro__ for name in vars(home).get("__annotations__", ()))
    return [
        Parameter(name, Parameter.KEYWORD_ONLY, default=getattr(group, name), annotation=hints[name]) for name in names
    ]
