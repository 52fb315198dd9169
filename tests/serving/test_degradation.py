"""A database that is slow or sick: the next rung answers, and the page neither waits nor fails."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models import BooleanField
from django.db.models.expressions import RawSQL
from django.template import Context, Template
from django.test import Client

from shop_recs import recommend, recommended_for_you, similar_items
from shop_recs.conf import get_product_model
from shop_recs.models import Kind, Placement
from shop_recs.serving import breaker
from shop_recs.serving.breaker import open_breakers
from shop_recs.serving.placements import Ask, recommend_page
from tests.serving.versions import publish_popularity, publish_vectors

LIMIT = 0.5
"""Seconds: far more than a sound statement takes on a busy machine, far less than a slow one sleeps."""

# The text of what is running tells which statement it is; each that ranks looks at a product.
DAWDLE = """
CREATE FUNCTION dawdle() RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    IF EXISTS (SELECT FROM slow_where WHERE current_query() ~ pattern) THEN PERFORM pg_sleep(10); END IF;
    RETURN true;
END $$
"""


def dawdling(products: Any) -> Any:
    """What may be shown, at a pace that the table `slow_where` decides."""
    return products.filter(RawSQL("dawdle()", (), output_field=BooleanField()))


@pytest.fixture
def slow(db: None, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Make the ranking statements slow that match one of some patterns: `slow("<#>")`."""
    settings.SHOP_RECS = settings.SHOP_RECS | {
        "AVAILABLE": f"{__name__}.dawdling",
        "STATEMENT_TIMEOUT_MS": int(LIMIT * 1000),
    }
    # One failure opens a breaker, since each takes its time.
    monkeypatch.setattr(breaker, "FAILURES", 1)
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE slow_where (pattern text)")
        cursor.execute(DAWDLE)

    def where(*patterns: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM slow_where")
            cursor.executemany("INSERT INTO slow_where VALUES (%s)", [(pattern,) for pattern in patterns])

    yield where
    with connection.cursor() as cursor:
        cursor.execute("DROP FUNCTION dawdle(); DROP TABLE slow_where")


@pytest.fixture
def goods(slow: Any, shelves: Any) -> list[Any]:
    """Five chairs and five lamps, of which the lamps are popular."""
    publish_popularity(shelves[1])
    return [*shelves[0], *shelves[1]]


@pytest.fixture
def als(goods: list[Any], tastes: Any) -> Any:
    """A version that knows them all."""
    return publish_vectors("als", goods, tastes)


@pytest.fixture
def shopper(goods: list[Any], visitor: Any, did: Any, request_of: Any) -> Any:
    """The request of somebody who looked at a chair."""
    did(visitor, Kind.VIEW, goods[0])
    return request_of(visitor)


@contextmanager
def at_most(limits: float) -> Iterator[None]:
    """The block takes no longer than so many limits, and two seconds for a busy machine."""
    began = time.monotonic()
    yield
    assert time.monotonic() - began < limits * LIMIT + 2


@contextmanager
def locked(table: str) -> Iterator[None]:
    """Another connection keeps everybody from a table."""
    with closing(connection.copy()) as other, other.cursor() as cursor:
        cursor.execute(f"BEGIN; LOCK TABLE {table}")
        yield


def of(version: Any) -> str:
    """A pattern of the statements that rank by a version."""
    return rf'"version_id" = {version.pk}\M'


class TestRungs:
    def test_what_is_popular_answers_for_a_slow_rung(self, slow, als, shopper):
        assert recommended_for_you(shopper, limit=3).rung == "als"
        slow(of(als))
        with at_most(3):
            assert recommended_for_you(shopper, limit=3).rung == "popular"

    def test_of_what_keeps_being_slow_nothing_is_asked_and_the_next_rung_leads(
        self, slow, als, goods, tastes, shopper, django_assert_num_queries
    ):
        sasrec = publish_vectors("sasrec", goods, tastes)
        assert recommended_for_you(shopper, limit=3).rung == "sasrec"
        slow(of(sasrec))
        recommended_for_you(shopper, limit=3)
        assert "sasrec" in open_breakers()
        with at_most(0), django_assert_num_queries(2):
            assert recommended_for_you(shopper, limit=3).rung == "als"

    def test_where_all_that_ranks_is_slow_the_newest_answer(self, slow, als, shopper):
        slow("itemvector|itemscore")
        with at_most(6):
            recommendations = recommended_for_you(shopper, limit=3)
        assert (recommendations.rung, len(recommendations)) == ("newest", 3)

    def test_where_all_is_slow_the_list_is_empty(self, slow, als, shopper):
        slow("dawdle")
        with at_most(7):
            assert recommended_for_you(shopper, limit=3) == []
        with at_most(0):
            assert recommended_for_you(shopper, limit=3).rung == "nothing"

    def test_the_rung_is_back_once_it_answers(self, slow, als, shopper, monkeypatch):
        slow(of(als))
        recommended_for_you(shopper, limit=3)
        slow()
        assert recommended_for_you(shopper, limit=3).rung == "popular"
        monkeypatch.setattr(breaker, "PAUSE", 0.0)
        breaker.breaker("als")._rest()
        assert [recommended_for_you(shopper, limit=3).rung for _ in range(2)] == ["als", "als"]
        assert "als" not in breaker.open_breakers()

    def test_vectors_that_cannot_be_compared_are_passed_over_and_open_no_breaker(
        self, slow, als, goods, shopper
    ):
        damaged = als.vectors.exclude(product=goods[0])
        damaged.update(vector=[1.0, 2.0])
        assert [recommended_for_you(shopper, limit=3).rung for _ in range(2)] == ["popular"] * 2
        assert open_breakers() == []


class TestContext:
    """Nobody can read the log, or anything of ours."""

    pytestmark = pytest.mark.django_db(transaction=True)

    def test_without_a_history_the_list_is_that_of_a_stranger(self, als, shopper):
        with locked("shop_recs_interaction"), at_most(2):
            recommendations = recommended_for_you(shopper, limit=3)
        assert recommendations.rung == "popular"

    def test_rules_and_placements_of_the_admin_hold_without_a_history(self, als, goods, shopper):
        Placement.objects.create(slug="mine", kind="recommended_for_you", limit=2, heading="Mine")
        with locked("shop_recs_interaction"):
            mine = recommend("mine", shopper)
        assert (mine.heading, len(mine), mine.rung) == ("Mine", 2, "popular")

    def test_without_versions_and_placements_those_of_the_settings_answer(self, als, shopper):
        with locked("shop_recs_activemodel"), at_most(3):
            assert recommend("recommended-for-you", shopper, limit=3).rung == "newest"

    def test_a_placement_that_nobody_can_read_is_empty(self, als, shopper):
        Placement.objects.create(slug="mine", kind="popular")
        with locked("shop_recs_placement"), at_most(3):
            assert recommend("mine", shopper) == []
        breaker.forget()
        assert recommend("mine", shopper).rung == "popular"

    def test_a_page_waits_for_its_context_once(self, als, shopper):
        with locked("shop_recs_interaction"), at_most(3):
            page = recommend_page([Ask("recommended-for-you", limit=2), Ask("popular", limit=2)], shopper)
        assert [len(recommendations) for recommendations in page] == [2, 2]

    def test_what_reminds_of_the_past_is_empty_without_it(self, als, shopper):
        assert recommend("recently-viewed", shopper)
        with locked("shop_recs_interaction"), at_most(4):
            assert recommend("recently-viewed", shopper) == []

    def test_similar_items_share_the_category_where_vectors_cannot_be_read(self, als, goods):
        category = get_product_model()._meta.get_field("category").related_model.objects.create(name="Chairs")
        get_product_model().objects.filter(name__startswith="Chair").update(category=category)
        assert similar_items(goods[0], limit=3).rung == "als"
        with locked("shop_recs_itemvector"), at_most(4):
            assert set(similar_items(goods[0], limit=9)) == set(goods[1:5])


class TestEdges:
    def test_the_api_answers(self, slow, als, shopper):
        slow("itemvector|itemscore")
        answer = Client().get("/recs/v1/recommendations/", {"limit": 3})
        assert answer.status_code == 200
        assert answer.json()["rung"] == "newest"

    def test_a_page_in_a_transaction_is_saved(self, slow, als, shopper, make_product):
        slow("dawdle")
        source = "{% load shop_recs %}{% recommended_for_you %}{% recommendations 'popular' %}"
        with transaction.atomic():
            assert Template(source).render(Context({"request": shopper})) == ""
            chair = make_product("Late chair")
        assert get_product_model().objects.filter(pk=chair.pk).exists()

    def test_what_the_shop_lets_put_in_order_comes_in_its_own_order(self, slow, als, goods, shopper):
        slow(of(als))
        found = get_product_model().objects.filter(RawSQL("dawdle()", (), output_field=BooleanField()))
        assert recommend("rank", shopper, products=found.order_by("name"), limit=20) == goods
