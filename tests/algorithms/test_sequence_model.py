"""What a sequence model may see: the past, the kinds and the gaps, and nothing else."""

from __future__ import annotations

import pytest
import torch

from shop_recs.algorithms.sequence.model import SequenceModel
from shop_recs.algorithms.sequence.transformer import Transformer

pytestmark = pytest.mark.training

D, LENGTH = 16, 12


@pytest.fixture
def model():
    torch.manual_seed(0)
    network = Transformer(dimensions=D, blocks=2, heads=2, length=LENGTH, dropout=0.3)
    return SequenceModel(network, n_items=30, dimensions=D, dropout=0.3).eval()


def inputs(model, *, length):
    vectors = model.vectors(torch.arange(length))[None]
    return vectors, torch.ones(1, length, dtype=torch.int64), torch.ones(1, length)


@torch.no_grad()
def test_a_later_event_changes_nothing_before_it(model):
    vectors, kinds, gaps = inputs(model, length=8)
    before = model.queries(vectors, kinds, gaps)
    vectors[0, 5], kinds[0, 6], gaps[0, 7] = model.vectors(torch.tensor(29)), 3, 100.0
    after = model.queries(vectors, kinds, gaps)
    torch.testing.assert_close(after[:, :5], before[:, :5])
    assert (after[:, 5:] - before[:, 5:]).abs().amax(dim=2).min() > 1e-4


@torch.no_grad()
def test_padding_changes_nothing(model):
    vectors, kinds, gaps = inputs(model, length=9)
    alone = model.queries(vectors[:, :4], kinds[:, :4], gaps[:, :4])
    padded = model.queries(vectors, kinds, gaps)
    torch.testing.assert_close(padded[:, :4], alone)


@torch.no_grad()
def test_attention_knows_distances_only(model):
    attention, x = model.network.blocks[0].attention, torch.randn(1, 5, D // 2)
    rotated = attention._rotated(torch.cat([x, x], dim=1)[None])[0, 0]
    products = rotated @ rotated.T
    torch.testing.assert_close(products[:5, :5], products[5:, 5:], atol=1e-4, rtol=1e-4)
    assert (products[0, :5] - products[0, 5:]).abs().max() > 0.1


@torch.no_grad()
def test_queries_and_item_vectors_have_unit_length(model):
    queries = model.queries(*inputs(model, length=6))
    torch.testing.assert_close(queries.norm(dim=-1), torch.ones(1, 6))
    torch.testing.assert_close(model.table().norm(dim=-1), torch.ones(30))


@torch.no_grad()
@pytest.mark.parametrize(("changed", "value"), [("kind", 4), ("gap", 40.0), ("gap", -1.0)])
def test_the_kind_and_the_gap_of_an_event_count(model, changed, value):
    vectors, kinds, gaps = inputs(model, length=5)
    before = model.queries(vectors, kinds, gaps)[0, -1]
    (kinds if changed == "kind" else gaps)[0, 3] = value
    after = model.queries(vectors, kinds, gaps)[0, -1]
    assert (after - before).abs().max() > 1e-4
