"""A tree, a ridge regression and the age as modules: scikit-learn's own predictions are the oracle."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn import linear_model
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.isotonic import IsotonicRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import grace
from grace.controllers import titles
from grace.data.conventions import Conventions
from grace.data.health_labels import rul_to_health_3class
from grace.data.resident import ResidentWindows
from grace.data.windows import ManyWindows, Windows
from grace.models.baselines import BASELINES, Age, Baseline, Ridge, Tree, input_of
from grace.models.window_statistics import StatisticsArchitecture
from grace.training.protocol import Split
from grace.training.run_spec import run_spec

CUTS = (70.0, 30.0)


def known(rows: int, columns: int, seed: int = 0, whole: bool = False) -> tuple[torch.Tensor, np.ndarray]:
    """Inputs and a RUL that depends on them; ``whole`` inputs are small integers, so that many are alike."""
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 6, (rows, columns)).astype(float) if whole else rng.normal(size=(rows, columns))
    rul = 60 + 20 * np.sin(2 * x[:, 0]) + 10 * (x[:, 1] > 0.5) * x[:, -1] + rng.normal(size=rows)
    return torch.from_numpy(x), rul


def difference(model: Baseline, oracle: HistGradientBoostingRegressor, x: torch.Tensor) -> float:
    return float(np.abs(model.rul(x.double()).numpy() - oracle.predict(x.double().numpy())).max())


@pytest.mark.parametrize(("rows", "whole"), [(15, False), (400, False), (400, True), (10_001, False)])
def test_a_tree_predicts_what_scikit_learn_does(rows: int, whole: bool) -> None:
    """Of so few windows that there is no split, and of so many that scikit-learn stops early."""
    x, rul = known(rows, 5, whole=whole)
    model, oracle = Tree.fit(x, rul, CUTS), HistGradientBoostingRegressor(random_state=0).fit(x.numpy(), rul)
    assert difference(model, oracle, x) < 1e-9
    assert difference(model, oracle, known(300, 5, 1, whole)[0]) < 1e-9
    assert difference(model, oracle, 1e9 * known(50, 5, 2)[0]) < 1e-9


def test_a_value_at_a_threshold_goes_where_scikit_learn_sends_it() -> None:
    x, rul = known(500, 3, whole=True)
    model, oracle = Tree.fit(x, rul, CUTS), HistGradientBoostingRegressor(random_state=0).fit(x.numpy(), rul)
    assert isinstance(model, Tree)
    cuts = model.threshold[model.left != model.right].unique()
    sides = [np.nextafter(cuts.numpy(), end) for end in (-np.inf, np.inf)]
    values = torch.cat([cuts, *map(torch.from_numpy, sides)])
    assert difference(model, oracle, torch.cartesian_prod(values, values, values)) < 1e-9
    rounded = values.float()  # the nearest single precision lies on one side or the other of a threshold in double
    assert difference(model, oracle, torch.stack([rounded] * 3, 1)) < 1e-9


@pytest.fixture(scope="module")
def split() -> Split:
    fleets = grace.simulate(grace.Simulation(engines=12, test_engines=6))
    return Split.of(run_spec("simulated", "tree", conventions=Conventions(window=30)), *fleets)


def statistics(windows: Windows) -> torch.Tensor:
    made = ResidentWindows(windows, statistics=StatisticsArchitecture().of)
    return made.batch(torch.arange(len(windows)))[0]


def test_windows_are_made_statistics_of(split: Split) -> None:
    """In batches of any size, as scikit-learn predicts from statistics that were made of all windows at once."""
    assert isinstance(split.train, Windows)
    x, rul = statistics(split.train), split.train.rul
    tree = HistGradientBoostingRegressor(random_state=0).fit(x.numpy(), rul)
    ridge = make_pipeline(StandardScaler(), linear_model.Ridge()).fit(x.double().numpy(), rul)
    for kind, oracle in ((Tree, tree), (Ridge, ridge)):
        model = kind.fit(x, rul, CUTS)
        for side in (split.train, split.validation):
            expected = np.maximum(oracle.predict(statistics(side).double().numpy()), 0)
            resident = input_of(model, side)
            for size in (1, 7, 256):
                index = torch.arange(min(len(side), 300))
                found = torch.cat([model(resident.batch(part)[0])[0] for part in index.split(size)])
                close = (
                    1e-9 if kind is Tree else 1e-3
                )  # a sum over statistics has their rounding, a tree has none of it
                assert np.abs(found.numpy() - expected[:300]).max() < close


def test_a_ridge_regression_is_scikit_learns() -> None:
    x, rul = known(200, 6)
    x[:, 3] = 2.0  # a statistic that does not vary
    oracle = make_pipeline(StandardScaler(), linear_model.Ridge()).fit(x.numpy(), rul)
    new = 3 * known(50, 6, 1)[0]
    np.testing.assert_allclose(Ridge.fit(x, rul, CUTS).rul(new), oracle.predict(new.numpy()), atol=1e-9)


@given(st.lists(st.tuples(st.integers(1, 300), st.integers(0, 125)), min_size=1, max_size=40))
def test_age_is_scikit_learns_isotonic_regression(pairs: list[tuple[int, int]]) -> None:
    """Also of one age alone, and of ages before the first knot, after the last and between two."""
    age, rul = np.array(pairs, dtype=float).T
    oracle = IsotonicRegression(increasing=False, out_of_bounds="clip").fit(age, rul)
    new = np.arange(0, 400, 0.5)
    model = Age.fit(torch.from_numpy(age)[:, None], rul, CUTS)
    np.testing.assert_allclose(model.rul(torch.from_numpy(new)[:, None]), oracle.predict(new), atol=1e-9)
    assert (np.diff(model.rul(torch.from_numpy(new)[:, None])) <= 1e-9).all()


def by_hand() -> dict[str, torch.Tensor]:
    """Two trees on two statistics: x0 <= 0.5 ? 10 : (x1 <= -1 ? 20 : 30), and 5 everywhere; they begin at 60."""
    return {
        "feature": torch.tensor([0, 0, 1, 0, 0, 0]),
        "threshold": torch.tensor([0.5, 0.0, -1.0, 0.0, 0.0, 0.0], dtype=torch.float64),
        "left": torch.tensor([1, 1, 3, 3, 4, 5]),
        "right": torch.tensor([2, 1, 4, 3, 4, 5]),
        "value": torch.tensor([0.0, 10, 0, 20, 30, 5], dtype=torch.float64),
        "roots": torch.tensor([0, 5]),
        "start": torch.tensor(60.0, dtype=torch.float64),
        "depth": torch.tensor(2),
        "cuts": torch.tensor([85.0, 80.0], dtype=torch.float64),
    }


def test_a_tree_by_hand() -> None:
    x = torch.tensor([[0.5, 9.0], [0.6, -1.0], [0.6, -0.9]])
    rul, logits = Tree(by_hand())(x)
    assert rul.tolist() == [75, 85, 95]
    assert logits.tolist() == [[0, 0, 1], [1, 0, 0], [1, 0, 0]]  # critical below 80, healthy from 85 on
    low = by_hand() | {"start": torch.tensor(-12.0, dtype=torch.float64)}
    assert Tree(low)(x)[0].tolist() == [3, 13, 23]
    assert Tree(low | {"value": -by_hand()["value"]})(x)[0].tolist() == [0, 0, 0]


def test_health_is_that_of_the_cuts() -> None:
    """Also where RUL is a cut."""
    ages = torch.tensor([0.0, 125.0], dtype=torch.float64)
    tensors = {"age": ages, "value": ages.flip(0), "cuts": torch.tensor(CUTS, dtype=torch.float64)}
    rul, logits = Age(tensors)(torch.arange(0.0, 126.0)[:, None])
    assert rul.tolist() == [*range(125, -1, -1)]
    assert logits.argmax(-1).tolist() == rul_to_health_3class(rul, 70, 30).tolist()


@pytest.mark.parametrize("name", by_hand())
def test_a_tensor_that_is_missing_is_named(name: str) -> None:
    with pytest.raises(KeyError, match=name):
        Tree({key: value for key, value in by_hand().items() if key != name})


@pytest.mark.parametrize(
    "change",
    [
        {"left": torch.tensor([1, 1, 6, 3, 4, 5])},
        {"right": torch.tensor([-1, 1, 4, 3, 4, 5])},
        {"roots": torch.tensor([0, 99])},
        {"depth": torch.tensor(1 << 40)},
    ],
)
def test_nodes_that_are_not_there_are_refused(change: dict[str, torch.Tensor]) -> None:
    with pytest.raises(ValueError, match="tree of 6 nodes"):
        Tree(by_hand() | change)


def test_the_age_is_counted_alike_in_memory_and_on_the_disk(split: Split) -> None:
    assert isinstance(split.train, Windows)
    fleet, _ = grace.simulate(grace.Simulation(engines=3, test_engines=1))
    rows = np.zeros((len(fleet.values), 2), np.float32)
    conventions, starts = Conventions(window=1), fleet.starts  # a window at every cycle
    stored = ManyWindows(fleet, rows, conventions, starts)
    index, model = torch.tensor([0, 1, int(starts[1]) - 1, int(starts[1])]), Age.fit(torch.ones(1, 1), np.ones(1), CUTS)
    expected = [[1], [2], [int(starts[1])], [1]]
    for windows in (stored, stored.at(np.arange(len(stored)))):
        assert input_of(model, windows).batch(index)[0].tolist() == expected


def test_they_have_one_name_each() -> None:
    assert tuple(BASELINES) == titles.BASELINES
