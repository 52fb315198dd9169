"""A catalogue so large that an index ranks it."""

from __future__ import annotations

import re
from contextlib import closing

import numpy as np
import pytest
from django.db import connection
from django.db.models import Func, IntegerField
from django.test.utils import CaptureQueriesContext

from shop_recs import recommend, recommended_for_you, similar_items
from shop_recs.conf import get_product_model
from shop_recs.models import ActiveModel, EncoderArtefact, Kind, ModelVersion
from shop_recs.serving import breaker, narrow, pools
from tests.serving.sent import statement_in
from tests.serving.versions import publish_popularity, publish_vectors

SIZE = 25_000


@pytest.fixture(scope="module")
def catalogue(django_db_setup, django_db_blocker):
    """Products in fifty clusters and their indexed vectors; committed, for the index is slow to build."""
    with django_db_blocker.unblock():
        model = get_product_model()
        products = model.objects.bulk_create(model(name=f"Thing {n}", price=n % 100) for n in range(SIZE))
        with connection.cursor() as cursor:
            cursor.execute(f"ANALYZE {model._meta.db_table}")
        version = publish_vectors("als", products, clustered(), indexed=True)
        popular = publish_popularity(products, np.arange(SIZE) * 7919 % SIZE + 1, indexed=True)
        yield products, version
        with connection.cursor() as cursor:
            cursor.execute(
                f"DROP TABLE shop_recs_itemvector_v{version.pk}, shop_recs_itemvector_v{popular.pk}"
            )
        for rows in (ActiveModel.objects, EncoderArtefact.objects, ModelVersion.objects, model.objects):
            rows.all()._raw_delete("default")


def clustered() -> np.ndarray:
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(50, 16))
    noise = rng.normal(scale=0.3, size=(SIZE, 16))
    return (centres[np.arange(SIZE) % 50] + noise).astype(np.float32)


def few():
    """A fiftieth of a hundredth, which the planner knows nothing of."""
    return get_product_model().objects.filter(name__regex="^Thing [0-9]*(13|77)5$")


def ranking_of(captured) -> str:
    _context, ranking = [query["sql"] for query in captured]
    return statement_in(ranking)


def plan_of(captured) -> str:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE) {ranking_of(captured)}")
        return "\n".join(row[0] for row in cursor.fetchall())


@pytest.fixture
def shopper(catalogue, visitor, did, request_of):
    did(visitor, Kind.VIEW, catalogue[0][7], catalogue[0][57])
    return request_of(visitor)


def test_recommendations_come_from_the_index(catalogue, shopper):
    products = get_product_model().objects.filter(is_active=True).select_related("category")
    with CaptureQueriesContext(connection) as captured:
        recs = recommended_for_you(shopper, products=products)
    assert len(captured) == 2
    assert len(recs) == 12
    assert re.search(r"Index Scan using shop_recs_itemvector_v\d+_vector_idx\b", plan_of(captured))


def test_a_plan_that_is_kept_for_every_query_uses_the_index_too(catalogue, shopper):
    lists = []
    for _ in range(8):
        with CaptureQueriesContext(connection) as captured:
            lists.append(recommended_for_you(shopper))
    assert ranking_of(captured).startswith("EXECUTE")
    assert re.search(r"Index Scan using shop_recs_itemvector_v\d+_vector_idx\b", plan_of(captured))
    assert all(one == lists[0] for one in lists)


def test_the_index_is_used_beside_a_filter_of_what_was_bought(catalogue, shopper, visitor, did):
    did(visitor, Kind.PURCHASE, *catalogue[0][107:1007:50])
    did(visitor, Kind.CART, catalogue[0][157])
    with CaptureQueriesContext(connection) as captured:
        recs = recommended_for_you(shopper)
    assert len(recs) == 12
    assert not set(recs) & {*catalogue[0][107:1007:50], catalogue[0][157]}
    assert "Index Scan using shop_recs_itemvector" in plan_of(captured)


