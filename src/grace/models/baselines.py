"""What needs no training, as modules that stand where networks do: a tree and a ridge regression on statistics, and the age."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from grace.data.resident import ResidentWindows
from grace.data.windows import ManyWindows, Windows
from grace.models.heads import CLASSES
from grace.models.window_statistics import StatisticsArchitecture

Values = NDArray[np.float64]


class Baseline(nn.Module):
    """A model that is fitted in one go: all of it are buffers, so that files, predictions and exports take it for a network.

    Args:
        tensors: By name, those of :attr:`names` and ``cuts``: the RUL from which an engine is healthy, and the one below which
            it is critical, cycles ``[2]``.
        timed: Whether the statistics are over time, see :class:`~grace.models.window_statistics.StatisticsArchitecture`.

    Shapes:
        What :func:`input_of` gives, or raw windows ``[B, T, F]`` where statistics are read -> RUL ``[B]`` in cycles, float64
        and never negative, and health logits ``[B, 3]``, 1 for the state that the RUL is in by the cuts.

    Raises:
        KeyError: A tensor is missing.
        ValueError: They do not belong together.
    """

    names: ClassVar[tuple[str, ...]]
    """Its tensors."""
    reads_age: ClassVar[bool] = False
    """Whether it reads the recorded cycles of the engine in place of windows."""
    cuts: Tensor

    def __init__(self, tensors: Mapping[str, Tensor], timed: bool = False) -> None:
        super().__init__()
        self.statistics = StatisticsArchitecture(timed=timed)
        for name in (*self.names, "cuts"):
            self.register_buffer(name, tensors[name])

    @classmethod
    def fit(cls, x: Tensor, rul: NDArray[Any], cuts: tuple[float, float], timed: bool = False) -> Baseline:
        """Fit on inputs ``[N, S]`` and RUL ``[N]``, cycles; scikit-learn's defaults throughout."""
        found = cls.fitted(x.double().numpy(), rul.astype(np.float64))
        found = {name: torch.as_tensor(value) for name, value in found.items()}
        return cls(found | {"cuts": torch.tensor(cuts, dtype=torch.float64)}, timed)

    @classmethod
    def fitted(cls, x: Values, rul: Values) -> dict[str, Any]:
        """The tensors of :attr:`names` as arrays."""
        raise NotImplementedError

    def rul(self, x: Tensor) -> Tensor:
        """RUL ``[B]`` of inputs, float64 ``[B, S]``, as scikit-learn predicts it."""
        raise NotImplementedError

    def check(self, columns: int) -> None:
        """Refuse tensors that do not belong together, or read others than the statistics of windows with so many columns.

        Raises:
            ValueError: So it is.
        """
        count = 1 if self.reads_age else self.statistics.count(columns)
        double = all(t.dtype == torch.float64 for t in self.buffers() if t.is_floating_point())
        if not double or not self._fits(count) or self.cuts.shape != (2,):
            raise ValueError(f"the tensors of {type(self).__name__} should fit each other and {count} statistics")

    def _fits(self, count: int) -> bool:
        """Whether its own tensors do."""
        raise NotImplementedError

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """RUL in cycles ``[B]`` and health logits ``[B, 3]``."""
        if x.dim() == 3:
            x = self.statistics.of(x)
        rul = self.rul(x.double()).clamp(min=0)
        state = (rul[:, None] < self.cuts).sum(1)  # as grace.data.health_labels has it
        return rul, (state[:, None] == torch.arange(CLASSES, device=rul.device)).to(rul.dtype)


