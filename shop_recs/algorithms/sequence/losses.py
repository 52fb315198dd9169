"""Losses of queries against candidates that the whole batch shares."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

ROWS_AT_ONCE = 512
"""Rows whose logits exist at the same time: few enough for the processor's cache."""
ROWS_STEP = 256
"""Rows are padded to a multiple of it: oneDNN compiles a kernel for every new shape."""
CALIBRATION = 0.75
"""gBCE's t, between 0 (plain binary cross-entropy) and 1 (calibrated)."""


@dataclass(frozen=True, slots=True)
class Compared:
    """Items that every row of a batch is compared with.

    Attributes:
        vectors: `(K, d)` unit vectors.
        targets: `(T,)` int64, which candidate is the row's own target and must not count twice; -1 for none.
        stands_for: `(K,)` how many items of the catalogue each speaks for: one over the probability with
            which it was drawn, 1 where all items are candidates.
    """

    vectors: Tensor
    targets: Tensor
    stands_for: Tensor


def softmax_loss(
    queries: Tensor,
    positives: Tensor,
    candidates: Compared,
    weights: Tensor,
    *,
    scale: float,
    dtype: torch.dtype,
) -> Tensor:
    """Cross-entropy of each row's positive against its own score and those of all candidates.

    With all items as candidates this is the full softmax, otherwise a sampled one, corrected for how likely
    each candidate was drawn (Bengio & Senécal 2008; the logQ of Yi et al. 2019). Its gradient is made in the
    same pass, a few rows at a time, so the `(T, K)` logits stay in the processor's cache.

    Args:
        queries: `(T, d)` unit vectors.
        positives: `(T, d)` unit vectors of the targets.
        candidates: what the targets compete with.
        weights: `(T,)` weight of each row.
        scale: the cosine is multiplied by it, the inverse of a temperature.
        dtype: what the products with the candidates are computed in.

    Returns:
        The weighted sum of the rows' losses, a scalar.
    """
    loss: Tensor = _Softmax.apply(  # type: ignore[no-untyped-call]
        queries,
        positives,
        candidates.vectors,
        candidates.targets,
        candidates.stands_for,
        weights,
        scale,
        dtype,
    )
    return loss


def gbce_loss(
    queries: Tensor,
    positives: Tensor,
    candidates: Compared,
    weights: Tensor,
    *,
    scale: float,
    n_items: int,
    dtype: torch.dtype,
) -> Tensor:
    """Binary cross-entropy whose positive is raised to a power (gBCE, Petrov & Macdonald 2023).

    The power undoes the overconfidence that comes from seeing a sample of the negatives only. A cosine leaves
    no room for the many items that suit nobody: the logarithm of their number is taken off the logits.
    Arguments and result are those of `softmax_loss`, `n_items` is the size of the catalogue; the candidates
    must have been drawn uniformly.
    """
    # The only item of a catalogue has no negatives to draw from.
    rate = min(1.0, len(candidates.vectors) / max(1, n_items - 1))
    power = rate * (CALIBRATION * (1.0 - 1.0 / rate) + 1.0 / rate)
    bias = math.log(n_items)
    own = scale * (queries * positives).sum(dim=1) - bias
    others = (scale * queries).to(dtype) @ candidates.vectors.to(dtype).T
    found = torch.nonzero(candidates.targets >= 0).squeeze(1)
    others = others.to(own.dtype).index_put((found, candidates.targets[found]), own.new_tensor(-math.inf))
    losses = power * functional.softplus(-own) + functional.softplus(others - bias).sum(dim=1)
    return (weights * losses).sum()


class _Softmax(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        queries: Tensor,
        positives: Tensor,
        candidates: Tensor,
        targets: Tensor,
        stands_for: Tensor,
        weights: Tensor,
        scale: float,
        dtype: torch.dtype,
    ) -> Tensor:
        count, padding = len(queries), -len(queries) % ROWS_STEP
        queries, positives = (functional.pad(x, (0, 0, 0, padding)) for x in (queries, positives))
        targets = functional.pad(targets, (0, padding), value=-1)
        weights = functional.pad(weights, (0, padding))
        d_queries, d_positives = torch.empty_like(queries), torch.empty_like(positives)
        d_candidates = torch.zeros_like(candidates)
        # Cosines end at 1, so `scale` bounds the logits and the softmax need not search their maximum.
        log_own = (queries * positives).sum(dim=1).mul_(scale)
        own, scaled, narrow = log_own.exp(), (queries * scale).to(dtype), candidates.to(dtype)
        # One product gives both the gradient's direction and, by the last column, the partition.
        weighted = (functional.pad(candidates, (0, 1), value=1.0) * stands_for[:, None]).to(dtype)
        total = queries.new_zeros(())
        for start in range(0, len(queries), ROWS_AT_ONCE):
            rows = slice(start, start + ROWS_AT_ONCE)
            others = (scaled[rows] @ narrow.T).exp_()
            found = torch.nonzero(targets[rows] >= 0).squeeze(1)
            others[found, targets[rows][found]] = 0.0
            pulls = (others @ weighted).to(queries.dtype)
            partition = pulls[:, -1] + own[rows]
            total += (weights[rows] * (partition.log() - log_own[rows])).sum()
            part = (scale * weights[rows] / partition)[:, None]
            d_own = part * own[rows, None] - (scale * weights[rows])[:, None]
            torch.addcmul(d_own * positives[rows], part, pulls[:, :-1], out=d_queries[rows])
            torch.mul(d_own, queries[rows], out=d_positives[rows])
            d_candidates += others.T @ (part * queries[rows]).to(dtype)
        d_candidates *= stands_for[:, None]
        ctx.save_for_backward(d_queries[:count], d_positives[:count], d_candidates)
        return total

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor | None, ...]:
        (grad,) = grad_outputs
        d_queries, d_positives, d_candidates = ctx.saved_tensors
        return grad * d_queries, grad * d_positives, grad * d_candidates, None, None, None, None, None
