"""Windows of 60 rows against 30 % of the rows of a life, out of fold: python benchmarks/long_windows.py --data FLEETS

Real families with lives of many rows, scales by Conventions.scaled_to, RUL alone by the network on statistics, ten folds, one
seed. Statistics are over the last 1/12, 1/4, 1/2 and all of a window's rows: 5, 15, 30 and 60 of 60. RMSE at random cuts in
units of the cap. The table stands in docs/log.md.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np

from grace.core.pools import on_one_thread
from grace.data.conventions import ROWS_SHARE, Conventions
from grace.data.fleet import Fleet
from grace.data.tables.columns import Columns, TableSource
from grace.data.tables.read import read_table
from grace.data.tables.select_columns import select_columns
from grace.models.cnn_bilstm_attention import SIZES
from grace.models.window_statistics import StatisticsArchitecture
from grace.training.run import train
from grace.training.run_spec import run_spec

FAMILIES = {  # table, its time, and what defines failure there or is RUL itself
    "bearing_femto": ("features", "t_s", ("idx",)),
    "battery_hust": ("cycles", "cycle", ("soh", "capacity")),
    "filter_esrel22": ("runs", "time_s", ("rul_s", "dp_pa")),
    "filter_phme20": ("runs", "time_s", ("dp_psi", "p_up_psi")),
}
USUAL = Conventions.window


def opened(family: str, data: Path) -> tuple[TableSource, Fleet]:
    """A family's table, without the columns that say RUL."""
    table, time, without = FAMILIES[family]
    source = select_columns(TableSource(data / family / f"{table}.csv.gz", Columns("unit", time)))
    source = replace(source, features=tuple(name for name in source.features if name not in without))
    return source, read_table(source)


def error(source: TableSource, fleet: Fleet, window: int) -> float:
    """Out-of-fold RMSE with windows of so many rows, in units of the cap."""
    lengths = tuple(round(window * length / USUAL) for length in StatisticsArchitecture.lengths)
    SIZES["statistics"] = StatisticsArchitecture(lengths, lengths[1:])
    conventions = Conventions(features=source.features, table=source.columns).scaled_to(fleet, window=window)
    spec = run_spec("own", "rul-only", folds=10, conventions=conventions)
    rmse: float = on_one_thread(train, spec, fleet).record.validation["rmse"]
    return rmse / conventions.cap


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True, help="folder of the families")
    data = parser.parse_args().data
    print("| family | rows of a life, median | RMSE / cap, windows of 60 | of 30 % of a life |\n|---|---|---|---|")
    for family in FAMILIES:
        source, fleet = opened(family, data)
        rows = float(np.median(fleet.lengths))
        one, other = (error(source, fleet, window) for window in (USUAL, round(ROWS_SHARE * rows)))
        print(f"| `{family}` | {rows:,.0f} | {one:.3f} | {other:.3f} |", flush=True)
