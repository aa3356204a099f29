"""Which runs a folder was asked for: what ``grace bench status`` counts where no grid is named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from grace.bench.store import Store
from grace.formats import MALFORMED, DamagedError, Format, built
from grace.training.spec import RunSpec

GRID = Format("grid", 1)


@dataclass(frozen=True)
class Planned:
    """A run by its id, and what a reader knows it by."""

    id: str
    dataset: str
    method: str
    seed: int


def plan(folder: Path, specs: Sequence[RunSpec]) -> None:
    """Add runs to those that a folder was asked for; a file that is damaged is begun anew, from its records.

    Raises:
        GraceError: It cannot be written, or a newer version wrote it.
    """
    try:
        before = planned(folder)
    except DamagedError:
        before = _recorded(folder)
    asked = [Planned(spec.id, spec.dataset, spec.method, spec.seed) for spec in specs]
    runs = {one.id: one for one in (*before, *asked)}
    GRID.write(_path(folder), {"runs": [asdict(one) for one in runs.values()]})


def planned(folder: Path) -> list[Planned]:
    """The runs that a folder was asked for; of a folder of an earlier version those that it has records of.

    Raises:
        GraceError: The file is damaged, or a newer version wrote it; or there is neither it nor a record.
    """
    path = _path(folder)
    if not path.exists():
        return _recorded(folder)
    try:
        return [built(Planned, one, str(path)) for one in GRID.read(path)["runs"]]
    except MALFORMED as error:
        raise DamagedError(path, f"{type(error).__name__} {error}") from None


def _recorded(folder: Path) -> list[Planned]:
    """The runs that have records; none of a folder that is not there yet."""
    store = Store(folder)
    if not any(store.records.glob("*.json")):
        return []
    names = ("dataset", "method", "seed")
    return [Planned(one.id, *(one.spec[name] for name in names)) for one in store.all_records()]


def _path(folder: Path) -> Path:
    return folder / "sweep.grid"  # JSON, but no record: files that end in .json are read as such
