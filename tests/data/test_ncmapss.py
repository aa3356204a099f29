"""N-CMAPSS on a small file of its layout: flights summed up by hand, a part at a time."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from grace.data.cmapss import ncmapss
from grace.data.cmapss.ncmapss import read_flights
from grace.data.tables.columns import Columns, TableSource
from grace.data.tables.read import read_table
from grace.errors import GraceError

W = ["alt", "Mach", "TRA", "T2"]
X_S = [f"x{i}" for i in range(14)]
FLIGHTS = {"dev": {2: 5, 5: 4}, "test": {11: 3}}


def write_layout(path: Path) -> dict[str, dict[str, np.ndarray]]:
    """Units with flights of 30 to 60 seconds, RUL in flights; returns what was written."""
    rng = np.random.default_rng(0)
    kept: dict[str, dict[str, np.ndarray]] = {}
    with h5py.File(path, "w") as file:
        for side, units in FLIGHTS.items():
            keys = [
                [unit, cycle, 3, int(cycle > 2)]
                for unit, last in units.items()
                for cycle in range(1, last + 1)
                for _ in range(rng.integers(30, 60))
            ]
            a = np.array(keys, dtype=np.float64)
            y = np.array([[units[int(unit)] - cycle] for unit, cycle, *_ in keys], dtype=np.int64)
            kept[side] = {"A": a, "Y": y, "W": rng.normal(size=(len(a), 4)), "X_s": 500 + rng.normal(size=(len(a), 14))}
            for name, values in (*kept[side].items(), ("X_v", np.zeros((len(a), 2))), ("T", np.zeros((len(a), 2)))):
                file[f"{name}_{side}"] = values
        for name, columns in (("W_var", W), ("X_s_var", X_S), ("A_var", ["unit", "cycle", "Fc", "hs"])):
            file[name] = np.array(columns, dtype="S20")
    return kept


@pytest.mark.parametrize("chunk", [7, 100, 1 << 18])
def test_flights_are_summed_up_whatever_the_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int) -> None:
    monkeypatch.setattr(ncmapss, "CHUNK", chunk)
    written = write_layout(tmp_path / "DS02.h5")
    for side, arrays in written.items():
        found = read_flights(tmp_path / "DS02.h5", side)
        values = np.hstack([arrays["W"], arrays["X_s"]])
        expected = []
        for unit, last in FLIGHTS[side].items():
            for cycle in range(1, last + 1):
                own = (arrays["A"][:, 0] == unit) & (arrays["A"][:, 1] == cycle)
                expected.append([unit, cycle, last - cycle, *values[own].mean(axis=0), *values[own].std(axis=0)])
        np.testing.assert_allclose(found.to_numpy(), expected, rtol=1e-9, atol=1e-12)
        assert found.columns == ["unit", "cycle", "RUL", *W, *X_S, *(f"{name}_sd" for name in (*W, *X_S))]


def test_sides_are_training_and_test_engines(tmp_path: Path) -> None:
    write_layout(tmp_path / "DS02.h5")
    source = TableSource(tmp_path / "DS02.h5", Columns("unit", "cycle", target="RUL"), ("x0", "x0_sd"))
    fleet = read_table(source)
    assert (fleet.engines.tolist(), fleet.lengths.tolist(), fleet.last_rul.tolist()) == ([2, 5], [5, 4], [0, 0])
    assert read_table(TableSource(source.path, source.columns, source.values, side="test")).engines.tolist() == [11]


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(GraceError, match=r"should be an N-CMAPSS file. Found none"):
        read_flights(tmp_path / "missing.h5", "dev")
    (tmp_path / "text.h5").write_text("no hdf5")
    with pytest.raises(GraceError, match=r"should be an N-CMAPSS file with W, X_s, Y and A for dev"):
        read_flights(tmp_path / "text.h5", "dev")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["W_var"] = np.array(W, dtype="S20")
    with pytest.raises(GraceError, match=r"should be an N-CMAPSS file with W, X_s, Y and A for test"):
        read_flights(tmp_path / "other.h5", "test")
