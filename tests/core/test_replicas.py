"""The step of many trainings is that of each of them, and of plain ``backward``."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from grace.core.fit import Weighed, fit
from grace.core.gradient_utils import gramian, task_gradients
from grace.core.replicas import step_of_replicas

REPLICAS, TASKS = 3, 2


def parameters() -> list[Tensor]:
    """Shared weight, shared bias, and a head a task, float64, with replicas first."""
    draw = torch.Generator().manual_seed(0)
    shapes = ((4, 5), (1, 5), (5, 1), (5, 1))
    return [torch.randn(REPLICAS, *s, generator=draw, dtype=torch.float64).requires_grad_() for s in shapes]


def losses_of(p: list[Tensor], x: Tensor) -> Tensor:
    """``[R, 2]``."""
    z = (x @ p[0] + p[1]).tanh()
    return torch.stack([(z @ p[2]).square().mean((1, 2)), (z @ p[3] - 1).abs().mean((1, 2))], 1)


@pytest.mark.parametrize("part", [False, True])
@pytest.mark.parametrize("due", [False, True])
@pytest.mark.parametrize("learns", [False, True])
def test_equals_backward_of_the_weighted_sum(due: bool, part: bool, learns: bool) -> None:
    x = torch.randn(REPLICAS, 6, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    weights = torch.tensor([[0.3, 0.7], [1.0, 0.0], [2.0, 5.0]], dtype=torch.float64)
    own = torch.ones(REPLICAS, requires_grad=True)
    told: list[Tensor | None] = []

    def weigh(gram: Tensor | None) -> tuple[Tensor, Tensor | None]:
        told.append(gram)
        return weights, own.square() if learns else None

    mine = parameters()
    for _ in range(2):  # gradients add up
        measured = mine[:1] if part else None
        step_of_replicas(losses_of(mine, x), weigh, mine[:2], mine[2:], due=due, measure_on=measured)
    theirs = parameters()
    (2 * weights * losses_of(theirs, x)).sum().backward()
    for a, b in zip(mine, theirs, strict=True):
        torch.testing.assert_close(a.grad, b.grad, rtol=1e-12, atol=1e-12)
    assert (own.grad is None) != learns
    if learns:
        assert own.grad.tolist() == [4.0] * REPLICAS  # type: ignore[union-attr]
    for gram in told:
        assert (gram is not None) == due
        for number in range(REPLICAS if due else 0):
            one = [p[number].detach().requires_grad_() for p in parameters()]
            losses = losses_of([p[None] for p in one], x[number : number + 1])[0]
            expected = gramian(task_gradients(list(losses), one[: 1 if part else 2]))
            torch.testing.assert_close(gram[number], expected, rtol=1e-12, atol=1e-12)  # type: ignore[index]


def test_a_row_of_many_as_grad_is_added_to_in_place() -> None:
    rows = torch.zeros(REPLICAS, 64, dtype=torch.float64)
    mine, start = parameters(), 0
    for p in mine:
        width = p[0].numel()
        p.grad = rows[:, start : start + width].view_as(p)
        start += width
    x = torch.ones(REPLICAS, 2, 4, dtype=torch.float64)
    step_of_replicas(losses_of(mine, x), lambda _: (torch.ones(REPLICAS, TASKS), None), mine[:2], mine[2:], due=False)
    theirs = parameters()
    losses_of(theirs, x).sum().backward()
    expected = torch.cat([p.grad.flatten(1) for p in theirs if p.grad is not None], 1)
    torch.testing.assert_close(rows[:, :start], expected)


def test_fit_yields_after_each_step_and_stops_when_nobody_asks() -> None:
    weight = nn.Parameter(torch.tensor(1.0))
    optimiser = torch.optim.SGD([weight], lr=0.1)
    seen: list[int] = []

    def losses(batch: float) -> list[Tensor]:
        seen.append(len(seen))
        return [batch * weight]

    def backward(found: list[Tensor], number: int) -> Weighed:
        found[0].backward()
        return Weighed(found[0].detach()[None], torch.ones(1), None)

    loop = fit([1.0, 2.0, 3.0], losses, backward, optimiser)
    first = next(loop)
    assert first.losses.tolist() == [1.0]
    assert weight.item() == pytest.approx(0.9)  # the step is made, and no gradient is left over for the next
    assert next(loop).losses.tolist() == pytest.approx([1.8])
    assert weight.item() == pytest.approx(0.7)
    loop.close()
    assert seen == [0, 1]