class Tree(Baseline):
    """scikit-learn's HistGradientBoostingRegressor, ``random_state`` 0: ``T`` trees, whose ``M`` nodes stand one after the other.

    RUL is ``start`` plus the ``value`` of the leaf that each tree leads to; a node leads to ``left`` where its ``feature`` is at
    most its ``threshold``, else to ``right``, and a leaf to itself. ``roots [T]`` are the trees' first nodes, ``depth`` the
    steps from a root to the farthest leaf.
    """

    names = ("feature", "threshold", "left", "right", "value", "roots", "start", "depth")
    feature: Tensor
    threshold: Tensor
    left: Tensor
    right: Tensor
    value: Tensor
    roots: Tensor
    start: Tensor
    depth: Tensor

    def __init__(self, tensors: Mapping[str, Tensor], timed: bool = False) -> None:
        super().__init__(tensors, timed)
        count = len(self.value)
        self._steps = int(self.depth)  # a number in a graph that is exported
        for name in ("left", "right", "roots"):
            if not bool(((tensors[name] >= 0) & (tensors[name] < count)).all()):
                raise ValueError(f"`{name}` of a tree of {count} nodes should be one of them")
        if not 0 <= self._steps < count:
            raise ValueError(f"depth {self._steps} of a tree of {count} nodes")

    def _fits(self, count: int) -> bool:
        nodes = (self.feature, self.threshold, self.left, self.right, self.value)
        whole = all(t.dtype == torch.int64 for t in (self.feature, self.left, self.right, self.roots))
        known = bool(((self.feature >= 0) & (self.feature < count)).all())
        return whole and known and {t.shape for t in nodes} == {self.value.shape} and self.start.dim() == 0

    @classmethod
    def fitted(cls, x: Values, rul: Values) -> dict[str, Any]:
        """Nodes of all trees; scikit-learn stops early by itself from 10,000 windows on."""
        from sklearn.ensemble import HistGradientBoostingRegressor  # a second to import
        from threadpoolctl import threadpool_limits

        with threadpool_limits(torch.get_num_threads(), "openmp"):  # fixes the order of sums
            model = HistGradientBoostingRegressor(random_state=0).fit(x, rul)
        trees = [predictor.nodes for (predictor,) in model._predictors]
        nodes = np.concatenate(trees)
        roots = np.cumsum([0, *map(len, trees[:-1])])
        leaf, place = nodes["is_leaf"] == 1, np.arange(len(nodes))
        first = np.repeat(roots, [len(tree) for tree in trees])
        return {
            "feature": np.where(leaf, 0, nodes["feature_idx"]).astype(np.int64),
            "threshold": np.where(leaf, 0.0, nodes["num_threshold"]),
            **{side: np.where(leaf, place, first + nodes[side].astype(np.int64)) for side in ("left", "right")},
            "value": np.where(leaf, nodes["value"], 0.0),
            "roots": roots,
            "start": np.float64(model._baseline_prediction.item()),
            "depth": int(nodes["depth"].max()),
        }

    def rul(self, x: Tensor) -> Tensor:
        """All trees of all windows, a step down at a time; a comparison in double precision, as scikit-learn's."""
        shape = x.shape[0], len(self.roots)  # not `len` of x: an exported graph takes any number of windows
        node = self.roots.expand(shape).reshape(-1)
        for _ in range(self._steps):  # with `index_select`: indexing leaves a copy a step in an exported graph
            value = x.gather(1, self.feature.index_select(0, node).view(shape)).view(-1)
            goes_left = value <= self.threshold.index_select(0, node)
            node = torch.where(goes_left, self.left.index_select(0, node), self.right.index_select(0, node))
        return self.start + self.value.index_select(0, node).view(shape).sum(1)


class Ridge(Baseline):
    """scikit-learn's Ridge on standardised statistics: ``(x - mean) / scale @ coefficients + intercept``."""

    names = ("mean", "scale", "coefficients", "intercept")
    mean: Tensor
    scale: Tensor
    coefficients: Tensor
    intercept: Tensor

    def _fits(self, count: int) -> bool:
        return {t.shape for t in (self.mean, self.scale, self.coefficients)} == {(count,)} and self.intercept.dim() == 0

    @classmethod
    def fitted(cls, x: Values, rul: Values) -> dict[str, Any]:
        """Mean, scale and coefficients ``[S]``, and the intercept."""
        from sklearn import linear_model
        from sklearn.preprocessing import StandardScaler

        scaler = StandardScaler().fit(x)
        model = linear_model.Ridge().fit(scaler.transform(x), rul)
        return {
            "mean": scaler.mean_,
            "scale": scaler.scale_,
            "coefficients": model.coef_,
            "intercept": np.float64(model.intercept_),
        }

    def rul(self, x: Tensor) -> Tensor:
        """A sum over statistics."""
        return ((x - self.mean) / self.scale) @ self.coefficients + self.intercept


class Age(Baseline):
    """Isotonic regression on the recorded cycles: RUL falls from knot to knot ``[n]``, linear between and constant beyond."""

    names = ("age", "value")
    reads_age = True
    age: Tensor
    value: Tensor

    def _fits(self, count: int) -> bool:
        same = self.age.dim() == 1 and self.age.shape == self.value.shape
        return same and len(self.age) > 0 and bool((self.age.diff() >= 0).all())

    @classmethod
    def fitted(cls, x: Values, rul: Values) -> dict[str, Any]:
        """Ages and RUL of the knots, cycles."""
        from sklearn.isotonic import IsotonicRegression

        model = IsotonicRegression(increasing=False, out_of_bounds="clip").fit(x, rul)
        return {"age": model.X_thresholds_, "value": model.y_thresholds_}

    def rul(self, x: Tensor) -> Tensor:
        """Between the knots to the left and to the right of each age."""
        age = x[:, 0].clamp(self.age[0], self.age[-1])
        right = torch.searchsorted(self.age, age, right=True).clamp(max=len(self.age) - 1)
        left = (right - 1).clamp(min=0)
        width = (self.age[right] - self.age[left]).clamp(min=torch.finfo(age.dtype).tiny)  # 0 where there is one knot
        return self.value[left] + (age - self.age[left]) / width * (self.value[right] - self.value[left])


BASELINES: dict[str, type[Baseline]] = {"tree": Tree, "ridge": Ridge, "age": Age}
"""By name."""


def input_of(model: nn.Module, windows: Windows | ManyWindows, device: str = "cpu") -> ResidentWindows:
    """Windows on a device as a trained model takes them: as they are, or the recorded cycles up to their ends."""
    return ResidentWindows(windows, device, age=isinstance(model, Baseline) and model.reads_age)
