"""Small records made by hand."""

from __future__ import annotations

from typing import Any

from grace.training.record import Record

SEEDS = (42, 123, 456, 789, 1024)


def record(dataset: str, method: str, seed: int, rmse: float, score: float = 300.0, **more: Any) -> Record:
    """A finished run of two epochs and three test engines."""
    number = f"{abs(hash((dataset, method))):x}"[:8] + f"{seed:04d}"
    spec = {
        "dataset": dataset,
        "method": method,
        "seed": seed,
        "protocol": "honest",
        "rul_scale": "cycles",
        "conventions": {"cap": 125},
    }
    epoch = {"losses": [200.0, 0.5], "weights": [0.5, 0.5], "validation_rmse": 15.0}
    values: dict[str, Any] = {
        "id": number,
        "spec": spec,
        "status": "done",
        "best_epoch": 1,
        "history": [
            epoch | {"epoch": 0},
            epoch | {"epoch": 1, "rho": 0.2, "rho_low": 0.1, "rho_high": 0.3, "ratio": 500.0},
        ],
        "test": {"rmse": rmse, "score": score, "rmse_uncapped": rmse + 5, "score_uncapped": score * 3},
        "source": {"rmse": rmse - 0.5, "score": score - 10, "epoch": 0},
        "interval": {"half_width": 20.0, "level": 0.9, "coverage": 0.95},
        "predictions": {"engine": [1, 2, 3], "true": [20, 130, 60], "rul": [25.5, 120.0, 50.25], "health": [2, 0, 1]},
    }
    values["spec"]["id"] = (values | more)["id"]
    return Record(**(values | more))


def sweep(dataset: str, by_method: dict[str, tuple[float, ...]], score: float = 300.0) -> list[Record]:
    """Runs of several methods with the first seeds."""
    return [
        record(dataset, method, seed, value, score + 10 * value)
        for method, values in by_method.items()
        for seed, value in zip(SEEDS, values, strict=False)
    ]
