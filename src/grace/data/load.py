"""Where fleets come from: C-MAPSS files, a folder in their format, the simulation, a table of the user's own, or a frame."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from grace.clock import part
from grace.data.cmapss.fleets import read_plain, read_test, read_train, subset_name
from grace.data.fleet import SETTINGS, Fleet
from grace.data.simulated.fleet import Simulation, simulate
from grace.data.tables.columns import TEST, Columns, TableSource
from grace.data.tables.read import read_table
from grace.data.tables.scan import ENDINGS, Frame, files_of, scan
from grace.data.tables.text import ending
from grace.data.tables.units import with_unit_labels, with_units
from grace.data.tasks import Task
from grace.errors import GraceError, ReadingError, UnitError

SIMULATED = "simulated"
CMAPSS = Columns("engine", "cycle", settings=SETTINGS)
"""Columns of a table with the names of C-MAPSS."""


@dataclass(frozen=True)
class WithUnits:
    """C-MAPSS files, or the simulation, of whose training engines a table says which failed.

    Attributes:
        folder: Folder of the files.
        units: Table of one row an engine.
        engine: Its column of engine numbers.
        event: Its column of events: 1 failed at the last row, 0 suspended. A table with labels may do without ``event``: then
            all engines failed.
        group: Its column of groups; empty: there is none.
        tasks: Tasks whose columns it has: each label is that of all rows of an engine.
    """

    folder: Path | None
    units: Path
    engine: str = "engine"
    event: str = "event"
    group: str = ""
    tasks: tuple[Task, ...] = ()


Source = Path | TableSource | WithUnits | None
"""Where the engines of a named data set lie."""


def as_fleet(
    data: Fleet | TableSource | str | Path | Frame,
    columns: Columns | None = None,
    features: tuple[str, ...] = (),
    side: str = "",
    leave_out: type[UnitError] | None = None,
    tasks: tuple[Task, ...] = (),
) -> Fleet:
    """Engines of whatever they come in: new ones, whose RUL is not known, or those of a training.

    Args:
        data: A fleet, which stays as it is, a file or folder, a frame of polars or pandas, or a source.
        columns: Roles of a table's columns; None: text in the format of C-MAPSS, or a table with its names ``engine``,
            ``cycle``, ``setting_1`` to ``setting_3``, whose cycles follow without gap.
        features: Columns that have to be there, besides the settings; none: all numeric ones without a role.
        side: Empty: new engines, of which no column is read that tells of their end or group, and of N-CMAPSS the test side.
            ``dev`` or ``test``: training or test engines, with all that the roles name, and that side of N-CMAPSS.
        leave_out: As of :func:`~grace.data.tables.read.read_table`.
        tasks: Tasks whose labels are read, of training engines settled; of others where their columns are there.

    Raises:
        GraceError: See :func:`~grace.data.tables.read.read_table` and :func:`~grace.data.cmapss.fleets.read_plain`.
    """
    if isinstance(data, Fleet):
        return data
    native = columns is None and not isinstance(data, TableSource)
    if native and isinstance(data, str | Path) and ending(Path(data)) not in ENDINGS:
        return read_plain(Path(data))
    if isinstance(data, str | Path):
        data = TableSource(Path(data), columns or CMAPSS, features)
    roles = data.columns if isinstance(data, TableSource) else columns or CMAPSS
    roles = roles if side else replace(roles, target="", event="", group="", duration="")
    if isinstance(data, TableSource):
        units = data.units if side else None
        source = replace(data, columns=roles, side=side or TEST, units=units, of_units=(), tasks=tasks)
        fleet = read_table(source, leave_out=leave_out)
    else:
        fleet = read_table(data, roles, features, leave_out, tasks=tasks)
    return _counted(fleet, leave_out is UnitError) if native else fleet


def _counted(fleet: Fleet, leave_out: bool) -> Fleet:
    """A fleet of C-MAPSS's columns, whose RUL follows from the count of rows; engines with gaps are left out, or refused."""
    if isinstance(fleet.time, np.ndarray) and len(parts := np.flatnonzero(fleet.time != np.rint(fleet.time))):
        owner = fleet.engines[fleet.engine_at(parts[:1])[0]]
        raise GraceError(
            f"{fleet.name}, engine {owner}: a cycle should be a whole number. Found {fleet.time[parts[:1]][0]:g}. "
            "Restore the rows."
        )
    steps = np.diff(fleet.rul())
    gap = steps != -1
    gap[fleet.starts[1:-1] - 1] = False
    if gap.any():
        owner, first = np.unique(fleet.engine_at(np.flatnonzero(gap)), return_index=True)
        found = -steps[np.flatnonzero(gap)[first]]
        rule = "the cycles should follow without gap or repeat. Found a step of"
        if not leave_out or len(owner) == len(fleet.engines):
            raise GraceError(f"{fleet.name}, engine {fleet.engines[owner[0]]}: {rule} {found[0]:g}. Restore the rows.")
        faults = {fleet.engines[e].item(): f"{rule} {step:g}" for e, step in zip(owner, found, strict=True)}
        fleet = fleet.select(np.setdiff1d(np.arange(len(fleet.engines)), owner))
        fleet = replace(fleet, left_out=dict(fleet.left_out) | faults)
    return replace(fleet, row_rul=None, last_time=None, row_time=None, time=None)


