"""What a version of neighbours ranks, and why it says so."""

from __future__ import annotations

import numpy as np
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from shop_recs import recommended_for_you, similar_items
from shop_recs.algorithms.encoders.constant import ConstantEncoder
from shop_recs.conf import get_product_model
from shop_recs.models import ItemNeighbour, Kind, ModelVersion
from shop_recs.serving import context, eligible, ladder, retrieve
from shop_recs.serving.pools import Pool
from shop_recs.tracking.identity import shopper_of
from shop_recs.training import partitions
from tests.serving.sent import statement_in
from tests.serving.versions import (
    neighbours,
    publish_neighbours,
    publish_popularity,
    publish_vectors,
)


@pytest.fixture(autouse=True)
def _served(settings):
    settings.SHOP_RECS = settings.SHOP_RECS | {"LADDER": ["item_knn", "als", "popular"]}


@pytest.fixture
def goods(shelves):
    """Chairs 0 to 4, then lamps 0 to 4."""
    chairs, lamps = shelves
    return chairs + lamps


@pytest.fixture
def beside(goods):
    """A version in which chair 0 goes with chairs 1 and 2, and lamp 0 with lamps 1 to 3 and chair 2."""
    pairs = {0: {1: 0.9, 2: 0.5}, 5: {6: 0.8, 7: 0.4, 8: 0.1, 2: 0.3}}
    return publish_neighbours("item_knn", goods, neighbours(pairs, n_items=10))


def names(products):
    return [product.name for product in products]


def among(*products):
    return get_product_model().objects.filter(pk__in=[product.pk for product in products])


def planted(n_items, rng):
    """Random neighbours: six or fewer of each item, but for one that has none."""
    others = [rng.permutation(np.delete(np.arange(n_items), item))[:6] for item in range(n_items - 1)]
    pairs = {item: {other: rng.random() for other in of_item.tolist()} for item, of_item in enumerate(others)}
    return neighbours(pairs, n_items=n_items)


def test_the_scores_are_those_that_are_evaluated(goods, visitor, did, request_of):
    fitted = planted(10, np.random.default_rng(3))
    version = publish_neighbours("item_knn", goods, fitted)
    seen = np.array([4, 7, 4, 0])
    did(visitor, Kind.VIEW, *(goods[item] for item in seen))
    minutes = np.array([4, 3, 2, 1], dtype=np.float32) / (24 * 60)
    history = fitted.history(seen, np.ones(4, dtype=np.int8), minutes)
    (scores,) = fitted.scores([history], [seen])
    recs = recommended_for_you(request_of(visitor), limit=10, products=among(*goods))
    ranked = [product for product in recs if product.recommendation.source == "item_knn"]
    expected = {goods[item].pk: scores[item] for item in np.flatnonzero(scores > -np.inf)}
    served = {product.pk: product.recommendation.score for product in ranked}
    assert served == pytest.approx(expected, rel=1e-4)
    assert list(served.values()) == sorted(served.values(), reverse=True)
    assert (recs.rung, recs.version) == ("item_knn", version.pk)


def test_only_the_events_that_the_encoder_looks_at_count(goods, visitor, did, request_of):
    fitted = neighbours({0: {1: 0.9}, 5: {6: 0.1}}, n_items=10)
    fitted.encoder.history_length = 1
    publish_neighbours("item_knn", goods, fitted)
    did(visitor, Kind.VIEW, goods[0], goods[5], goods[9])
    recs = recommended_for_you(request_of(visitor), products=among(goods[1], goods[6]))
    assert [product.recommendation.source for product in recs] == ["item_knn", "newest"]
    assert recs[0] == goods[6]


def test_instances_are_the_shops_own_and_as_the_shop_would_have_loaded_them(
    beside, goods, visitor, did, request_of
):
    did(visitor, Kind.VIEW, goods[0])
    recs = recommended_for_you(request_of(visitor), limit=4)
    assert {type(product) for product in recs} == {get_product_model()}
    assert not [name for product in recs for name in vars(product) if name.startswith("_shop_recs")]


def test_a_filter_never_starves_the_list_while_a_neighbour_passes_it(goods, visitor, did, request_of):
    everything = {item: 1 - item / 10 for item in range(1, 10)}
    publish_neighbours("item_knn", goods, neighbours({0: everything}, n_items=10))
    did(visitor, Kind.VIEW, goods[0])
    recs = recommended_for_you(request_of(visitor), limit=1, products=among(goods[9]))
    assert (list(recs), recs.rung) == ([goods[9]], "item_knn")


