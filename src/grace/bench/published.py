"""Figures that others published for C-MAPSS, with where they stand. They were not measured here."""

from __future__ import annotations

from typing import NamedTuple

from grace.data.cmapss.checksums import SUBSETS


class Published(NamedTuple):
    """RMSE in cycles, its standard deviation over seeds, and NASA score; None where the text gives none."""

    rmse: float | None = None
    sd: float | None = None
    score: float | None = None


_Figures = tuple[float | None, float | None, float | None]


def _by_set(*figures: _Figures | None) -> dict[str, Published]:
    """Figures of FD001 to FD004 by data set, without those that are None."""
    return {name: Published(*found) for name, found in zip(SUBSETS, figures, strict=True) if found is not None}


# the 140-run table of the GRACE text; its protocol picks the best epoch on the test set
SOURCE: dict[str, dict[str, Published]] = {
    "baseline": _by_set((10.08, 1.71, 143.2), (7.37, None, 224.5), (11.53, None, 211.8), (8.76, None, 280.5)),
    "dwa": _by_set((10.58, 1.66, 146.1), (None, None, 234.4), None, None),
    "gradnorm": _by_set((9.38, 1.53, 127.6), (8.19, 0.78, 260.9), None, None),
    "uncertainty": _by_set((9.15, 0.42, 115.4), (None, None, 224.4), None, (None, None, 243.2)),
    "amnl": _by_set((10.43, 1.94, 434.4), (6.74, 0.91, None), (9.51, 1.74, None), (8.16, 2.17, None)),
    "gaba": _by_set((9.63, 1.90, 130.4), (7.53, 0.65, 224.2), (11.96, None, None), (8.25, None, 247.2)),
    "grace": _by_set((9.14, 1.39, 121.4), (7.72, None, 223.4), (13.12, None, 223.0), (8.12, None, 242.0)),
}
"""By method and data set."""

ANCHORS: dict[str, dict[str, Published]] = {
    "STA-HPINN (2024)": _by_set((11.27, None, 211), (13.21, None, 764), (8.30, None, 120), (13.31, None, 850)),
    "DVGTformer (2024)": _by_set((11.33, None, 180), (14.28, None, 797), (11.89, None, 255), (15.50, None, 1108)),
    "gradient-boosted tree, regime z-scores": _by_set(
        (12.03, None, 216), (13.17, None, 794), (12.77, None, 289), (14.48, None, 1052)
    ),
}
"""Single-task figures of others, by what they are."""