@part("reading")
def load_train(dataset: str, data: Source, dial: float = 1.0, seed: int = 0) -> Fleet:
    """Training engines by name.

    Args:
        dataset: ``FD001``..``FD004`` or NAME of a ``train_NAME.txt`` in ``data``, a folder that holds one, or ``simulated``.
        data: Folder of the files, with a table of units or without, or a table, whatever ``dataset`` says.
        dial: Of the simulation, as its ``seed``.
    """
    if isinstance(data, TableSource):
        return read_table(data, leave_out=ReadingError)
    if isinstance(data, WithUnits):
        fleet = load_train(dataset, data.folder, dial, seed)
        if named := _named(data):
            fleet = with_units(fleet, data.units, data.engine, named)
        return with_unit_labels(fleet, data.units, data.engine, data.tasks)
    if dataset == SIMULATED:
        return simulate(Simulation(dial=dial, seed=seed))[0]
    return read_train(*subset_name(dataset, data))


def _named(data: WithUnits) -> dict[str, str]:
    """Role and column of what is read of a table of units beside labels."""
    labelled = any(task.column for task in data.tasks)
    untold = labelled and data.event == WithUnits.event and data.event not in scan(data.units).schema
    named = {"event": "" if untold else data.event, "group": data.group}
    return {role: name for role, name in named.items() if name}


@part("reading")
def load_test(dataset: str, data: Source) -> Fleet | None:
    """Test engines by name, or None where a folder has no ``test_NAME.txt``; arguments as :func:`load_train`."""
    if isinstance(data, TableSource):
        return None if data.test_source is None else read_table(data.test_source)
    if isinstance(data, WithUnits):
        return load_test(dataset, data.folder)
    if dataset == SIMULATED:
        return simulate(Simulation())[1]
    folder, name = subset_name(dataset, data)
    return read_test(folder, name) if (folder / f"test_{name}.txt").exists() else None


def files_read(dataset: str, data: Source) -> tuple[Path, ...]:
    """The files that :func:`load_train` and :func:`load_test` read; none for the simulation."""
    if isinstance(data, TableSource):
        paths = (data.path, data.test, data.units)
        return tuple(file for path in paths if path is not None for file in files_of(path))
    if isinstance(data, WithUnits):
        return (*files_read(dataset, data.folder), *files_of(data.units))
    if dataset == SIMULATED:
        return ()
    folder, name = subset_name(dataset, data)
    texts = (folder / f"{kind}_{name}.txt" for kind in ("train", "test", "RUL"))
    return tuple(path for path in texts if path.exists())