def test_a_short_list_is_filled_up_by_the_other_rungs_without_repeats(
    beside, goods, tastes, visitor, did, request_of
):
    publish_vectors("als", goods[:5], tastes[:5])
    publish_popularity(goods)
    did(visitor, Kind.VIEW, goods[0])
    recs = recommended_for_you(request_of(visitor), limit=8)
    sources = [product.recommendation.source for product in recs]
    assert sources == ["item_knn"] * 2 + ["als"] * 3 + ["popular"] * 3
    assert len(set(recs)) == 8


def test_neighbours_fill_up_what_vectors_leave_missing(beside, goods, tastes, visitor, did, request_of):
    als = publish_vectors("als", goods[:1], tastes[:1])
    ModelVersion.objects.filter(pk=als.pk).update(metrics={"model": {"discovery": {"ndcg@10": 0.5}}})
    publish_popularity(goods)
    did(visitor, Kind.VIEW, goods[0])
    recs = recommended_for_you(request_of(visitor), limit=4)
    assert names(recs)[:3] == ["Chair 0", "Chair 1", "Chair 2"]
    assert [product.recommendation.source for product in recs] == ["als", "item_knn", "item_knn", "popular"]
    assert str(recs[1].recommendation.reason) == "because you viewed Chair 0"
    assert recs[1].recommendation.score == pytest.approx(0.9)


@pytest.mark.parametrize(("knn", "rung"), [(0.3, "item_knn"), (0.1, "als")])
def test_whichever_foretold_better_goes_first(beside, goods, tastes, visitor, did, request_of, knn, rung):
    als = publish_vectors("als", goods, tastes)
    for version, merit in ((beside, knn), (als, 0.2)):
        version.metrics = {"model": {"discovery": {"ndcg@10": merit}}}
        version.save()
    did(visitor, Kind.VIEW, goods[0])
    assert recommended_for_you(request_of(visitor), limit=2).rung == rung


def test_a_visitor_whose_products_have_no_neighbours_gets_what_the_next_rung_knows(
    beside, goods, visitor, did, request_of
):
    publish_popularity(goods)
    did(visitor, Kind.VIEW, goods[9])
    assert recommended_for_you(request_of(visitor), limit=3).rung == "popular"


def test_a_version_that_was_dropped_since_the_context_answers_nothing(
    beside, goods, visitor, did, request_of
):
    did(visitor, Kind.VIEW, goods[0])
    seen = context.of_shopper(shopper_of(request_of(visitor)), using="default")
    (rung,) = ladder.for_shopper(seen)
    partitions.drop(beside.pk)
    assert retrieve.nearest(eligible.available(), rung, seen, limit=4) == []
    pools = [Pool(eligible.available(), rung, 4), Pool(eligible.available(), None, 4)]
    filled = retrieve.candidates(eligible.available(), pools)
    assert [candidate.measured for candidate in filled] == [{}] * 4


class TestQueries:
    def test_a_warm_list_costs_two(self, beside, goods, visitor, did, request_of, django_assert_num_queries):
        publish_popularity(goods)
        did(visitor, Kind.VIEW, goods[0], goods[5])
        recommended_for_you(request_of(visitor), limit=4)
        request = request_of(visitor)
        with django_assert_num_queries(2):
            recs = recommended_for_you(request, limit=4)
            assert [str(product.recommendation.reason) for product in recs]
        assert recs.rung == "item_knn"

    def test_the_first_list_of_a_process_costs_no_more(
        self, beside, goods, visitor, did, request_of, django_assert_num_queries
    ):
        did(visitor, Kind.VIEW, goods[0], goods[5])
        with django_assert_num_queries(2):
            recommended_for_you(request_of(visitor), limit=4)

    def test_a_list_that_must_be_filled_up_costs_three(
        self, beside, goods, tastes, visitor, did, request_of, django_assert_num_queries
    ):
        publish_vectors("als", goods, tastes)
        publish_popularity(goods)
        did(visitor, Kind.VIEW, goods[0])
        with django_assert_num_queries(3):
            assert len(recommended_for_you(request_of(visitor), limit=10)) == 10

    def test_similar_items_cost_two(self, beside, goods, django_assert_num_queries):
        with django_assert_num_queries(2):
            recs = similar_items([goods[0], goods[5]], limit=4)
            assert [str(product.recommendation.reason) for product in recs]

    def test_a_strangers_list_reads_no_neighbours(self, beside, goods, request_of, django_assert_num_queries):
        publish_popularity(goods)
        with django_assert_num_queries(2):
            assert recommended_for_you(request_of(), limit=4).rung == "popular"

    def test_the_index_of_the_products_key_finds_the_neighbours(
        self, beside, goods, visitor, did, request_of
    ):
        did(visitor, Kind.VIEW, goods[0])
        with CaptureQueriesContext(connection) as captured:
            recommended_for_you(request_of(visitor), limit=2)
        ranking = statement_in(captured[-1]["sql"])
        with connection.cursor() as cursor:
            cursor.execute("SET enable_seqscan = off")
            cursor.execute(f"EXPLAIN {ranking}")
            plan = " ".join(line for (line,) in cursor.fetchall())
            cursor.execute("RESET enable_seqscan")
        assert f" {get_product_model()._meta.db_table}_pkey" in plan
        assert f"{partitions.table_of(ItemNeighbour, beside.pk)}_pkey" in plan


