r"""Task gradients on shared parameters and what the diagnosis reads off them: the only autograd code.

With :math:`g_i` the gradient of task ``i``'s loss on the shared parameters, everything that GRACE measures is an entry
of the Gramian :math:`G_{ij} = \langle g_i, g_j \rangle`: norms :math:`|g_i| = \sqrt{G_{ii}}`, the cosine
:math:`\rho_{ij} = G_{ij} / (|g_i| |g_j|)` and the ratio :math:`\max_i |g_i| / \min_i |g_i|`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from grace.errors import GraceError


def task_gradients(losses: Sequence[Tensor], shared_params: Iterable[Tensor], *, retain_graph: bool = False) -> Tensor:
    """Gradient of every task's loss on the shared parameters, all from one forward graph.

    Args:
        losses: ``K`` scalar losses, in any units.
        shared_params: The parameters that all tasks share, given explicitly; heads excluded. Frozen ones
            (``requires_grad=False``) are left out.
        retain_graph: Keep the graph, so that the losses can be differentiated again.

    Returns:
        Matrix ``[K, P]`` with the flattened gradients as rows, ``P`` trainable shared values. A parameter that a task
        does not use contributes zeros to that task's row.

    Raises:
        GraceError: No loss, no trainable shared parameter, a loss that is no scalar, is NaN or infinite or depends on
            no trainable parameter, or a gradient that is NaN or infinite.
    """
    shared = trainable(shared_params)
    check_losses(losses)
    rows = []
    for task, loss in enumerate(losses):
        keep = retain_graph or task < len(losses) - 1
        rows.append(_flat(torch.autograd.grad(loss, shared, retain_graph=keep, allow_unused=True), shared))
    for task, row in enumerate(rows):
        if not bool(torch.isfinite(row).all()):
            raise GraceError(
                f"The gradient of loss {task} should be finite. Found NaN or infinity although the loss is finite. "
                "Look for a division by zero or a square root of zero in the network."
            )
    return torch.stack(rows)


def gramian(gradients: Tensor) -> Tensor:
    """Inner products of task gradients, ``[..., K, P] -> [..., K, K]``."""
    return gradients @ gradients.mT


def norms(gram: Tensor) -> Tensor:
    """Gradient norms, ``[..., K, K] -> [..., K]``, in units of each task's loss."""
    return gram.diagonal(dim1=-2, dim2=-1).clamp_min(0).sqrt()


def cosines(gram: Tensor) -> Tensor:
    """Pairwise cosines of the task gradients, ``[..., K, K] -> [..., K, K]``, in [-1, 1].

    The cosine with a zero gradient is undefined; here it is 0, as in :func:`torch.nn.functional.cosine_similarity`.
    Whoever averages cosines should leave such pairs out, as :mod:`grace.alignment` does.
    """
    size = norms(gram)
    product = size.unsqueeze(-1) * size.unsqueeze(-2)
    return torch.where(product > 0, gram / product, 0.0).clamp(-1, 1)


def norm_ratio(gram: Tensor) -> Tensor:
    """Largest over smallest gradient norm, ``[..., K, K] -> [...]``.

    It depends on the losses' units. Infinite where some gradient is zero, NaN where all are.
    """
    size = norms(gram)
    return size.amax(-1) / size.amin(-1)


def compute_gradient_cosine(loss_a: Tensor, loss_b: Tensor, shared_params: Iterable[Tensor]) -> float:
    r"""Cosine of two tasks' gradients on the shared parameters, :math:`\rho = \cos(\nabla L_a, \nabla L_b)`.

    The graph is kept, so that the losses can still be trained on. Independent of the losses' units.

    Args:
        loss_a: Scalar loss of the first task.
        loss_b: Scalar loss of the second task, from the same forward pass.
        shared_params: Parameters of the shared backbone; heads excluded. They are given, not guessed from names.

    Returns:
        rho in [-1, 1]; 0.0 where a gradient is exactly zero (undefined, see :func:`cosines`).

    Raises:
        GraceError: As :func:`task_gradients`.

    Example:
        >>> backbone, a, b = nn.Linear(4, 8), nn.Linear(8, 1), nn.Linear(8, 3)
        >>> h = backbone(torch.randn(16, 4))
        >>> loss_a = a(h).square().mean()
        >>> loss_b = nn.functional.cross_entropy(b(h), torch.zeros(16, dtype=torch.long))
        >>> -1 <= compute_gradient_cosine(loss_a, loss_b, backbone.parameters()) <= 1
        True
    """
    return float(cosines(gramian(task_gradients([loss_a, loss_b], shared_params, retain_graph=True)))[0, 1])


def trainable(shared_params: Iterable[Tensor | tuple[str, Tensor]]) -> list[Tensor]:
    """The trainable ones of the shared parameters, at least one and each once; pairs of name and parameter will do."""
    if isinstance(shared_params, nn.Module | Tensor):
        kind = type(shared_params).__name__
        raise GraceError(
            f"`shared_params` should be an iterable of parameters. Found a {kind}. Pass `backbone.parameters()`."
        )
    given = [item[1] if isinstance(item, tuple) else item for item in shared_params]
    shared = list({id(parameter): parameter for parameter in given if parameter.requires_grad}.values())
    if not shared:
        raise GraceError(
            "`shared_params` should hold at least one parameter with requires_grad=True. Found none. "
            "Pass the shared backbone's parameters as a list (an iterator is used up after one pass)."
        )
    return shared


def check_losses(losses: Sequence[Tensor | None]) -> None:
    """Refuse, as :func:`task_gradients` does, losses without a meaningful gradient; None stands for a task that is absent."""
    if not losses:
        raise GraceError("`losses` should hold at least one loss. Found none.")
    for task, loss in enumerate(losses):
        if loss is None:
            continue
        if loss.numel() != 1:
            raise GraceError(f"Loss {task} should be a scalar. Found shape {list(loss.shape)}. Average over the batch.")
        if not bool(torch.isfinite(loss)):
            raise GraceError(
                f"Loss {task} should be finite. Found {loss.item()}. Check its inputs, labels and learning rate."
            )
        if not loss.requires_grad:
            raise GraceError(f"Loss {task} should depend on a trainable parameter. Found a constant {loss.item():g}.")


def _flat(gradients: Sequence[Tensor | None], shared: Sequence[Tensor]) -> Tensor:
    """One task's gradients as one row ``[P]``, zeros where it does not use a parameter."""
    pairs = zip(gradients, shared, strict=True)
    dense = (torch.zeros_like(p) if g is None else g.to_dense() if g.is_sparse else g for g, p in pairs)
    return torch.cat([gradient.reshape(-1) for gradient in dense])
