"""Rankings that come again are compiled and planned once, and stay what they were."""

from __future__ import annotations

import contextlib
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import DataError, connection
from django.db.models import (
    CharField,
    Count,
    DateTimeField,
    DecimalField,
    F,
    Func,
    Prefetch,
    TextField,
    Value,
)
from django.db.models.functions import Cast, Concat, Now
from django.db.models.sql import Query
from django.test.utils import CaptureQueriesContext
from django.utils import timezone, translation

from shop_recs import recommended_for_you, similar_items
from shop_recs.conf import get_product_model
from shop_recs.models import ItemScore, Kind, Visitor
from shop_recs.serving import compiled, prepared
from tests.serving.sent import statement_in
from tests.serving.versions import publish_vectors

TIMES = 8
"""A connection plans the first five executions of a statement for their values."""

Product = get_product_model()


@pytest.fixture
def shop(make_product):
    """Twelve products on a half circle, each with a vector."""
    goods = [make_product(f"Thing {number}", price=number) for number in range(12)]
    publish_vectors("als", goods, [[1.0, place] for place in range(12)])
    return goods


@pytest.fixture
def shoppers(shop, did):
    """Visitors of whom no two did the same."""
    visitors = [Visitor.objects.create() for _ in range(TIMES)]
    for number, visitor in enumerate(visitors):
        did(visitor, Kind.VIEW, shop[number % 12], shop[number * 5 % 12])
        did(visitor, Kind.CART, shop[(number + 1) % 12])
        did(visitor, Kind.PURCHASE, shop[(number + 2) % 12], days_ago=40)
    return visitors


def ranking_sent(ask):
    with CaptureQueriesContext(connection) as captured:
        ask()
    return statement_in(captured[1]["sql"])


def told(recommendations):
    return [
        (product.pk, round(product.recommendation.score, 5), str(product.recommendation.reason))
        for product in recommendations
    ]


def both_ways(ask, arguments):
    """What each of these calls gives when nothing is compiled, and when all may be."""
    built = []
    for argument in arguments:
        compiled.forget()
        built.append(told(ask(argument)))
    return built, [told(ask(argument)) for argument in arguments]


def test_a_list_that_comes_again_is_only_executed(shop, shoppers, request_of):
    sent = [
        ranking_sent(lambda visitor=visitor: recommended_for_you(request_of(visitor))) for visitor in shoppers
    ]
    assert sent[0].startswith("SELECT")
    assert sent[1].startswith("PREPARE")
    assert all(statement.startswith("EXECUTE") for statement in sent[2:])


def test_each_visitor_gets_the_list_that_is_his(shop, shoppers, request_of):
    built, compiled_once = both_ways(
        lambda visitor: recommended_for_you(request_of(visitor), limit=6), shoppers * 2
    )
    assert compiled_once == built
    assert len({tuple(one) for one in built}) == TIMES


def test_each_user_gets_the_list_that_is_his(shop, shoppers, request_of, django_user_model):
    users = [django_user_model.objects.create(username=f"user {n}") for n in range(TIMES)]
    for user, visitor in zip(users, shoppers, strict=True):
        Visitor.objects.filter(pk=visitor.pk).update(user=user)
    built, compiled_once = both_ways(lambda user: recommended_for_you(request_of(user=user), limit=6), users)
    assert compiled_once == built
    assert len({tuple(one) for one in built}) == TIMES


def test_what_is_left_out_is_of_each_request(shop, shoppers, request_of):
    request = request_of(shoppers[0])
    built, compiled_once = both_ways(
        lambda number: recommended_for_you(request, limit=4, exclude=shop[number : number + 3]), range(6)
    )
    assert compiled_once == built
    assert len({tuple(one) for one in built}) > 1


def test_products_are_similar_to_what_each_list_starts_from(shop):
    built, compiled_once = both_ways(lambda product: similar_items(product, limit=5), shop)
    assert compiled_once == built
    assert len({tuple(one) for one in built}) == len(shop)


def test_a_setting_that_changes_counts_at_once(shop, settings):
    for _ in range(3):
        assert shop[3] in similar_items(shop[4], limit=12)
    settings.SHOP_RECS = settings.SHOP_RECS | {"AVAILABLE": {"name__gt": "Thing 5"}}
    for _ in range(3):
        assert {product.name for product in similar_items(shop[4], limit=12)} == {
            f"Thing {number}" for number in range(6, 10)
        }


def test_two_querysets_that_differ_in_a_value_alone_are_not_taken_for_one(shop, shoppers, request_of):
    request = request_of(shoppers[0])

    def keys(price):
        products = Product.objects.filter(price__lt=price)
        return {product.pk for product in recommended_for_you(request, products=products, limit=12)}

    wanted = {price: keys(price) for price in (4, 8)}
    for _ in range(3):
        assert {price: keys(price) for price in (4, 8)} == wanted
    assert wanted[4] < wanted[8]


