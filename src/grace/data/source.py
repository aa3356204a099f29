"""Where fleets come from: C-MAPSS files, a folder in their format, the simulation, or a table of the user's own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from grace.data.cmapss import read_test, read_train, subset_name
from grace.data.fleet import Fleet
from grace.data.rows import TableSource
from grace.data.scan import files_of
from grace.data.simulated import Simulation, simulate
from grace.data.table import read_table

SIMULATED = "simulated"


@dataclass(frozen=True)
class Tables:
    """Training engines and, where there are any, test engines in tables."""

    train: TableSource
    test: TableSource | None = None


def load_train(dataset: str, data: Path | Tables | None, dial: float = 1.0, seed: int = 0) -> Fleet:
    """Training engines by name.

    Args:
        dataset: ``FD001``..``FD004`` or NAME of a ``train_NAME.txt`` in ``data``, a folder that holds one, or ``simulated``.
        data: Folder of the files, or tables, whatever ``dataset`` says.
        dial: Of the simulation.
        seed: Of the simulation.

    Raises:
        GraceError: See :func:`grace.data.cmapss.read_train` and :func:`grace.data.table.read_table`.
    """
    if isinstance(data, Tables):
        return read_table(data.train)
    if dataset == SIMULATED:
        return simulate(Simulation(dial=dial, seed=seed))[0]
    return read_train(*subset_name(dataset, data))


def files_read(dataset: str, data: Path | Tables | None) -> tuple[Path, ...]:
    """The files that :func:`load_train` and :func:`load_test` read; none for the simulation.

    Raises:
        GraceError: As theirs, where no file is found.
    """
    if isinstance(data, Tables):
        return tuple(file for table in (data.train, data.test) if table is not None for file in files_of(table.path))
    if dataset == SIMULATED:
        return ()
    folder, name = subset_name(dataset, data)
    paths = (folder / f"{kind}_{name}.txt" for kind in ("train", "test", "RUL"))
    return tuple(path for path in paths if path.exists())


def load_test(dataset: str, data: Path | Tables | None, dial: float = 1.0, seed: int = 0) -> Fleet | None:
    """Test engines by name, or None where a folder has no ``test_NAME.txt``; arguments as :func:`load_train`.

    Raises:
        GraceError: See :func:`grace.data.cmapss.read_test` and :func:`grace.data.table.read_table`.
    """
    if isinstance(data, Tables):
        return None if data.test is None else read_table(data.test)
    if dataset == SIMULATED:
        return simulate(Simulation(dial=dial, seed=seed))[1]
    folder, name = subset_name(dataset, data)
    return read_test(folder, name) if (folder / f"test_{name}.txt").exists() else None
