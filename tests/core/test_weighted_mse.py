"""The inner axis: the formula by hand, its limits, and shapes that would silently broadcast."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from grace.core.weighted_mse import INNER, moderate_weighted_mse_loss
from grace.errors import GraceError


def test_hand_arithmetic() -> None:
    # s(0) = 2, s(62.5) = 1.5, s(125) = s(200) = 1; errors 1, 2, 3, 4: (2*1 + 1.5*4 + 9 + 16) / 4
    true = torch.tensor([0.0, 62.5, 125.0, 200.0])
    predicted = true + torch.tensor([1.0, -2.0, 3.0, -4.0])
    assert moderate_weighted_mse_loss(predicted, true, 125.0).item() == pytest.approx(33 / 4)
    assert INNER["mse"](predicted, true, 125.0).item() == pytest.approx(30 / 4)


def test_floor_and_ceiling_are_parameters() -> None:
    true, predicted = torch.tensor([0.0, 125.0]), torch.tensor([1.0, 126.0])
    assert moderate_weighted_mse_loss(predicted, true, 125.0, floor=3, ceiling=10).item() == pytest.approx(13 / 2)


@given(st.lists(st.tuples(st.floats(0, 300), st.floats(0, 300)), min_size=1, max_size=30))
def test_between_plain_and_twice_plain(pairs: list[tuple[float, float]]) -> None:
    predicted, true = torch.tensor(pairs, dtype=torch.float64).T
    plain, weighted = INNER["mse"](predicted, true, 125.0), moderate_weighted_mse_loss(predicted, true, 125.0)
    assert plain - 1e-9 <= weighted <= 2 * plain + 1e-9
    same = moderate_weighted_mse_loss(predicted, true, 125.0, floor=1, ceiling=1)
    torch.testing.assert_close(same, plain)


@pytest.mark.parametrize("loss", INNER.values(), ids=INNER)
def test_bad_input(loss) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(GraceError, match="one shape"):
        loss(torch.ones(4, 1), torch.ones(4), 125.0)
    with pytest.raises(GraceError, match="empty"):
        loss(torch.ones(0), torch.ones(0), 125.0)
    with pytest.raises(GraceError, match="max_rul"):
        loss(torch.ones(1), torch.ones(1), 0.0)


def test_floor_above_ceiling() -> None:
    with pytest.raises(GraceError, match="ceiling"):
        moderate_weighted_mse_loss(torch.ones(1), torch.ones(1), 125.0, floor=2, ceiling=1)
