"""Figures that others published for C-MAPSS, with where they stand. They were not measured here."""

from __future__ import annotations

from typing import NamedTuple


class Published(NamedTuple):
    """RMSE in cycles, its standard deviation over seeds, and NASA score; None where the text gives none."""

    rmse: float | None = None
    sd: float | None = None
    score: float | None = None


# the 140-run table of the GRACE text; its protocol picks the best epoch on the test set
SOURCE: dict[str, dict[str, Published]] = {
    "baseline": {
        "FD001": Published(10.08, 1.71, 143.2),
        "FD002": Published(7.37, None, 224.5),
        "FD003": Published(11.53, None, 211.8),
        "FD004": Published(8.76, None, 280.5),
    },
    "dwa": {"FD001": Published(10.58, 1.66, 146.1), "FD002": Published(None, None, 234.4)},
    "gradnorm": {"FD001": Published(9.38, 1.53, 127.6), "FD002": Published(8.19, 0.78, 260.9)},
    "uncertainty": {
        "FD001": Published(9.15, 0.42, 115.4),
        "FD002": Published(None, None, 224.4),
        "FD004": Published(None, None, 243.2),
    },
    "amnl": {
        "FD001": Published(10.43, 1.94, 434.4),
        "FD002": Published(6.74, 0.91, None),
        "FD003": Published(9.51, 1.74, None),
        "FD004": Published(8.16, 2.17, None),
    },
    "gaba": {
        "FD001": Published(9.63, 1.90, 130.4),
        "FD002": Published(7.53, 0.65, 224.2),
        "FD003": Published(11.96, None, None),
        "FD004": Published(8.25, None, 247.2),
    },
    "grace": {
        "FD001": Published(9.14, 1.39, 121.4),
        "FD002": Published(7.72, None, 223.4),
        "FD003": Published(13.12, None, 223.0),
        "FD004": Published(8.12, None, 242.0),
    },
}
"""By method and data set."""

ANCHORS: dict[str, dict[str, Published]] = {
    "STA-HPINN (2024)": {
        "FD001": Published(11.27, None, 211),
        "FD002": Published(13.21, None, 764),
        "FD003": Published(8.30, None, 120),
        "FD004": Published(13.31, None, 850),
    },
    "DVGTformer (2024)": {
        "FD001": Published(11.33, None, 180),
        "FD002": Published(14.28, None, 797),
        "FD003": Published(11.89, None, 255),
        "FD004": Published(15.50, None, 1108),
    },
    "gradient-boosted tree, regime z-scores": {
        "FD001": Published(12.03, None, 216),
        "FD002": Published(13.17, None, 794),
        "FD003": Published(12.77, None, 289),
        "FD004": Published(14.48, None, 1052),
    },
}
"""Single-task figures of others, by what they are."""
