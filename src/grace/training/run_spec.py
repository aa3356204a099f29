"""A spec from a few names: a method, or its axes, a size, tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from grace.controllers.controller import Controller
from grace.controllers.methods import Method, build_outer
from grace.data.conventions import Conventions
from grace.data.tasks import Task
from grace.errors import GraceError
from grace.models.cnn_bilstm_attention import Architecture, kind_of
from grace.models.rul_problem import usual_size
from grace.models.units import HAZARD
from grace.training.fitted import NETWORK, model_of
from grace.training.schedule import Schedule, horizon
from grace.training.spec import SEEDS, RunSpec, frozen

UNIFORM = 1e-6
"""By how much weights of 1 / K may differ, which are those of however many tasks."""
RUL_SCALE = {"statistics": "cap-head", "quantiles": "cap-head"}
"""What a size takes for ``rul_scale`` unless another is named; the others take ``cycles``. Its schedule has its name."""

if TYPE_CHECKING:
    from typing_extensions import TypedDict, Unpack

    class Choices(TypedDict, total=False):
        """Fields of :class:`RunSpec` that :func:`run_spec` hands on as they are."""

        model: str
        protocol: str
        folds: int
        start: int
        suspended: str
        conventions: Conventions
        validation_share: float
        validation_cuts: int
        max_validation_rul: int | float
        measure_on: str
        watch_test: bool
        precision: str
        train_sha256: str
        test_sha256: str


def run_spec(
    dataset: str,
    method_name: str | None = None,
    *,
    outer: str | None = None,
    inner: str | None = None,
    options: Mapping[str, object] | None = None,
    measure_every: int | None = None,
    size: str | None = None,
    schedule: str | Schedule | None = None,
    rul_scale: str | None = None,
    seed: int = SEEDS[0],
    tasks: Sequence[Task] | None = None,
    **choices: Unpack[Choices],
) -> RunSpec:
    """A spec from a method by name, from an outer and an inner axis, or from a method with one axis replaced.

    Args:
        dataset: Name of the data set.
        method_name: Row of the table, or a baseline; default ``grace`` where neither axis is given, else ``baseline``; with tasks
            other than the health states by RUL ``fixed-0.1``.
        outer: Replaces the row's outer axis and its options.
        inner: Replaces the row's inner axis.
        options: Parameters of the outer axis, over those of the row.
        measure_every: Steps between two Gramians; None: the outer axis' own.
        size: Size of the network; None: :func:`~grace.models.rul_problem.usual_size`.
        schedule: A schedule or its name; None: the one named as the size, of a narrow one as its wide one. A named one's horizon
            follows the cap, as validation's.
        rul_scale: Unit of the RUL head and its loss; None: of ``suspended`` hazard, of the row, or of the size.
        seed: Seed of the split, the initialisation, the order of batches and the dropout.
        tasks: Tasks beside RUL; None: those of the conventions. Where weights are fixed, a task's own is taken for the method's;
            one of weight 0 is left out beside others: its column is no feature, and the network has no head for it.
        choices: Further fields of :class:`RunSpec`.

    Raises:
        GraceError: An unknown name, a field out of its range, or a method together with a baseline.
    """
    model = model_of(choices.get("model", NETWORK), method_name, outer, inner, options)
    if model != NETWORK:
        choices, method_name = choices | {"model": model}, None
    conventions = choices.get("conventions", Conventions())
    tasks = _with_weight(conventions.tasks if tasks is None else tasks)
    conventions = replace(conventions, tasks=tuple(replace(task, weight=None) for task in tasks))
    usual = "grace" if conventions.tasks == Conventions.tasks else "fixed-0.1"
    row = Method.named(method_name or ("baseline" if outer or inner else usual))
    merged: dict[str, Any] = ({} if outer else dict(row.options)) | dict(options or {})
    outer = outer or row.outer
    merged |= _own_weights(tasks, outer, merged.get("weights"))
    choices = choices | {"conventions": conventions}
    size = size or usual_size(conventions)
    Architecture.named(size)  # an unknown size is told as that, before a schedule is looked for under its name
    plan, cap = schedule or kind_of(size), conventions.cap
    choices = {"max_validation_rul": horizon(RunSpec.max_validation_rul, cap)} | choices
    unit = HAZARD if choices.get("suspended") == HAZARD else row.rul_scale or RUL_SCALE.get(kind_of(size), "cycles")
    return RunSpec(
        dataset=dataset,
        outer=outer,
        inner=inner or row.inner,
        options=tuple((key, frozen(value)) for key, value in sorted(merged.items())),
        size=size,
        schedule=Schedule.named(plan, cap) if isinstance(plan, str) else plan,
        rul_scale=unit if rul_scale is None else rul_scale,
        seed=seed,
        measure_every=_controller(outer, 1 + len(tasks), merged).measure_every
        if measure_every is None
        else measure_every,
        **choices,
    )


def with_tasks(spec: RunSpec, tasks: Sequence[Task]) -> RunSpec:
    """The spec with other tasks beside RUL; fixed weights are those of RUL and, unless a task has its own, of the second task.

    Raises:
        GraceError: See :func:`run_spec`.
    """
    tasks = _with_weight(tasks)
    conventions = replace(spec.conventions, tasks=tuple(replace(task, weight=None) for task in tasks))
    options, weights = dict(spec.options), dict(spec.options).get("weights")
    if weights is not None:
        uniform = abs(sum(weights) - 1) < UNIFORM and max(weights) - min(weights) < UNIFORM
        options["weights"] = None if uniform else (weights[0], weights[-1])
    options |= _own_weights(tasks, spec.outer, options.get("weights"))
    return replace(spec, conventions=conventions, options=tuple(sorted(options.items())))


def _with_weight(tasks: Sequence[Task]) -> tuple[Task, ...]:
    """Tasks but for those of weight 0; all of them where none has another weight, which is RUL alone."""
    return tuple(task for task in tasks if task.weight != 0) or tuple(tasks)


def _controller(outer: str, tasks: int, options: dict[str, Any]) -> Controller:
    """The outer axis with its options, weights filled up for so many tasks."""
    return build_outer(outer, tasks, **Method(outer, "mse", options).resolved(tasks))


def _own_weights(tasks: Sequence[Task], outer: str, weights: tuple[float, ...] | None) -> dict[str, Any]:
    """Fixed weights in which tasks that have weights of their own have these; nothing where none has."""
    if all(task.weight is None for task in tasks):
        return {}
    if outer != "fixed":
        name = next(task.name for task in tasks if task.weight is not None)
        raise GraceError(
            f"The weight of task {name} should stand with fixed weights. Found the outer axis {outer}, which weighs by itself. "
            "Take --method fixed-0.1, or leave the weight out."
        )
    known = list(weights or ())
    if known[1:] and not any(known[1:]):
        return {}  # RUL alone trains no task, whatever weight it has elsewhere
    rest = known[1:] if len(known) == 1 + len(tasks) else [known[-1] if known else 1.0] * len(tasks)
    own = [usual if task.weight is None else task.weight for task, usual in zip(tasks, rest, strict=True)]
    return {"weights": (known[0] if known else 1.0, *own)}
