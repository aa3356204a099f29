"""RUL, health state and interval of new engines, from a trained network."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from grace.data.conventions import Conventions
from grace.data.fleet import Fleet
from grace.data.load import as_fleet
from grace.data.tables.scan import Frame
from grace.data.tables.spared import said_of_left_out
from grace.data.tables.table import SECONDS
from grace.data.tasks import REGRESSION
from grace.data.windows import Windows
from grace.errors import GraceError, GraceWarning, UnitError
from grace.models.baselines import input_of
from grace.survival.replacement import Costs
from grace.training.evaluate import Predictions
from grace.training.forecast import Forecast as Forecast
from grace.training.maintenance import Ahead, ahead, check_asked, said_of_failures
from grace.training.marks import Marks, time_at
from grace.training.model_file import TrainedNetwork


def predict(
    network: TrainedNetwork,
    engines: Fleet | Path | str | Frame,
    every: int | None = None,
    *,
    within: Sequence[float] = (),
    costs: Costs | None = None,
) -> Forecast:
    """Predict every engine from its last window; a short engine is padded at the front, as in training.

    An engine that cannot be read (a reading that is no finite number, a column that was never read, a time that stands twice) is
    left out, with a warning, and the others are predicted. A missing reading is carried on from the engine's last one.

    Args:
        network: A trained network, of :func:`grace.load_model`.
        engines: A fleet; a file (C-MAPSS text, or a table by its ending) or a frame of polars or pandas with the columns that the
            network was trained on: those of its table, or ``engine``, ``cycle``, ``setting_1``..``setting_3`` and its sensors.
            Other columns do no harm, and an RUL is not asked for.
        every: Predict at inspections, ``every`` rows apart counted back from the engine's last row: what the network would have
            said of the table cut after that row. None: at the last row alone.
        within: Horizons, in the unit of RUL: the probability to fail within each is given, beyond the cap by hazards alone.
        costs: Of a failure and of a planned replacement: dates of replacement are given, by a network that was trained in folds.

    Returns:
        The predictions as arrays (``engine``, ``cycle``, ``rul``, ``low``, ``high``, ``health``, ``note``, each ``[N]``, and
        ``probability [N, 3]``; ``tasks`` by name), with ``left_out``; ``to_polars()`` and ``to_pandas()`` give them as a frame.

    Raises:
        GraceError: A column that the network was trained on is missing, no engine can be read, ``every`` is below 1, or
            the network cannot tell what is asked (:func:`grace.training.maintenance.check_asked`).

    Warns:
        GraceWarning: Engines are left out, or failures are predicted by a network that learned from failed units alone.
    """
    check_asked(network, within, costs)
    features, columns = network.members[0].conditioner.features, network.conventions.table
    fleet = as_fleet(engines, columns, features, leave_out=UnitError)
    fleet.need(features)
    ends = fleet.starts[1:] - 1 if every is None else _inspections(fleet, every)
    marks = Marks(fleet, ends, features, network.conventions.window, "cycle" if columns is None else columns.time)
    waited = np.zeros(len(ends)) if fleet.stops is None else _held(fleet, ends, network.conventions.unit)
    windows, each = _predicted(network, fleet, ends, marks)
    found, rul = Predictions.mean(each, network.spec), np.stack([one.rul for one in each])
    sides = _at_the_stop(np.stack([found.rul, *network.interval.ends(rul)]), waited, network.conventions.cap)
    if not network.spec.trains("rul"):
        sides[:] = np.nan
    told = ahead(network, windows, rul, fleet.age_at(ends), waited, within, costs)
    for line in (*said_of_left_out(fleet.left_out), *(said_of_failures(network) if told.columns else [])):
        warnings.warn(f"{fleet.name}: {line}", GraceWarning, 2)
    probability = found.probability if network.spec.trains("health") else None
    engine, time = fleet.engines[fleet.engine_at(ends)], time_at(fleet, ends)
    notes = _with_untold(marks.notes(), told, waited, network.conventions)
    known = engine, time, sides[0], sides[1], sides[2], found.health, notes, probability
    return Forecast(*known, fleet.left_out, network.conventions, _tasks(network, found), told)


def _with_untold(
    notes: NDArray[np.object_], told: Ahead, waited: NDArray[np.float64], conventions: Conventions
) -> NDArray[np.object_]:
    """The notes ``[N]``, and why of some units not all that was asked is told: rows that hold until long after their start."""
    end = f"failures are told up to {conventions.cap:g} {conventions.unit} after the start of the row"
    found: NDArray[np.object_] = notes.copy()
    for i in np.flatnonzero(told.untold(len(notes))):
        found[i] = "; ".join(filter(None, (notes[i], f"{end}, which stopped {waited[i]:.6g} after it")))
    return found


def _tasks(network: TrainedNetwork, found: Predictions) -> dict[str, NDArray[np.float64]]:
    """What is said of the tasks with columns of their own: values ``[N]`` or probabilities ``[N, C]``."""
    with_column = {task.name: task.kind for task in network.conventions.tasks if task.column}
    wide = {name: values.astype(np.float64) for name, values in found.tasks.items() if name in with_column}
    return {name: values[:, 0] if with_column[name] == REGRESSION else values for name, values in wide.items()}


def _predicted(
    network: TrainedNetwork, fleet: Fleet, ends: NDArray[np.int64], marks: Marks
) -> tuple[list[Windows], list[Predictions]]:
    """The windows that end at ``ends`` as each member reads them, and its predictions; the marks look at the rows."""
    read, every = [], []
    for member in network.members:
        rows = member.conditioner.transform(fleet)
        marks.look(member.conditioner.seen, rows)
        windows = Windows.ending_at(fleet, rows, ends, network.conventions)
        read.append(windows)
        every.append(Predictions.of(member.model, input_of(member.model, windows), network.spec))
    return read, every


def _inspections(fleet: Fleet, every: int) -> NDArray[np.int64]:
    """Every ``every``-th row of each engine counted back from its last one, in order, ``[N]``."""
    if every < 1:
        raise GraceError(f"`every` should be at least 1 row. Found {every}.")
    row = np.arange(len(fleet.values))
    return np.flatnonzero((fleet.starts[fleet.engine_at(row) + 1] - 1 - row) % every == 0)


def _held(fleet: Fleet, rows: NDArray[np.int64], unit: str) -> NDArray[np.float64]:
    """Time from the start of some rows to their stop, in the unit of RUL, ``[N]``."""
    engine = fleet.engine_at(rows)
    last = fleet.starts[engine + 1] - 1
    if fleet.row_time is None or fleet.time is None or fleet.stops is None:
        if (rows != last).any():
            raise GraceError(
                f"{fleet.name}: inspections should have the stop of each row. Found the last ones alone, of rows on the disk. "
                "Predict the file itself."
            )
        return fleet.held
    before: NDArray[Any] = fleet.row_time[last] - fleet.row_time[rows]
    if before.dtype.kind == "m":
        before = before / np.timedelta64(1, "s") / SECONDS[unit]
    return np.asarray(fleet.stops[engine] - before - fleet.time[rows], dtype=np.float64)


def _at_the_stop(sides: NDArray[np.float64], held: NDArray[np.float64], cap: float) -> NDArray[np.float64]:
    """RUL and interval ``[3, N]``, which hold at the start of each row, at its stop: less by the time between, ``held [N]``, at
    least 0; an upper end at the cap, "the cap or more", stays there."""
    found = np.maximum(sides - held, 0.0)
    found[2] = np.where(sides[2] >= cap, cap, found[2])
    return found