def test_similar_items_come_from_the_index_of_angles(db, catalogue):
    with CaptureQueriesContext(connection) as captured:
        recs = similar_items(catalogue[0][7])
    assert {int(product.name.split()[1]) % 50 for product in recs} == {7}
    assert re.search(r"Index Scan using shop_recs_itemvector_v\d+_vector_idx1\b", plan_of(captured))


def test_popular_products_come_from_an_index_too(catalogue, request_of):
    rare = get_product_model().objects.filter(price=33)
    recs = recommended_for_you(request_of(), products=rare)
    best = sorted((number for number in range(SIZE) if number % 100 == 33), key=lambda n: -(n * 7919 % SIZE))
    assert [int(product.name.split()[1]) for product in recs] == best[:12]
    with CaptureQueriesContext(connection) as captured:
        recommended_for_you(request_of())
    assert re.search(r"Index Scan using shop_recs_itemvector_v\d+_expr_idx\b", plan_of(captured))


def test_the_index_finds_what_an_exact_scan_finds(catalogue, shopper, settings):
    found = recommended_for_you(shopper, limit=50)
    settings.SHOP_RECS = settings.SHOP_RECS | {"EXACT_BELOW": SIZE + 1}
    exact = recommended_for_you(shopper, limit=50)
    assert len(set(found) & set(exact)) >= 47


def test_a_filter_that_the_nearest_products_fail_does_not_starve_the_list(catalogue, shopper):
    far = get_product_model().objects.exclude(price__in=[7, 57])  # all but the shopper's own cluster
    with CaptureQueriesContext(connection) as captured:
        recs = recommended_for_you(shopper, limit=20, products=far)
    assert [product.recommendation.source for product in recs] == ["als"] * 20
    assert "Index Scan using shop_recs_itemvector" in plan_of(captured)


def test_the_search_leaves_the_connection_as_it_was_without_a_transaction(catalogue, shopper):
    with CaptureQueriesContext(connection) as captured:
        recommended_for_you(shopper)
    with closing(connection.copy()) as other, other.cursor() as cursor:
        cursor.execute(ranking_of(captured))
        cursor.execute("SELECT current_setting('hnsw.ef_search'), current_setting('hnsw.iterative_scan')")
        assert cursor.fetchone() == ("40", "off")


def test_a_catalogue_below_the_threshold_is_scanned_exactly(catalogue, shopper, settings):
    settings.SHOP_RECS = settings.SHOP_RECS | {"EXACT_BELOW": SIZE + 1}
    with CaptureQueriesContext(connection) as captured:
        recommended_for_you(shopper)
    assert not [query for query in captured if "hnsw" in query["sql"]]


def test_a_filter_that_few_products_pass_is_filled_up_as_an_exact_scan_would(catalogue, shopper, settings):
    with CaptureQueriesContext(connection) as captured:
        recs = recommended_for_you(shopper, limit=20, products=few())
    assert [product.recommendation.source for product in recs] == ["als"] * 20
    assert len(captured) <= 3
    settings.SHOP_RECS = settings.SHOP_RECS | {"EXACT_BELOW": SIZE + 1}
    assert list(recs) == list(recommended_for_you(shopper, limit=20, products=few()))


def test_a_filter_found_to_be_narrow_is_ranked_exactly_at_once(catalogue, shopper, settings):
    first = recommended_for_you(shopper, limit=20, products=few())
    with CaptureQueriesContext(connection) as captured:
        later = [recommended_for_you(shopper, limit=20, products=few()) for _ in range(3)]
    assert len(captured) == 2 * 3
    assert later == [first] * 3
    settings.SHOP_RECS = settings.SHOP_RECS | {"EXACT_BELOW": SIZE + 1}
    assert list(first) == list(recommended_for_you(shopper, limit=20, products=few()))


@pytest.fixture
def handful(catalogue):
    """Fewer than are asked for, and a filter that the planner takes for a third of all."""
    hashed = Func("name", function="hashtext", output_field=IntegerField())
    return get_product_model().objects.alias(hashed=hashed).filter(hashed__lt=-(2**31) + 2**20)


