"""The shared softmax is the cross-entropy it stands for, in value and in gradient."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from shop_recs.algorithms.sequence.losses import ROWS_AT_ONCE, shared_softmax

pytestmark = pytest.mark.training

SCALE = 14.0


def unit(*shape, dtype=torch.float64):
    generator = torch.Generator().manual_seed(0)
    vectors = torch.randn(*shape, dtype=dtype, generator=generator)
    return functional.normalize(vectors, dim=-1).requires_grad_()


def test_with_all_items_it_is_the_weighted_cross_entropy():
    rows = 2 * ROWS_AT_ONCE + 7
    queries, items = unit(rows, 8), unit(20, 8)
    targets, weights = torch.arange(rows) % 20, torch.rand(rows, dtype=torch.float64)
    losses = functional.cross_entropy(SCALE * queries @ items.T, targets, reduction="none")
    expected = (weights * losses).sum()
    wanted = torch.autograd.grad(expected, (queries, items))
    loss = shared_softmax(queries, items[targets], items, targets, weights, scale=SCALE)
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(torch.autograd.grad(loss, (queries, items)), wanted)


def test_with_a_sample_the_positive_competes_with_the_sample_only():
    queries, positives, candidates = unit(5, 8), unit(5, 4, 8)[:, 2], unit(3, 8)
    nothing = torch.full((5,), -1)
    logits = torch.cat([(queries * positives).sum(1, keepdim=True), queries @ candidates.T], dim=1)
    expected = functional.cross_entropy(SCALE * logits, torch.zeros(5, dtype=torch.int64), reduction="sum")
    ones = torch.ones(5, dtype=torch.float64)
    torch.testing.assert_close(
        shared_softmax(queries, positives, candidates, nothing, ones, scale=SCALE), expected
    )


def test_a_target_that_was_drawn_into_the_sample_counts_once():
    queries, items = unit(2, 8), unit(6, 8)
    targets, ones = torch.tensor([0, 1]), torch.ones(2, dtype=torch.float64)
    drawn = shared_softmax(queries, items[targets], items[:4], torch.tensor([0, 1]), ones, scale=SCALE)
    logits = SCALE * queries @ items[:4].T
    torch.testing.assert_close(drawn, functional.cross_entropy(logits, targets, reduction="sum"))


def test_a_sample_speaks_for_the_whole_catalogue():
    """Where every item was drawn thrice, each speaks for a third of itself."""
    queries, items, ones = unit(4, 8), unit(6, 8), torch.ones(4, dtype=torch.float64)
    nothing, positives = torch.full((4,), -1), unit(4, 2, 8)[:, 1]
    once = shared_softmax(queries, positives, items, nothing, ones, scale=SCALE)
    thrice = items.repeat(3, 1)
    thirds = shared_softmax(queries, positives, thrice, nothing, ones, scale=SCALE, stands_for=1 / 3)
    torch.testing.assert_close(thirds, once)


def test_its_gradient_is_that_of_finite_differences():
    inputs = (unit(4, 3), unit(4, 2, 3)[:, 0].detach().requires_grad_(), unit(5, 3))
    hits, weights = torch.tensor([-1, 2, -1, 0]), torch.tensor([1.0, 2.0, 0.5, 3.0], dtype=torch.float64)
    assert torch.autograd.gradcheck(
        lambda q, p, c: shared_softmax(q, p, c, hits, weights, scale=SCALE), inputs
    )
