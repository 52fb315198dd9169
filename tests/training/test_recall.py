"""The share of an exact search that an index finds."""

from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np
import pytest
from django.db import connection

from shop_recs.algorithms.base import FittedVectors
from shop_recs.algorithms.encoders.fold_in import FoldInEncoder
from shop_recs.bench.log import shop_log
from shop_recs.bench.products import invent_products
from shop_recs.conf import get_product_model
from shop_recs.training import partitions, recall
from tests.training.conftest import store

ITEMS, DIMENSIONS = 3_000, 16


@pytest.fixture
def catalogue(committed, configure):
    """More products than are scanned exactly."""
    configure(EXACT_BELOW=1_000)
    return get_product_model()._default_manager.in_bulk(invent_products(ITEMS)).values()


def uneven():
    rng = np.random.default_rng(0)
    lengths = rng.lognormal(sigma=1.0, size=(ITEMS, 1))
    return (rng.normal(size=(ITEMS, DIMENSIONS)) * lengths).astype(np.float32)


def fold_in(vectors):
    weights = {"alpha": 1.0, "half_life_days": 90.0, "step_decay": 1.0, "history_length": 20}
    return FoldInEncoder(
        vectors.T @ vectors + np.eye(DIMENSIONS, dtype=np.float32), np.ones(8, dtype=np.float32), **weights
    )


def fitted(vectors):
    return FittedVectors(
        item_vectors=vectors, known=np.ones(len(vectors), dtype=np.bool_), encoder=fold_in(vectors)
    )


def queries():
    log = shop_log(20_000, items=ITEMS, shoppers=1_000, every_item=True)
    return recall.queries_of(fitted(uneven()), log)


def test_a_version_says_how_wide_its_index_is_searched_and_what_that_finds(catalogue):
    vectors = uneven()
    version = store(
        "als",
        catalogue,
        item_vectors=vectors,
        dimensions=DIMENSIONS,
        encoder=fold_in(vectors),
        queries=queries(),
    )
    found = version.metrics["index"]
    assert set(found) == {"personal", "similar"}
    assert all(use["ef_search"] in recall.WIDTHS for use in found.values())
    assert all(recall.SOUND < use["recall@20"] <= 1 for use in found.values())


def test_what_is_scanned_exactly_is_not_measured(catalogue, configure):
    configure(EXACT_BELOW=ITEMS + 1)
    assert "index" not in store("als", catalogue, item_vectors=uneven(), encoder=fold_in(uneven())).metrics


@pytest.mark.parametrize("alike", [0.0, 1_000.0])
def test_the_share_is_that_of_an_exact_search(catalogue, alike):
    """The oracle: what the database finds when it may use no index is all there is."""
    vectors = uneven() + np.float32(alike)
    version = store("als", catalogue, item_vectors=vectors, dimensions=DIMENSIONS, encoder=fold_in(vectors))
    with connection.cursor() as cursor:
        cursor.execute("SET enable_indexscan = off")
    exact = recall.measured(version.pk, fitted(vectors), personal=queries(), similar=True)
    with connection.cursor() as cursor:
        cursor.execute("RESET enable_indexscan")
    assert {use["recall@20"] for use in exact.values()} == {1.0}


def test_a_search_that_misses_much_is_reported(catalogue, caplog):
    version = store("als", catalogue, item_vectors=uneven(), dimensions=DIMENSIONS, encoder=fold_in(uneven()))
    other = replace(fitted(uneven()), item_vectors=3 * uneven()[::-1])
    with caplog.at_level(logging.WARNING):
        found = recall.measured(version.pk, other, personal=queries(), similar=False)
    assert found["personal"]["ef_search"] == recall.WIDTHS[-1]
    assert "of what an exact search does" in caplog.text


def test_a_wider_search_finds_no_less(catalogue):
    version = store("als", catalogue, item_vectors=uneven(), dimensions=DIMENSIONS, encoder=fold_in(uneven()))
    narrow, wide = (
        sum(map(sum, partitions.nearest(version.pk, queries(), operator="<#>", width=width, limit=20)))
        for width in (20, 400)
    )
    assert wide <= narrow


def test_what_a_search_does_not_give_was_not_found(catalogue):
    version = store("als", catalogue, item_vectors=uneven(), dimensions=DIMENSIONS, encoder=fold_in(uneven()))
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM shop_recs_itemvector_v{version.pk}")
    found = recall.measured(version.pk, fitted(uneven()), personal=queries(), similar=False)
    assert found["personal"]["recall@20"] == 0.0
