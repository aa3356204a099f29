"""What needs no network, against values worked by hand and scikit-learn itself."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.ensemble import HistGradientBoostingRegressor

import grace
from grace.cli.render_train import _against
from grace.data.conventions import Conventions
from grace.data.fleet import Fleet
from grace.models.rul_problem import resident
from grace.training.baselines import baseline_errors
from grace.training.protocol import Split
from grace.training.spec import run_spec


@pytest.fixture(scope="module")
def split() -> Split:
    fleet, test = grace.simulate(grace.Simulation(engines=12, test_engines=4))
    return Split.of(run_spec("simulated", "rul-only", conventions=Conventions(window=30)), fleet, test)


def test_the_tree_is_scikit_learns_on_the_same_statistics(split: Split) -> None:
    x, v = (
        resident(side, "statistics").batch(torch.arange(len(side)))[0].numpy()
        for side in (split.train, split.validation)
    )
    tree = HistGradientBoostingRegressor(random_state=0).fit(x, split.train.rul)  # type: ignore[union-attr]
    expected = np.sqrt(np.mean((np.clip(tree.predict(v), 0, 125) - split.validation.rul) ** 2))
    assert baseline_errors([split], 125)["tree"] == pytest.approx(expected, rel=1e-3)


def test_age_alone_knows_engines_that_all_live_as_long() -> None:
    def fleet(engines: int, cycles: int) -> Fleet:
        starts = np.arange(engines + 1) * cycles
        values = np.random.default_rng(0).normal(size=(engines * cycles, 24))
        whole, _ = grace.simulate(grace.Simulation(engines=2, test_engines=1))
        return replace(
            whole,
            engines=np.arange(engines),
            starts=starts,
            values=values,
            last_rul=np.zeros(engines, np.int64),
            sha256=None,
            labels=None,
        )

    spec = run_spec(
        "simulated", "rul-only", conventions=Conventions(window=20, features=("sensor_2", "sensor_3"), conditions=1)
    )
    found = baseline_errors([Split.of(spec, fleet(20, 100), None)], 125)
    assert found["age"] == pytest.approx(0, abs=1e-3)
    assert found["tree"] > 5  # noise tells nothing but the share of the window that is recorded
    assert found["ridge"] > 5


def test_the_last_line_says_plainly_what_is_better() -> None:
    assert _against({"tree": 12.0, "ridge": 18.04}, 11.0) == (
        "validation RMSE: network 11.00, tree 12.00, ridge 18.04: ahead of all (one split)"
    )
    assert _against({"tree": 11.0, "ridge": 10.5}, 11.0).endswith("tree and ridge as good or better (one split)")