def test_a_value_that_reads_like_a_placeholder_is_one_no_more_than_it_is_a_format(
    shop, shoppers, request_of, make_product
):
    odd = make_product("100% %(query)s $1 '", price=1)
    publish_vectors("als", [*shop, odd], [[1.0, place] for place in range(13)])
    products = Product.objects.filter(name__contains="% %(query)s $1 '")
    for _ in range(4):
        assert recommended_for_you(request_of(shoppers[0]), products=products) == [odd]


def test_instances_come_as_the_queryset_would_have_made_them(shop, shoppers, request_of):
    products = (
        Product.objects.annotate(shelf=Count("category"), double=F("price") * 2)
        .select_related("category")
        .prefetch_related(Prefetch("shop_recs_scores", ItemScore.objects.order_by("pk"), to_attr="scored"))
        .defer("image")
    )
    request = request_of(shoppers[0])
    for _ in range(3):
        recs = recommended_for_you(request, products=products.filter(price__gt=1), limit=5)
        assert len(recs) == 5
        for product in recs:
            assert product.double == product.price * 2
            assert (product.shelf, product.scored) == (0, [])
            assert product.get_deferred_fields() == {"image"}
            assert not [name for name in vars(product) if name.startswith("_shop_recs")]


class Spoken(Func):
    """What a shop may write: another statement each time, although it looks the same."""

    output_field = CharField()

    def as_sql(self, compiler, connection, **extra):
        return "%s", (translation.get_language(),)


def test_what_the_shop_compiles_itself_is_compiled_every_time(shop, shoppers, request_of):
    request, names = request_of(shoppers[0]), []
    for language in ("en", "de", "en", "de"):
        with translation.override(language):
            products = Product.objects.annotate(spoken=Spoken("pk"))
            sent = ranking_sent(
                lambda products=products: names.append(
                    recommended_for_you(request, products=products)[0].spoken
                )
            )
        assert sent.startswith("SELECT")
    assert names == ["en", "de", "en", "de"]


def test_a_queryset_of_this_moment_is_never_planned_for_another(shop, shoppers, request_of):
    request = request_of(shoppers[0])

    def ask():
        products = Product.objects.annotate(asked_at=Value(timezone.now(), DateTimeField()))
        return recommended_for_you(request, products=products, limit=3)

    assert all(ranking_sent(ask).startswith("SELECT") for _ in range(4))


def test_the_time_of_the_database_is_that_of_each_execution(shop, shoppers, request_of):
    request = request_of(shoppers[0])
    times = [
        recommended_for_you(request, products=Product.objects.annotate(asked_at=Now()), limit=1)[0].asked_at
        for _ in range(4)
    ]
    assert times == sorted(times)


def test_what_cannot_be_prepared_is_built_anew_from_then_on(shop, shoppers, request_of, monkeypatch, caplog):
    request = request_of(shoppers[0])
    named = compiled._named
    monkeypatch.setattr(compiled, "_named", lambda *given: named(*given).replace("::vector", "::vectors"))
    sent = [ranking_sent(lambda: recommended_for_you(request, limit=3)) for _ in range(4)]
    assert [statement.split()[0] for statement in sent] == ["SELECT", "PREPARE", "SELECT", "SELECT"]
    assert caplog.text.count("cannot be asked") == 1


def cast(places):
    return Cast(F("price") / 4, DecimalField(max_digits=8, decimal_places=places))


LOOKALIKES = {
    "casts to types of another length": [
        lambda: Product.objects.annotate(quarter=cast(0)).filter(quarter=1),
        lambda: Product.objects.annotate(quarter=cast(2)).filter(quarter=1),
    ],
    "values of another type": [
        lambda: Product.objects.annotate(said=Cast(Value(1), TextField())).filter(said="1"),
        lambda: Product.objects.annotate(said=Cast(Value(True), TextField())).filter(said="1"),
    ],
    "numbers that are equal": [
        lambda: Product.objects.annotate(said=Concat(Value("n"), Value(1), output_field=TextField())),
        lambda: Product.objects.annotate(said=Concat(Value("n"), Value(1.0), output_field=TextField())),
    ],
}


@pytest.mark.parametrize("lookalikes", LOOKALIKES.values(), ids=LOOKALIKES)
def test_what_django_takes_for_equal_is_not_taken_for_the_same(shop, shoppers, request_of, lookalikes):
    request = request_of(shoppers[0])

    def found(products):
        recommended = recommended_for_you(request, products=products(), limit=12)
        return {(product.pk, str(getattr(product, "said", ""))) for product in recommended}

    built = []
    for products in lookalikes:
        compiled.forget()
        built.append(found(products))
    for _ in range(3):
        assert [found(products) for products in lookalikes] == built


class OfTheShop(Query):
    """A query of the shop's own."""

    def get_compiler(self, *args, **options):
        self.add_filter("name__gt", f"Thing {translation.get_language()}")
        return super().get_compiler(*args, **options)