LISTS = {
    "a stranger's": {},
    "a shopper's": {},
    "a blend": {"BLEND": {"personal": 1, "popular": 0.5}},
    "spread out": {"DIVERSITY": 0.5},
    "exploring": {"EXPLORATION": 0.1},
}


@pytest.mark.parametrize("name", LISTS)
def test_no_index_is_read_to_its_end_for_fewer_than_are_asked_for(
    name, handful, shopper, request_of, settings
):
    request = request_of() if name == "a stranger's" else shopper
    placement = {"KIND": "recommended_for_you", **LISTS[name]}
    settings.SHOP_RECS = settings.SHOP_RECS | {"PLACEMENTS": {"home": placement}}
    first = recommend("home", request, products=handful)
    with CaptureQueriesContext(connection) as captured:
        recs = recommend("home", request, products=handful)
    assert len(recs) == handful.count() < 12
    assert len(captured) <= 3
    for query in captured[1:]:
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN (ANALYZE) {statement_in(query['sql'])}")
            plan = "\n".join(row[0] for row in cursor.fetchall())
        assert not re.search(r"Index Scan using \S+_(expr|vector)_idx\b.*actual time=\S+ rows=[1-9]", plan)
    settings.SHOP_RECS = settings.SHOP_RECS | {"EXACT_BELOW": SIZE + 1}
    assert set(recs) == set(first) == set(recommend("home", request, products=handful))
    assert recs == first or name == "exploring"


def test_pools_of_few_that_get_no_answer_are_asked_for_as_usual(handful, shopper, settings):
    placement = {"KIND": "recommended_for_you", "DIVERSITY": 0.5}
    settings.SHOP_RECS = settings.SHOP_RECS | {"PLACEMENTS": {"home": placement}}
    first = recommend("home", shopper, products=handful)
    for _ in range(breaker.FAILURES):
        breaker.breaker("als of few").failed()
    with CaptureQueriesContext(connection) as captured:
        assert recommend("home", shopper, products=handful) == first
    assert "passing.keys" not in captured[1]["sql"]


def test_what_is_narrow_for_one_filter_is_not_for_another(catalogue, shopper):
    expected = recommended_for_you(shopper)
    recommended_for_you(shopper, limit=20, products=few())
    with CaptureQueriesContext(connection) as captured:
        assert recommended_for_you(shopper) == expected
    assert "passing.keys" not in captured[1]["sql"]


def test_the_index_answers_where_many_pass_a_filter_that_was_narrow(catalogue, shopper, monkeypatch):
    monkeypatch.setattr(pools, "FEW", 50)
    most = get_product_model().objects.filter(price__gt=5)
    expected = recommended_for_you(shopper, limit=20, products=most)
    narrow.remember(most)
    with CaptureQueriesContext(connection) as captured:
        assert recommended_for_you(shopper, limit=20, products=most) == expected
    assert re.search(r"Index Scan using \S+_vector_idx on .*actual time=\S+ rows=[1-9]", plan_of(captured))


def test_the_index_is_asked_where_an_exact_ranking_gets_no_answer(catalogue, shopper):
    recommended_for_you(shopper, limit=20, products=few())
    for _ in range(breaker.FAILURES):
        breaker.breaker("als exactly").failed()
    with CaptureQueriesContext(connection) as captured:
        recs = recommended_for_you(shopper, limit=20, products=few())
    assert "passing.keys" not in captured[1]["sql"]
    assert recs[0].recommendation.source == "als"


def test_the_index_is_searched_as_wide_as_it_was_measured_to_need(catalogue, shopper):
    metrics = {"index": {"personal": {"ef_search": 250, "recall@20": 0.98}}}
    ModelVersion.objects.filter(pk=catalogue[1].pk).update(metrics=metrics)
    with CaptureQueriesContext(connection) as captured:
        recommended_for_you(shopper)
    assert "set_config('hnsw.ef_search', '250', true)" in ranking_of(captured)
