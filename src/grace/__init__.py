"""GRACE: a diagnosis before multi-task training for remaining useful life.

The names below are imported on first use, so that ``import grace`` costs nothing.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "Columns": "grace.data.columns",
    "Controller": "grace.controllers.controller",
    "Conventions": "grace.data.conventions",
    "DWA": "grace.controllers.dwa",
    "Diagnosis": "grace.alignment.diagnosis",
    "Evidence": "grace.alignment.decide",
    "Fixed": "grace.controllers.fixed",
    "Fleet": "grace.data.fleet",
    "GABA": "grace.controllers.gaba",
    "GraceError": "grace.errors",
    "GraceCallback": "grace.loop.lightning",
    "GradNorm": "grace.controllers.gradnorm",
    "Simulation": "grace.data.simulated",
    "TableSource": "grace.data.rows",
    "Thresholds": "grace.alignment.decide",
    "TorchJDScalarizer": "grace.controllers.torchjd_scalarizer",
    "TorchJDWeighting": "grace.controllers.torchjd_weighting",
    "Uncertainty": "grace.controllers.uncertainty",
    "Watch": "grace.loop.watch",
    "as_torchjd": "grace.controllers.torchjd_weighting",
    "backward": "grace.loop.backward",
    "compare": "grace.loop.compare",
    "compute_gradient_cosine": "grace.core.gradient_utils",
    "decide": "grace.alignment.decide",
    "diagnose": "grace.alignment.any_module",
    "diagnose_fleet": "grace.alignment.diagnose",
    "moderate_weighted_mse_loss": "grace.core.weighted_mse",
    "forecast": "grace.training.predict",
    "load_model": "grace.training.model_file",
    "read_table": "grace.data.table",
    "read_test": "grace.data.cmapss",
    "read_train": "grace.data.cmapss",
    "run_spec": "grace.training.spec",
    "rul_to_health_3class": "grace.data.health_labels",
    "simulate": "grace.data.simulated",
    "train": "grace.training.run",
    "train_stacked": "grace.training.run",
}

__all__ = ["__version__", *sorted(_HOMES)]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'grace' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