def test_a_query_of_the_shops_own_class_is_compiled_every_time(shop, shoppers, request_of):
    request = request_of(shoppers[0])
    for _ in range(4):
        products = Product.objects.all()
        products.query = products.query.chain(klass=OfTheShop)
        statement = ranking_sent(lambda of=products: recommended_for_you(request, products=of))
        assert statement.startswith("SELECT")


def test_a_list_of_many_values_is_not_kept(shop, shoppers, request_of):
    request, keys = request_of(shoppers[0]), [product.pk for product in shop] * 20
    for _ in range(3):
        products = Product.objects.filter(pk__in=keys)
        statement = ranking_sent(lambda of=products: recommended_for_you(request, products=of))
        assert statement.startswith("SELECT")
    assert not compiled._remembered


def test_what_the_driver_refuses_to_write_leaves_the_list_empty_each_time(shop, shoppers, request_of):
    request = request_of(shoppers[0])
    for _ in range(4):
        assert recommended_for_you(request, products=Product.objects.filter(name__contains="\x00")) == []
    assert recommended_for_you(request)


def test_no_statement_keeps_the_connection_of_the_thread_that_compiled_it(shop, shoppers, request_of):
    for _ in range(3):
        recommended_for_you(request_of(shoppers[0]))
    kept = [one.compiler for of_shape in compiled._remembered.values() for one in of_shape if one.compiler]
    assert kept
    assert {compiler.connection for compiler in kept} == {None}


def test_threads_remember_beside_one_another(shop, monkeypatch):
    monkeypatch.setattr(compiled, "SHAPES_AT_MOST", 5)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)

    def remember(thread):
        for number in range(2_000):
            compiled._remember((thread, number % 50), ())

    try:
        with ThreadPoolExecutor(8) as threads:
            list(threads.map(remember, range(8)))
    finally:
        sys.setswitchinterval(interval)
    assert len(compiled._remembered) == 5


def test_plans_are_not_kept_for_ever():
    limit = prepared._plan.cache_info().maxsize
    for number in range(limit + 10):
        prepared._plan(f"SELECT {number}")
    assert prepared._plan.cache_info().currsize == limit


@pytest.mark.django_db(transaction=True)
class TestConnection:
    """What a connection holds."""

    @pytest.fixture(autouse=True)
    def fresh(self, db):
        connection.close()

    def held(self):
        with connection.cursor() as cursor:
            cursor.execute("SELECT name FROM pg_prepared_statements")
            return {name for (name,) in cursor.fetchall()}

    def test_no_connection_holds_more_than_so_many_statements(self, monkeypatch):
        monkeypatch.setattr(prepared, "HELD_AT_MOST", 3)
        for _ in range(2):
            for number in range(5):
                assert prepared.rows(connection, f"SELECT %(n)s::int + {number}", {"n": 1}) == [(1 + number,)]
                assert len(self.held()) <= 3
        assert len(self.held()) == 3

    def test_nor_where_statements_fail(self, monkeypatch):
        monkeypatch.setattr(prepared, "HELD_AT_MOST", 3)
        for number in range(12):
            with contextlib.suppress(DataError):
                prepared.rows(connection, f"SELECT {number} / %(n)s::int", {"n": number % 3})
            assert len(self.held()) <= 3

    def test_a_list_is_empty_and_no_page_fails_while_the_database_is_gone(
        self, shop, shoppers, request_of, monkeypatch
    ):
        request = request_of(shoppers[0])
        assert recommended_for_you(request)
        connection.close()
        with monkeypatch.context() as away:
            away.setitem(connection.settings_dict, "NAME", "no_such_database")
            assert [recommended_for_you(request) for _ in range(3)] == [[], [], []]
        connection.close()

    def test_what_others_discarded_is_no_hindrance_to_letting_it_go(self, monkeypatch):
        monkeypatch.setattr(prepared, "HELD_AT_MOST", 1)
        assert prepared.rows(connection, "SELECT %(n)s::int", {"n": 1}) == [(1,)]
        with connection.cursor() as cursor:
            cursor.execute("DEALLOCATE ALL")
        assert prepared.rows(connection, "SELECT %(n)s::int + 1", {"n": 1}) == [(2,)]

    def test_a_column_that_has_another_type_since_is_read_as_it_is_now(self):
        with connection.cursor() as cursor:
            cursor.execute("CREATE TABLE shop_recs_odd AS SELECT 1 AS number")
            try:
                assert prepared.rows(connection, "SELECT number FROM shop_recs_odd", {}) == [(1,)]
                cursor.execute("ALTER TABLE shop_recs_odd ALTER number TYPE text")
                assert prepared.rows(connection, "SELECT number FROM shop_recs_odd", {}) == [("1",)]
                assert prepared.rows(connection, "SELECT number FROM shop_recs_odd", {}) == [("1",)]
            finally:
                cursor.execute("DROP TABLE shop_recs_odd")
