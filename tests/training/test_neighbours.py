"""Versions that hold neighbours are stored, served, rolled back and dropped as those of vectors are."""

from __future__ import annotations

import numpy as np
import pytest
from django.db import connection

from shop_recs.algorithms.base import Fitted, NotEnoughData
from shop_recs.exceptions import NothingToPublish
from shop_recs.models import ActiveModel, ItemNeighbour, ItemVector, ModelVersion
from shop_recs.training import partitions, publish
from shop_recs.training.contents import contents_of
from tests.training.conftest import orphans, served_neighbours, store, store_neighbours


@pytest.fixture
def shop(committed, make_product):
    """Six products, in a database that other connections see."""
    return [make_product(f"Product {number}") for number in range(6)]


def test_a_stored_version_is_served_and_says_what_it_holds(shop):
    version = store_neighbours("item_knn", shop)
    assert ActiveModel.objects.get().version == version
    assert (version.dimensions, version.pair_count, version.item_count) == (None, 12, 6)
    assert served_neighbours("item_knn") == ({version.pk}, {float(version.pk)}, 12)


def test_neighbours_come_back_as_they_were(shop):
    pair_scores = np.random.default_rng(1).random(12).astype(np.float32) + 0.1
    support = np.arange(1, 13, dtype=np.int32)
    version = store_neighbours("item_knn", shop, pair_scores=pair_scores, support=support)
    stored = {
        (row.product_id, row.neighbour_id): (np.float32(row.score), row.support)
        for row in ItemNeighbour.objects.filter(version=version)
    }
    assert stored == {
        (shop[item].pk, shop[(item + step) % 6].pk): (pair_scores[row], support[row])
        for row, (item, step) in enumerate((item, step) for item in range(6) for step in (1, 2))
    }


def test_the_neighbours_of_a_product_are_found_by_its_key(shop):
    version = store_neighbours("item_knn", shop)
    with connection.cursor() as cursor:
        cursor.execute("SET enable_seqscan = off")
        cursor.execute(
            "EXPLAIN SELECT neighbour_id FROM shop_recs_itemneighbour"
            " WHERE version_id = %s AND product_id = ANY(%s)",
            [version.pk, [shop[0].pk, shop[3].pk]],
        )
        plan = " ".join(line for (line,) in cursor.fetchall())
        cursor.execute("RESET enable_seqscan")
    assert f"{partitions.table_of(ItemNeighbour, version.pk)}_pkey" in plan


def test_a_fit_without_any_pair_is_not_published(shop):
    before = store_neighbours("item_knn", shop)
    nothing = {
        "offsets": np.zeros(7, dtype=np.int64),
        "neighbours": np.empty(0, dtype=np.int32),
        "pair_scores": np.empty(0, dtype=np.float32),
        "support": np.empty(0, dtype=np.int32),
        "known": np.zeros(6, dtype=np.bool_),
    }
    with pytest.raises(NotEnoughData, match="no product a vector or a neighbour"):
        store_neighbours("item_knn", shop, **nothing)
    assert ActiveModel.objects.get().version == before


def test_what_is_neither_vectors_nor_neighbours_is_refused_in_words():
    class Table(Fitted):
        def scores(self, histories, items):
            raise NotImplementedError

        def history(self, items, kinds, ages):
            raise NotImplementedError

    with pytest.raises(TypeError, match="only vectors and neighbours can be stored, not Table"):
        contents_of(Table(known=np.ones(1, dtype=np.bool_), encoder=None), [1])


def test_an_algorithm_may_change_from_vectors_to_neighbours_and_back(shop):
    vectors = store("als", shop)
    neighbours = store_neighbours("als", shop)
    assert served_neighbours("als")[0] == {neighbours.pk}
    assert publish.rollback("als") == vectors
    with pytest.raises(NothingToPublish, match=r"older than \d+ is kept"):
        publish.rollback("als")


def test_older_versions_are_dropped_with_their_neighbours(shop, configure):
    configure(KEEP_VERSIONS=1)
    versions = [store_neighbours("item_knn", shop) for _ in range(3)]
    statuses = [ModelVersion.objects.get(pk=version.pk).status for version in versions]
    assert statuses == ["retired", "ready", "ready"]
    assert partitions.existing() == {version.pk for version in versions[1:]}


def test_cleaning_up_drops_neighbours_and_vectors_that_no_version_has(shop):
    gone = [store("als", shop), store_neighbours("item_knn", shop)]
    ready = store_neighbours("user_knn", shop)
    keys = [version.pk for version in gone]
    ActiveModel.objects.filter(version__in=keys).delete()
    ModelVersion.objects.filter(pk__in=keys).delete()
    assert publish.clean_up().orphan_partitions == keys
    assert orphans() == set()
    assert served_neighbours("user_knn")[0] == {ready.pk}
    assert not ItemVector.objects.exists()
