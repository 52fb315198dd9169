"""The order in which vectors go into a graph."""

from __future__ import annotations

import numpy as np
import pytest
from django.db import connection

from shop_recs.algorithms.encoders.constant import ConstantEncoder
from shop_recs.models import ItemVector
from shop_recs.training import graph, partitions
from tests.training.conftest import store

VECTORS = np.random.default_rng(0).normal(size=(2_000, 8)).astype(np.float32)
VECTORS *= np.random.default_rng(1).lognormal(size=(2_000, 1)).astype(np.float32)


def test_the_longest_tenth_goes_in_first():
    lengths = np.linalg.norm(VECTORS, axis=1)
    order = graph.insertion_order(VECTORS)
    assert sorted(order) == list(range(2_000))
    assert lengths[order[:200]].min() >= lengths[order[200:]].max()


def test_vectors_of_a_direction_follow_one_another():
    units = (VECTORS / np.linalg.norm(VECTORS, axis=1, keepdims=True))[graph.insertion_order(VECTORS)]
    likeness = np.einsum("nd,nd->n", units[:-1], units[1:])
    assert likeness.mean() > 0.5
    assert abs(np.einsum("nd,nd->n", units, np.roll(units, 700, axis=0)).mean()) < 0.1


@pytest.mark.parametrize("vectors", [np.zeros((30, 4)), np.ones((30, 1)), np.ones((3, 4))])
def test_any_vectors_have_an_order(vectors):
    assert sorted(graph.insertion_order(vectors.astype(np.float32))) == list(range(len(vectors)))


@pytest.mark.parametrize("exact_below", [30, 31])
def test_only_what_is_indexed_is_stored_in_that_order(committed, configure, make_product, exact_below):
    configure(EXACT_BELOW=exact_below)
    products = [make_product(f"Product {number}") for number in range(30)]
    vectors = VECTORS[:30, :4]
    version = store("als", products, item_vectors=vectors, encoder=ConstantEncoder(vectors[0]))
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT product_id FROM {partitions.table_of(ItemVector, version.pk)} ORDER BY ctid")
        stored = [key for (key,) in cursor.fetchall()]
    order = graph.insertion_order(vectors).tolist() if exact_below == 30 else range(30)
    keys = [product.pk for product in products]
    assert stored == [keys[item] for item in order]
