"""The log's figures of what defines failure in the real families, made again."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from grace.data.tables.columns import Columns, TableSource
from grace.data.tables.select_columns import select_columns
from tests.command import grace as command
from tests.data.test_leaks import families, real
from tests.docs.figures import missing, text


def ends_of(table: pl.DataFrame, columns: Columns, name: str) -> tuple[float, float]:
    """Spread of a column's last values as a share of the column's own, and rows before beyond the level of nine in ten, in %."""
    table = table.sort(columns.engine, columns.time).drop_nulls(name)
    last = pl.col(columns.time) == pl.col(columns.time).max().over(columns.engine)
    ends, before = (table.filter(side)[name].to_numpy().astype(float) for side in (last, ~last))
    beyond = [np.mean(sense * before >= np.quantile(sense * ends, 0.1, method="lower")) for sense in (1, -1)]
    return float(ends.std(ddof=1) / table[name].cast(pl.Float64).std()), 100 * float(min(beyond))  # type: ignore[operator, arg-type]


def phme() -> pl.DataFrame:
    return next(table for name, table, _, _ in real() if name == "filter_phme20")


def test_spreads_and_shares() -> None:
    found, others = {}, []
    for family, table, columns, expected in real():
        for name in table.columns if family.startswith(("battery", "filter")) else ():
            if name in columns.named or not table[name].dtype.is_numeric() or not table[name].n_unique() > 1:
                continue
            if "defines" in expected.get(name, ""):
                found[family, name] = ends_of(table, columns, name)
            elif name not in expected:
                others.append(ends_of(table, columns, name)[0])
    shown = {key: f"{spread:.3f} {share:.2f}" for key, (spread, share) in found.items()}
    assert shown == {
        ("battery_tju", "soh"): "0.065 0.02",
        ("battery_hust", "capacity"): "0.020 0.34",
        ("battery_hust", "soh"): "0.020 0.34",
        ("filter_esrel22", "dp_pa"): "0.012 0.01",
        ("filter_phme20", "dp_psi"): "0.109 0.66",
        ("filter_phme20", "p_up_psi"): "0.135 0.82",
    }
    runs = phme()
    shared = np.corrcoef(runs["p_up_psi"], runs["dp_psi"])[0, 1] ** 2
    lines = [
        "of 0.012 (`dp_pa`), 0.020 (`soh` and `capacity` of battery_hust), 0.065 (`soh` of battery_tju) and 0.109 (`dp_psi`)",
        "0.01 %, 0.34 %, 0.02 % and 0.66 % of the rows before",
        "has 0.135 and 0.82 %",
        f"but for {(runs['p_up_psi'] - runs['dp_psi']).std():.2f} psi, with {shared:.1%}".replace("%", " %"),
        f"a feature has {min(others):.3f}",
    ]
    assert missing({"docs/log.md": lines}) == ""


def test_suspended_batteries_change_nothing() -> None:
    for family in ("battery_tju", "battery_hust"):
        folder = families() / family
        columns = Columns("unit", "cycle", event="failed")
        source = TableSource(folder / "cycles.csv.gz", columns, units=folder / "units.csv.gz")
        leaks = {
            n
            for n, why in select_columns(source).left_out.items()
            if why.startswith(("defines", "is ", "says", "goes"))
        }
        assert leaks == {"soh", "capacity"}


@pytest.mark.slow
def test_what_leaving_it_out_costs(tmp_path: Path) -> None:
    """The two commands of the log."""
    phme().drop("life_s").write_parquet(tmp_path / "phme.parquet")
    start = text("docs/log.md").index("grace train --table phme.parquet")
    line = text("docs/log.md")[start:].partition("`")[0].removeprefix("grace ").split()
    rmse = []
    for features in ([], ["--features", "flow_ml_min,p_down_psi,p_up_psi"]):
        done = command(*line, *features, "--to", "tree.safetensors", cwd=tmp_path, columns=150)
        found = re.search(r"out of fold +│ +([0-9.]+) ", done.stdout)
        assert found is not None, done.stderr
        rmse.append(found[1])
    assert f"an RMSE of {rmse[0]} s without it, {rmse[1]} s with" in text("docs/log.md")
