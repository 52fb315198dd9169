"""The shop's own queryset, ranked lazily."""

from __future__ import annotations

import pytest
from django.db.models import Count, F, QuerySet

from shop_recs import recommended_for_you, similar_items
from shop_recs.conf import get_product_model
from shop_recs.models import Kind
from shop_recs.serving.querysets import RecommendableQuerySet
from tests.serving.versions import neighbours, publish_neighbours, publish_popularity, publish_vectors


class ProductQuerySet(RecommendableQuerySet, QuerySet):
    """What a shop would give its manager."""


@pytest.fixture
def shop(shelves, tastes, visitor, did):
    publish_vectors("als", shelves[0] + shelves[1], tastes)
    publish_popularity(shelves[1])
    did(visitor, Kind.VIEW, shelves[0][0])
    return ProductQuerySet(get_product_model())


def test_it_ranks_as_the_function_does(shop, visitor, request_of):
    ranked = list(shop.recommended_for(request_of(visitor)))
    assert ranked == recommended_for_you(request_of(visitor))
    for product, other in zip(ranked, recommended_for_you(request_of(visitor)), strict=True):
        assert product.recommendation_score == pytest.approx(other.recommendation.score, rel=1e-5)


def test_likeness_ranks_as_the_function_does(shop, shelves):
    ranked = list(shop.similar_to(shelves[0][0]))
    assert ranked == similar_items(shelves[0][0])
    scores = [product.recommendation_score for product in ranked]
    assert scores[0] == pytest.approx(similar_items(shelves[0][0])[0].recommendation.score, rel=1e-5)
    assert scores == sorted(scores, reverse=True)


@pytest.fixture
def beside(shelves, settings):
    """A version in which chair 0 goes with two lamps, and lamp 0 with one of them."""
    settings.SHOP_RECS = settings.SHOP_RECS | {"LADDER": ["item_knn"]}
    pairs = {0: {6: 0.5, 7: 0.3}, 5: {7: 0.4}}
    return publish_neighbours("item_knn", shelves[0] + shelves[1], neighbours(pairs, n_items=10))


def test_neighbours_rank_as_in_the_function(
    shop, beside, shelves, visitor, request_of, django_assert_num_queries
):
    with django_assert_num_queries(2):
        best, second, *_ = shop.recommended_for(request_of(visitor))
    assert [best, second] == recommended_for_you(request_of(visitor), limit=2) == shelves[1][1:3]
    assert (best.recommendation_score, second.recommendation_score) == pytest.approx((0.5, 0.3))
    ranked = shop.filter(name__startswith="Lamp").similar_to([shelves[0][0], shelves[1][0]])
    assert list(ranked.filter(recommendation_score__gt=0)) == [shelves[1][2], shelves[1][1]]


def test_building_asks_the_database_nothing(shop, shelves, visitor, request_of, django_assert_num_queries):
    request = request_of(visitor)
    with django_assert_num_queries(0):
        shop.recommended_for(request).filter(is_active=True).select_related("category")[:3]
        shop.similar_to(shelves[0])[:3]


def test_evaluation_costs_two_queries_and_one_more_for_whatever_is_made_of_it(
    shop, visitor, request_of, django_assert_num_queries
):
    ranked = shop.recommended_for(request_of(visitor))
    with django_assert_num_queries(2):
        first = list(ranked[:4])
    with django_assert_num_queries(1):
        assert list(ranked[2:4]) == first[2:]
    with django_assert_num_queries(1):
        assert ranked.count() == 10


def test_it_takes_filters_before_and_after(shop, visitor, request_of):
    ranked = shop.filter(name__startswith="Lamp").recommended_for(request_of(visitor))
    assert len(ranked) == 5
    assert [product.name for product in ranked.filter(name="Lamp 3")] == ["Lamp 3"]
    best = shop.recommended_for(request_of(visitor)).filter(recommendation_score__gt=0.5)
    assert {product.name.split()[0] for product in best} == {"Chair"}


def test_it_keeps_what_the_shop_selected(shop, visitor, request_of, django_assert_num_queries):
    ranked = shop.select_related("category").annotate(kinds=Count("category"), upper=F("name"))
    first, *_ = ranked.recommended_for(request_of(visitor))
    with django_assert_num_queries(0):
        assert (first.category, first.kinds, first.upper) == (None, 0, first.name)


def test_it_gives_values_too(shop, visitor, request_of):
    ranked = shop.recommended_for(request_of(visitor))
    assert list(ranked.values_list("pk", flat=True)) == [product.pk for product in ranked]


def test_it_serves_as_a_subquery(shop, visitor, request_of):
    best = shop.recommended_for(request_of(visitor))[:3]
    chosen = get_product_model().objects.filter(pk__in=best.values("pk"))
    assert set(chosen) == set(best)


def test_what_was_bought_is_left_out(shop, shelves, visitor, did, request_of):
    did(visitor, Kind.PURCHASE, shelves[0][1])
    assert shelves[0][1] not in shop.recommended_for(request_of(visitor))


def test_products_without_a_vector_come_last(shop, visitor, make_product, request_of):
    make_product("New")
    *_, last = shop.recommended_for(request_of(visitor))
    assert (last.name, last.recommendation_score) == ("New", None)


def test_a_stranger_gets_the_popular_ones_first(shop, shelves, request_of):
    assert list(shop.recommended_for(request_of())[:5]) == shelves[1]


def test_without_a_model_it_still_gives_the_products(products, request_of):
    ranked = ProductQuerySet(get_product_model()).recommended_for(request_of())
    assert set(ranked) == set(products)
