"""Whatever queryset the shop gives, it is joined, filtered and ranked in one statement."""

from __future__ import annotations

import pytest
from django.db import connection
from django.db.models import Count, Exists, F, OuterRef, Prefetch, Q, Value
from django.db.models.functions import Upper
from django.test.utils import CaptureQueriesContext

from shop_recs import recommended_for_you
from shop_recs.conf import get_product_model
from shop_recs.models import Kind
from shop_recs.serving import context, narrow
from tests.serving.versions import neighbours, publish_neighbours, publish_popularity, publish_vectors


def product_queryset():
    return get_product_model().objects.all()


def category_model():
    return get_product_model()._meta.get_field("category").related_model


@pytest.fixture
def shop(shelves, tastes, visitor, did, request_of):
    category = category_model().objects.create(name="Furniture")
    for product in shelves[0] + shelves[1]:
        product.category = category
        product.save()
    publish_vectors("als", shelves[0] + shelves[1], tastes)
    publish_popularity(shelves[1])
    did(visitor, Kind.VIEW, shelves[0][0])
    return request_of(visitor)


LEGAL = {
    "all": lambda: product_queryset(),
    "manager": lambda: get_product_model().objects,
    "filter over a join": lambda: product_queryset().filter(category__name="Furniture"),
    "filter over a reverse join": lambda: product_queryset().filter(category__product__name="Lamp 0"),
    "exclude": lambda: product_queryset().exclude(name="nothing"),
    "or": lambda: product_queryset().filter(Q(name__startswith="Chair") | Q(category__name="Furniture")),
    "annotation": lambda: product_queryset().annotate(loud=Upper("name"), one=Value(1)).filter(one=1),
    "aggregate": lambda: product_queryset().annotate(mates=Count("category__product")).filter(mates=10),
    "exists": lambda: product_queryset().filter(
        Exists(category_model().objects.filter(pk=OuterRef("category")))
    ),
    "distinct": lambda: product_queryset().filter(category__product__price__gt=0).distinct(),
    "select_related": lambda: product_queryset().select_related("category"),
    "only": lambda: product_queryset().only("name"),
    "defer": lambda: product_queryset().defer("price"),
    "default order": lambda: product_queryset().order_by("price", "-name"),
    "order over a join": lambda: product_queryset().order_by("category__name", "?"),
    "reversed": lambda: product_queryset().order_by("name").reverse(),
    "union by or": lambda: (
        product_queryset().filter(name="Chair 0") | product_queryset().exclude(name="Chair 0")
    ),
    "subquery": lambda: product_queryset().filter(pk__in=product_queryset().order_by("name")[:10]),
    "other database name": lambda: product_queryset().using("default"),
    "extra": lambda: product_queryset().extra(where=["price > 0"]),
}


@pytest.mark.parametrize("queryset", LEGAL.values(), ids=LEGAL)
def test_any_legal_queryset_is_ranked_and_keeps_its_rows(queryset, shop):
    expected = recommended_for_you(shop, limit=10)
    recs = recommended_for_you(shop, limit=10, products=queryset())
    assert recs == expected
    assert recs.rung == "als"


@pytest.mark.parametrize("queryset", LEGAL.values(), ids=LEGAL)
def test_any_legal_queryset_is_ranked_alike_where_it_is_known_to_be_narrow(queryset, shop, settings):
    expected = recommended_for_you(shop, limit=10)
    settings.SHOP_RECS = settings.SHOP_RECS | {"EXACT_BELOW": 1}
    narrow.remember(queryset().all())
    recs = recommended_for_you(shop, limit=10, products=queryset())
    assert recs == expected
    assert recs.rung == "als"


@pytest.mark.parametrize("queryset", LEGAL.values(), ids=LEGAL)
def test_any_legal_queryset_is_filled_up(queryset, shop, shelves, tastes):
    publish_vectors("als", shelves[0][:2], tastes[:2])
    recs = recommended_for_you(shop, limit=10, products=queryset())
    assert recs[2:7] == shelves[1]
    assert len(set(recs)) == 10


