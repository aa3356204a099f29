"""What tables and options may hold by accident, in files, on the screen and in what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tests.command import grace, refused

QUICK = ["--method", "rul-only", "--size", "tiny", "--epochs", "1", "--event", "failed"]
ROLES = ["--engine", "pump [/id]", "--time", "t [h]"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``pumps.csv``, whose names look like markup, and a network of it."""
    folder, rng, parts = tmp_path_factory.mktemp("pumps"), np.random.default_rng(0), []
    for pump in range(12):
        rows = int(rng.integers(25, 50))
        wear = np.arange(rows) / 50 + rng.normal(0, 0.1, rows)
        part = {"pump [/id]": [f"pump [/{pump}]"] * rows, "t [h]": np.arange(1, rows + 1), "flow [/min]": wear}
        parts.append(pl.DataFrame(part | {"[red]": rng.normal(0, 1, rows), "failed": [int(pump < 8)] * rows}))
    pl.concat(parts).write_csv(folder / "pumps.csv")
    done = grace(
        "train", "--table", "pumps.csv", *ROLES, *QUICK, "--folds", "3", "--to", "net", cwd=folder, columns=150
    )
    assert done.returncode == 0, done.stderr
    assert "flow [/min], [red]" in done.stderr
    return folder


def test_names_in_brackets_are_shown_as_they_are(folder: Path) -> None:
    far = pl.read_csv(folder / "pumps.csv").with_columns(pl.col("flow [/min]") + 100.0)
    far.write_csv(folder / "far.csv")
    shown = grace("predict", "net", "far.csv", cwd=folder, columns=200).stdout
    assert "pump [/id]" in shown
    assert "pump [/3]" in shown
    assert "flow [/min] is" in shown


def test_horizons_that_differ_in_the_seventh_digit_have_a_column_each(folder: Path) -> None:
    grace("predict", "net", "pumps.csv", "--within", "5,1000000,1000001,0.5", "--to", "out.csv", cwd=folder)
    found = pl.read_csv(folder / "out.csv")
    names = [f"fails_within_{horizon}" for horizon in ("5", "1000000", "1000001", "0.5")]
    assert [name for name in found.columns if name.startswith("fails")] == names
    assert (found["fails_within_0.5"] < found["fails_within_5"]).all()


def test_times_below_0_are_refused_before_a_training(folder: Path) -> None:
    """Of folds, whose survival is told by age; a split asks for none."""
    rows = pl.read_csv(folder / "pumps.csv").with_columns(pl.col("t [h]") - 60)
    rows.write_csv(folder / "before.csv")
    said = refused("train", "--table", "before.csv", *ROLES, *QUICK, cwd=folder)
    assert "a time should be an age of 0 or more" in said
    assert "Found -59" in said
    done = grace("train", "--table", "before.csv", *ROLES, *QUICK, "--folds", "0", "--to", "one", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert not list(folder.glob(".*checkpoint"))