class TestReasons:
    def test_name_the_event_that_contributes_most(self, goods, visitor, did, request_of):
        fitted = neighbours({0: {2: 0.5, 3: 0.1}, 5: {2: 0.3, 3: 0.2}}, n_items=10)
        publish_neighbours("item_knn", goods, fitted)
        did(visitor, Kind.VIEW, goods[0], days_ago=0.5)
        did(visitor, Kind.PURCHASE, goods[5])
        reasons = {
            product.name: str(product.recommendation.reason)
            for product in recommended_for_you(request_of(visitor), limit=2)
        }
        assert reasons == {"Chair 2": "because you viewed Chair 0", "Chair 3": "because you bought Lamp 0"}

    def test_name_the_latest_of_equals(self, beside, goods, visitor, did, request_of, settings):
        settings.SHOP_RECS = settings.SHOP_RECS | {"EXCLUDE_PURCHASED": False}
        did(visitor, Kind.VIEW, goods[0])
        did(visitor, Kind.FAVOURITE, goods[0])
        best, *_ = recommended_for_you(request_of(visitor))
        assert str(best.recommendation.reason) == "because you saved Chair 0"

    def test_never_name_a_product_that_was_deleted(self, goods, visitor, did, request_of):
        fitted = neighbours({0: {2: 0.5}, 5: {2: 0.3}}, n_items=10)
        publish_neighbours("item_knn", goods, fitted)
        did(visitor, Kind.VIEW, goods[5], goods[0])
        for gone, words in ((goods[0], "because you viewed Lamp 0"), (goods[5], "")):
            gone.delete()
            best, *_ = recommended_for_you(request_of(visitor), limit=1)
            assert (best.recommendation.source, str(best.recommendation.reason)) == ("item_knn", words)


class TestSimilarItems:
    def test_are_the_neighbours_by_their_score(self, beside, goods):
        recs = similar_items(goods[5], limit=4)
        assert names(recs) == ["Lamp 1", "Lamp 2", "Chair 2", "Lamp 3"]
        scores = [product.recommendation.score for product in recs]
        assert scores == pytest.approx([0.8, 0.4, 0.3, 0.1])
        assert str(recs[0].recommendation.reason) == "similar to Lamp 0"

    def test_of_several_products_add_up(self, beside, goods):
        recs = similar_items([goods[0], goods[5]], limit=3)
        assert (names(recs)[0], {*names(recs)[1:]}) == ("Chair 1", {"Lamp 1", "Chair 2"})
        scores = [product.recommendation.score for product in recs]
        assert scores == pytest.approx([0.45, 0.4, 0.4])

    def test_are_not_neighbours_that_do_not_mean_likeness(self, goods, tastes):
        fitted = neighbours({0: {1: 0.9}}, n_items=10)
        publish_neighbours("item_knn", goods, fitted, finds_similar=False)
        publish_vectors("als", goods, tastes)
        assert similar_items(goods[0], limit=4).rung == "als"


@pytest.mark.parametrize(
    "weights", [np.ones(3), np.array([np.nan]), -np.ones(1)], ids=["too many", "not finite", "negative"]
)
def test_an_encoder_that_answers_nonsense_is_passed_over_and_reported_once(
    goods, visitor, did, request_of, caplog, weights
):
    fitted = neighbours({0: {1: 0.9}}, n_items=10)
    encoder = ConstantEncoder(weights)
    encoder.history_length = 1
    publish_neighbours("item_knn", goods, fitted, encoder=encoder)
    publish_popularity(goods)
    did(visitor, Kind.VIEW, goods[0])
    assert [recommended_for_you(request_of(visitor), limit=2).rung for _ in range(3)] == ["popular"] * 3
    assert len(caplog.records) == 1