@pytest.mark.parametrize("queryset", LEGAL.values(), ids=LEGAL)
def test_any_legal_queryset_is_filled_up_where_it_is_known_to_be_narrow(
    queryset, shop, shelves, tastes, settings
):
    publish_vectors("als", shelves[0][:2], tastes[:2])
    expected = recommended_for_you(shop, limit=10, products=queryset())
    settings.SHOP_RECS = settings.SHOP_RECS | {"EXACT_BELOW": 1}
    narrow.remember(queryset().all())
    assert recommended_for_you(shop, limit=10, products=queryset()) == expected


@pytest.mark.parametrize("queryset", LEGAL.values(), ids=LEGAL)
def test_any_legal_queryset_is_ranked_by_neighbours_and_filled_up(queryset, shop, shelves, settings):
    settings.SHOP_RECS = settings.SHOP_RECS | {"LADDER": ["item_knn", "als"]}
    pairs = {0: {place: place / 10 for place in range(1, 7)}}
    publish_neighbours("item_knn", shelves[0] + shelves[1], neighbours(pairs, n_items=10))
    expected = recommended_for_you(shop, limit=10)
    recs = recommended_for_you(shop, limit=10, products=queryset())
    assert recs == expected
    assert [product.recommendation.source for product in recs] == ["item_knn"] * 6 + ["als"] * 4


def test_what_the_shop_selected_is_there(shop, django_assert_num_queries):
    prefetch = Prefetch("category__product_set", to_attr="mates")
    chosen = product_queryset().select_related("category").prefetch_related(prefetch).annotate(copy=F("name"))
    with django_assert_num_queries(3):
        recs = recommended_for_you(shop, limit=10, products=chosen)
        assert {len(product.category.mates) for product in recs} == {10}
        assert all(product.copy == product.name for product in recs)


def test_an_empty_queryset_gives_an_empty_list(shop):
    assert recommended_for_you(shop, products=product_queryset().none()) == []


@pytest.mark.parametrize(
    ("queryset", "words"),
    [
        (lambda: product_queryset()[:5], "sliced"),
        (lambda: product_queryset().union(product_queryset()), r"made by union\(\)"),
        (lambda: product_queryset().order_by("name").distinct("name"), "distinct on some fields"),
    ],
)
def test_a_queryset_that_cannot_be_ranked_is_refused_with_a_way_out(queryset, words, shop):
    with pytest.raises(ValueError, match=rf"is {words}.*write Product\.objects\.filter\(pk__in="):
        recommended_for_you(shop, products=queryset())


@pytest.mark.parametrize(
    "products",
    [
        lambda: product_queryset().values("pk"),
        lambda: product_queryset().values_list("pk"),
        lambda: list(product_queryset()),
        lambda: category_model().objects.all(),
        lambda: product_queryset().raw("SELECT 1"),
    ],
)
def test_what_is_no_queryset_of_products_is_refused(products, shop):
    with pytest.raises(TypeError, match=r"^products must"):
        recommended_for_you(shop, products=products())


def test_filter_log_and_ranking_are_one_statement(shop, shelves, visitor, did, monkeypatch):
    monkeypatch.setattr(context, "HISTORY_LENGTH", 2)  # what was bought before is asked of the log
    did(visitor, Kind.PURCHASE, shelves[0][3])
    with CaptureQueriesContext(connection) as captured:
        recs = recommended_for_you(shop, limit=1, products=product_queryset().filter(name__endswith="3"))
    assert recs == [shelves[1][3]]
    (ranking,) = [query["sql"] for query in captured if "<#>" in query["sql"]]
    for part in ("LIKE", "shop_recs_itemvector", "shop_recs_interaction", "LIMIT 1"):
        assert part in ranking
