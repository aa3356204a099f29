"""From text to tensors of windows: python benchmarks/text.py WAY FOLDER NAME... prints seconds and peak MiB of one process.

Ways: ``parse``, the parser of polars alone; ``grace``;
``pandas``, as a notebook does it; ``rul-datasets``, its files split and its scaler fitted beforehand. Imports
are not timed, and their memory is not counted.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from peak import mark, peak_mib

WINDOW = 30
USED = [f"sensor_{n}" for n in (2, 3, 4, 7, 8, 9, 11, 12, 13, 14, 15, 17, 20, 21)]


def with_grace(folder: Path) -> Callable[[str], Any]:
    """The package: read, check, verify, find conditions, scale, index."""
    import polars  # noqa: F401
    import threadpoolctl  # noqa: F401
    from sklearn.cluster import KMeans  # noqa: F401
    from sklearn.metrics import silhouette_score  # noqa: F401

    from grace.data.cmapss.fleets import read_train
    from grace.data.conventions import PUBLISHED
    from grace.data.prepare import Prepared
    from grace.data.resident import ResidentWindows

    return lambda name: ResidentWindows(
        Prepared.of(read_train(folder, name), replace(PUBLISHED, window=WINDOW)).windows
    )


def with_nothing_but_the_parser(folder: Path) -> Callable[[str], Any]:
    """Numbers in columns and no more: no check, no condition, no scaling, no window."""
    import polars as pl

    schema = {f"c{i}": pl.Float64 if i < 26 else pl.String for i in range(28)}
    return lambda name: pl.read_csv(
        folder / f"train_{name}.txt", has_header=False, separator=" ", schema=schema, quote_char=None
    )


def with_pandas(folder: Path) -> Callable[[str], Any]:
    """A notebook: read_csv, z-scores by rounded settings, one array a window."""
    import numpy as np
    import pandas as pd
    import torch

    columns = ["engine", "cycle", "s1", "s2", "s3", *(f"sensor_{n}" for n in range(1, 22))]

    def read(name: str) -> Any:
        frame = pd.read_csv(folder / f"train_{name}.txt", sep=r"\s+", header=None, names=columns)
        last = frame.groupby("engine")["cycle"].transform("max")
        rul = (last - frame["cycle"]).clip(upper=125)
        condition = frame[["s1", "s2", "s3"]].round({"s1": 0, "s2": 1, "s3": 0}).apply(tuple, axis=1)
        scaled = frame[USED].groupby(condition).transform(lambda x: (x - x.mean()) / (x.std() + 1e-9))
        windows, targets = [], []
        for rows in frame.groupby("engine").groups.values():
            values, left = scaled.loc[rows].to_numpy(np.float32), rul.loc[rows].to_numpy(np.float32)
            for end in range(WINDOW, len(values) + 1):
                windows.append(values[end - WINDOW : end])
                targets.append(left[end - 1])
        return torch.tensor(np.array(windows)), torch.tensor(np.array(targets))

    return read


def with_rul_datasets(folder: Path) -> Callable[[str], Any]:
    """The data module of rul-datasets; ``folder`` holds CMAPSS/."""
    os.environ["RUL_DATASETS_DATA_ROOT"] = str(folder)
    import rul_datasets

    def module(name: str) -> Any:
        number = int(name[-1])
        reader = rul_datasets.CmapssReader(
            number, window_size=WINDOW, max_rul=125, operation_condition_aware_scaling=number in (2, 4)
        )
        return rul_datasets.RulDataModule(reader, batch_size=128)

    for name in sys.argv[3:]:
        module(name).prepare_data()

    def read(name: str) -> Any:
        data = module(name)
        data.setup()
        return data.to_dataset("dev")

    return read


WAYS = {
    "parse": with_nothing_but_the_parser,
    "grace": with_grace,
    "pandas": with_pandas,
    "rul-datasets": with_rul_datasets,
}


def measured(way: str, folder: Path, names: list[str], repeats: int) -> list[dict[str, float]]:
    """Seconds and peak MiB of a fresh process, several times."""
    command = [sys.executable, __file__, way, str(folder), *names]
    runs = [subprocess.run(command, check=True, capture_output=True, text=True) for _ in range(repeats)]
    return [json.loads(run.stdout.splitlines()[-1]) for run in runs]


def main() -> None:
    """Measure one way in this process."""
    way, folder, names = sys.argv[1], Path(sys.argv[2]), sys.argv[3:]
    warnings.simplefilter("ignore")
    read = WAYS[way](folder)
    before = mark()
    began = time.perf_counter()
    kept = [read(name) for name in names]
    seconds = time.perf_counter() - began
    peak = peak_mib() - before
    print(json.dumps({"seconds": seconds, "mib": peak, "sets": len(kept)}))


if __name__ == "__main__":
    main()
