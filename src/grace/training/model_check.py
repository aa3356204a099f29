"""What the file of a trained network has to hold before any of it is believed: shapes, ranges and finite numbers.

A checksum says that a file is as somebody wrote it, not that GRACE did. Nothing here allocates more than the file's own tensors.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from grace.schema import fault
from grace.training.conformal import KNOTS, PARTS

_TENSORS = dict[str, Tensor]
_STATE = {
    "spec": dict[str, Any],
    "members": list[dict[str, Any]],
    "interval": {"level": float, **dict.fromkeys(("size", "member", "score", "weight"), Tensor)},
    "survival": dict[str, Any] | None,
    "table": list[str],
}
_MEMBER = {
    "weights": _TENSORS,
    "conditioner": {
        "features": list[str],
        "step": float,
        **dict.fromkeys(("unit", "centres", "mean", "scale", "low", "high"), Tensor),
    },
}
_ENDLESS = ("threshold",)
"""Ends of the names of tensors that may be infinite: of a tree whose split is on missing values."""


def check_state(state: Any) -> None:
    """Refuse the state of a file whose parts are missing, of another type, shape or range, or not finite.

    Raises:
        KeyError: A part is missing.
        ValueError: What is wrong, in words.
    """
    _need(not (words := fault(state, _STATE, "state")), words)
    members, interval = state["members"], state["interval"]
    _need(bool(members), "members should be at least one network, found none")
    for number, member in enumerate(members):
        where = f"members[{number}]"
        _need(not (words := fault(member, _MEMBER, where)), words)
        _check_conditioner(member["conditioner"], where)
        for name, tensor in member["weights"].items():
            _check_weights(f"{where}.{name}", tensor)
    features = members[0]["conditioner"]["features"]
    _need(all(one["conditioner"]["features"] == features for one in members), "members should have the same features")
    _check_interval(interval, len(members))
    if state.get("survival") is not None:
        _check_survival(state["survival"])


def _check_weights(name: str, found: Tensor) -> None:
    _finite(name, found.nan_to_num(nan=torch.nan) if name.endswith(_ENDLESS) else found)
    if name.endswith("scale"):
        _need(bool((found > 0).all()), f"{name} should be above 0")
    if name.endswith("running_var"):
        _need(bool((found >= 0).all()), f"{name} should be at least 0")


def _check_conditioner(found: Mapping[str, Any], where: str) -> None:
    """Scaling of ``F`` features in ``k`` conditions, which ``D`` settings tell."""
    features = len(found["features"])
    _need(0 < features == len(set(found["features"])), f"{where}.features should be names, each once, found {features}")
    conditions, settings = _shape(f"{where}.centres", found["centres"], None, None)
    _shape(f"{where}.unit", found["unit"], settings)
    for name in ("mean", "scale"):
        _shape(f"{where}.{name}", found[name], conditions, features)
    for name in ("centres", "mean", "scale"):
        _finite(f"{where}.{name}", found[name])
    for name in ("unit", "scale"):  # a setting that does not vary has an infinite unit
        _need(bool((found[name] > 0).all()), f"{where}.{name} should be above 0")
    for name in ("low", "high"):
        if name in found:
            _shape(f"{where}.{name}", found[name], 2, features)
    _need(found.get("step", 0.0) >= 0, f"{where}.step should be at least 0, found {found.get('step', 0.0):g}")


def _check_interval(found: Mapping[str, Any], members: int) -> None:
    """Expected sizes of errors of ``K`` members, and the scores of ``M`` windows."""
    count, _ = _shape("interval.size", found["size"], None, KNOTS)
    fits = 1 <= count <= PARTS if members == 1 else count == members
    _need(fits, f"interval.size should be of {members} networks, found {count}")
    (windows,) = _shape("interval.score", found["score"], None)
    for name in ("member", "weight"):
        _shape(f"interval.{name}", found[name], windows)
    for name in ("size", "score", "weight"):
        _finite(f"interval.{name}", found[name])
        _need(bool((found[name] >= 0).all()), f"interval.{name} should be at least 0")
    member = found["member"]
    _need(
        member.dtype == torch.int64 and bool(((member >= 0) & (member < count)).all()),
        f"interval.member should be below {count}",
    )
    total = float(found["weight"].sum())
    _need(total <= 1 + 1e-6, f"interval.weight should sum to at most 1, found {total:g}")


def _check_survival(found: Mapping[str, Any]) -> None:
    """Curves of ``N`` landmarks at ``K`` edges, and of the fleet; facts of ``U`` units."""
    hints = dict.fromkeys((*_OF_LANDMARKS, *_OF_UNITS, "values", "edges", "fleet"), Tensor)
    _need(not (words := fault(found, hints | {"share": float, "goes_on": bool}, "survival")), words)
    _need(0 <= found["share"] <= 1, f"survival.share should be in [0, 1], found {found['share']:g}")
    (edges,) = _shape("survival.edges", found["edges"], None)
    (landmarks, _), (units,) = (
        _shape("survival.values", found["values"], None, edges),
        _shape("survival.fold", found["fold"], None),
    )
    _shape("survival.fleet", found["fleet"], edges)
    for names, length in ((_OF_LANDMARKS, landmarks), (_OF_UNITS, units)):
        for name in names:
            _shape(f"survival.{name}", found[name], length)
    for name in ("values", "edges", "fleet", "time", "age", "entry", "end"):
        _finite(f"survival.{name}", found[name])
    _need(edges > 1 and bool((found["edges"].diff() > 0).all()), "survival.edges should ascend")
    for name in ("values", "fleet"):
        curve = found[name]
        _need(bool(((curve >= 0) & (curve <= 1)).all()), f"survival.{name} should be in [0, 1]")
    unit = found["unit"]
    _need(bool(((unit >= 0) & (unit < units)).all()), f"survival.unit should be below {units}")


_OF_LANDMARKS = ("time", "event", "unit", "age")
_OF_UNITS = ("entry", "end", "failed", "fold")


def _shape(name: str, found: Tensor, *lengths: int | None) -> tuple[int, ...]:
    """Of a tensor; None stands for any length."""
    shape = tuple(found.shape)
    fits = len(shape) == len(lengths) and all(want in (None, have) for want, have in zip(lengths, shape, strict=True))
    _need(fits, f"{name} should be of shape {[n if n is not None else 'any' for n in lengths]}, found {list(shape)}")
    return shape


def _finite(name: str, found: Tensor) -> None:
    _need(bool(torch.isfinite(found).all()), f"{name} should be finite, found NaN or infinity")


def _need(holds: bool, words: str) -> None:
    if not holds:
        raise ValueError(words)
