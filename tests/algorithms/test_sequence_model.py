"""What goes into a sequence model counts, and what comes out has unit length."""

from __future__ import annotations

import pytest
import torch

from shop_recs.algorithms.sequence.model import SequenceModel
from shop_recs.algorithms.sequence.objectives import NextEvent
from shop_recs.algorithms.sequence.transformer import Transformer

pytestmark = pytest.mark.training

D, LENGTH = 16, 12


@pytest.fixture
def model():
    torch.manual_seed(0)
    network = Transformer(dimensions=D, blocks=2, heads=2, length=LENGTH, dropout=0.3)
    return SequenceModel(NextEvent(network, dimensions=D), n_items=30, dimensions=D, dropout=0.3).eval()


def inputs(model, *, length):
    return model.vectors(torch.arange(length)), torch.ones(length, dtype=torch.int64), torch.ones(length)


@torch.no_grad()
def test_attention_knows_distances_only(model):
    attention, x = model.objective.network.blocks[0].attention, torch.randn(1, 5, D // 2)
    rotated = attention._rotated(torch.cat([x, x], dim=1)[None], slice(10))[0, 0]
    products = rotated @ rotated.T
    torch.testing.assert_close(products[:5, :5], products[5:, 5:], atol=1e-4, rtol=1e-4)
    assert (products[0, :5] - products[0, 5:]).abs().max() > 0.1


@torch.no_grad()
def test_queries_and_item_vectors_have_unit_length(model):
    query = model.query(*inputs(model, length=6))
    torch.testing.assert_close(query.norm(), torch.ones(()))
    torch.testing.assert_close(model.table().norm(dim=-1), torch.ones(30))


@torch.no_grad()
@pytest.mark.parametrize(("changed", "value"), [("kind", 4), ("gap", 40.0), ("gap", -1.0)])
def test_the_kind_and_the_gap_of_an_event_count(model, changed, value):
    vectors, kinds, gaps = inputs(model, length=5)
    before = model.query(vectors, kinds, gaps)
    (kinds if changed == "kind" else gaps)[3] = value
    after = model.query(vectors, kinds, gaps)
    assert (after - before).abs().max() > 1e-4
