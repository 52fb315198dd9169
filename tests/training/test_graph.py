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
ONES = np.ones(4, dtype=np.float32)


class Said:
    """Notes how many workers the database is told to use."""

    def __init__(self):
        self.workers = []

    def __call__(self, execute, statement, params, many, context):
        if "max_parallel_maintenance_workers" in str(statement):
            self.workers += params
        return execute(statement, params, many, context)


@pytest.fixture
def catalogue(committed, make_product):
    return [make_product(f"Product {number}") for number in range(30)]


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
def test_only_what_is_indexed_is_stored_in_that_order(catalogue, configure, exact_below):
    configure(EXACT_BELOW=exact_below)
    vectors = VECTORS[:30, :4]
    version = store("als", catalogue, item_vectors=vectors, encoder=ConstantEncoder(vectors[0]))
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT product_id FROM {partitions.table_of(ItemVector, version.pk)} ORDER BY ctid")
        stored = [key for (key,) in cursor.fetchall()]
    order = graph.insertion_order(vectors).tolist() if exact_below == 30 else range(30)
    keys = [product.pk for product in catalogue]
    assert stored == [keys[item] for item in order]


def test_processes_of_the_database_help_to_build_where_a_training_may_use_threads(catalogue, configure):
    configure(EXACT_BELOW=10, TRAINING_THREADS=3)
    with connection.execute_wrapper(said := Said()):
        store("als", catalogue, encoder=ConstantEncoder(ONES))
    assert said.workers == ["2"]


def test_an_index_is_built_without_help_where_shared_memory_is_short(
    catalogue, configure, monkeypatch, caplog
):
    configure(EXACT_BELOW=10, TRAINING_THREADS=2)
    monkeypatch.setattr(partitions, "LEAST_INDEX_MEMORY", 1 << 40)
    monkeypatch.setattr(partitions, "MOST_INDEX_MEMORY", 1 << 40)
    with connection.execute_wrapper(said := Said()), connection.cursor() as cursor:
        cursor.execute("SET min_parallel_table_scan_size = 0")
        version = store("als", catalogue, encoder=ConstantEncoder(ONES))
        cursor.execute("RESET min_parallel_table_scan_size")
    assert said.workers == ["1", "0"]
    assert "built by one process of the database, since: could not resize shared memory" in caplog.text
    assert version.metrics["index"]["similar"]["recall@20"] == 1.0
