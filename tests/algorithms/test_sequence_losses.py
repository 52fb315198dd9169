"""The losses against shared candidates are the formulas they stand for, in value and in gradient."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional

from shop_recs.algorithms.sequence.losses import ROWS_AT_ONCE, Compared, gbce_loss, softmax_loss

pytestmark = pytest.mark.training

SCALE = 14.0


def unit(*shape, dtype=torch.float64, seed=0):
    generator = torch.Generator().manual_seed(seed)
    vectors = torch.randn(*shape, dtype=dtype, generator=generator)
    return functional.normalize(vectors, dim=-1).requires_grad_()


def candidates_of(vectors, targets, stands_for=None):
    ones = torch.ones(len(vectors), dtype=vectors.dtype)
    return Compared(vectors, targets, ones if stands_for is None else stands_for)


def softmax(queries, positives, candidates, weights=None, dtype=None):
    weights = torch.ones(len(queries), dtype=queries.dtype) if weights is None else weights
    dtype = dtype or queries.dtype
    return softmax_loss(queries, positives, candidates, weights, scale=SCALE, dtype=dtype)


def full_softmax(rows, *, dtype=torch.float64):
    """The loss among all of 20 items and its gradients, as torch computes them and as we do."""
    queries, items = unit(rows, 8), unit(20, 8)
    targets, weights = torch.arange(rows) % 20, torch.rand(rows, dtype=torch.float64)
    losses = functional.cross_entropy(SCALE * queries @ items.T, targets, reduction="none")
    wanted = (weights * losses).sum()
    loss = softmax(queries, items[targets], candidates_of(items, targets), weights, dtype)
    gradients = [torch.autograd.grad(value, (queries, items)) for value in (wanted, loss)]
    return (wanted, *gradients[0]), (loss, *gradients[1])


def test_among_all_items_it_is_the_weighted_cross_entropy():
    wanted, got = full_softmax(2 * ROWS_AT_ONCE + 7)
    torch.testing.assert_close(got, wanted)


def test_products_in_bfloat16_move_the_gradient_by_less_than_a_hundredth():
    wanted, got = full_softmax(300, dtype=torch.bfloat16)
    torch.testing.assert_close(got[0], wanted[0], rtol=1e-3, atol=0.0)
    for gradient, exact in zip(got[1:], wanted[1:], strict=True):
        assert (gradient - exact).norm() < 0.01 * exact.norm()


def test_with_a_sample_the_positive_competes_with_the_sample_only():
    queries, positives, candidates = unit(5, 8), unit(5, 4, 8)[:, 2], unit(3, 8)
    logits = torch.cat([(queries * positives).sum(1, keepdim=True), queries @ candidates.T], dim=1)
    wanted = functional.cross_entropy(SCALE * logits, torch.zeros(5, dtype=torch.int64), reduction="sum")
    nothing = torch.full((5,), -1)
    torch.testing.assert_close(softmax(queries, positives, candidates_of(candidates, nothing)), wanted)


def test_a_target_that_was_drawn_into_the_sample_counts_once():
    queries, items = unit(2, 8), unit(6, 8)
    targets = torch.tensor([0, 1])
    drawn = softmax(queries, items[targets], candidates_of(items[:4], targets))
    logits = SCALE * queries @ items[:4].T
    torch.testing.assert_close(drawn, functional.cross_entropy(logits, targets, reduction="sum"))


def test_a_candidate_counts_as_often_as_the_items_it_stands_for():
    queries, items, positives = unit(4, 8), unit(6, 8), unit(4, 2, 8)[:, 1]
    times = torch.tensor([1, 3, 1, 2, 1, 5])
    nothing = torch.full((4,), -1)
    repeated = softmax(queries, positives, candidates_of(items.repeat_interleave(times, dim=0), nothing))
    weighted = softmax(queries, positives, candidates_of(items, nothing, times.double()))
    torch.testing.assert_close(weighted, repeated)
    wanted, got = (torch.autograd.grad(loss, (queries, items)) for loss in (repeated, weighted))
    torch.testing.assert_close(got, wanted)


def test_the_softmax_gradient_is_that_of_finite_differences():
    inputs = (unit(4, 3), unit(4, 2, 3)[:, 0].detach().requires_grad_(), unit(5, 3))
    targets, weights = torch.tensor([-1, 2, -1, 0]), torch.tensor([1.0, 2.0, 0.5, 3.0], dtype=torch.float64)
    times = torch.tensor([1.0, 2.0, 0.5, 1.0, 3.0], dtype=torch.float64)
    assert torch.autograd.gradcheck(
        lambda q, p, c: softmax(q, p, Compared(c, targets, times), weights), inputs
    )


def test_gbce_is_the_published_formula():
    queries, positives, sample = unit(4, 8), unit(4, 8, seed=1), unit(5, 8, seed=2)
    n_items, weights = 21, torch.tensor([1.0, 2.0, 0.5, 3.0], dtype=torch.float64)
    targets = torch.tensor([-1, 2, -1, -1])
    rate = 5 / 20
    power = rate * (0.75 * (1 - 1 / rate) + 1 / rate)
    wanted = torch.zeros((), dtype=torch.float64)
    for row in range(4):
        own = torch.sigmoid(SCALE * queries[row] @ positives[row] - math.log(n_items))
        loss = -torch.log(own**power)
        for place in range(5):
            if place != targets[row]:
                loss -= torch.log(1 - torch.sigmoid(SCALE * queries[row] @ sample[place] - math.log(n_items)))
        wanted = wanted + weights[row] * loss
    candidates = candidates_of(sample, targets)
    got = gbce_loss(
        queries, positives, candidates, weights, scale=SCALE, n_items=n_items, dtype=torch.float64
    )
    torch.testing.assert_close(got, wanted)


def test_gbce_of_the_only_item_pulls_it_to_its_queries():
    queries, items = unit(3, 8), unit(1, 8)
    targets, weights = torch.zeros(3, dtype=torch.int64), torch.ones(3, dtype=torch.float64)
    candidates = candidates_of(items, targets)
    got = gbce_loss(queries, items[targets], candidates, weights, scale=SCALE, n_items=1, dtype=torch.float64)
    torch.testing.assert_close(got, functional.softplus(-SCALE * queries @ items[0]).sum())
    assert torch.autograd.grad(got, items)[0].isfinite().all()
