"""Recording from the shop's own views."""

from __future__ import annotations

import logging
import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.conf import settings as django_settings
from django.db import connection, transaction
from django.utils import timezone

from shop_recs import record_cart, record_favourite, record_purchase, record_view
from shop_recs.conf import get_product_model
from shop_recs.models import CartAddition, Interaction, Kind, Purchase, View, Visitor
from shop_recs.tracking import failures


@pytest.fixture(autouse=True)
def _report_every_failure(monkeypatch):
    monkeypatch.setattr(failures, "_reported", set())


@pytest.fixture
def product(make_product):
    return make_product("Red chair")


@pytest.fixture
def known(browser, product):
    """A browser whose visitor exists."""
    browser.visit(lambda request: record_view(request, product))
    return browser


@pytest.mark.parametrize(
    ("record", "kind"),
    [
        (record_view, Kind.VIEW),
        (record_favourite, Kind.FAVOURITE),
        (record_cart, Kind.CART),
        (record_purchase, Kind.PURCHASE),
    ],
)
def test_each_kind_is_recorded_as_such(browser, product, record, kind):
    assert browser.visit(lambda request: record(request, product)) is True
    row = Interaction.objects.get()
    assert (row.kind, row.product_id, row.quantity, row.unit_price) == (kind, product.pk, 1, None)
    assert abs(row.occurred_at - timezone.now()) < timedelta(minutes=1)


def test_every_detail_is_kept(browser, product):
    when, list_id, event_id = timezone.now() - timedelta(days=3), uuid.uuid4(), uuid.uuid4()
    browser.visit(
        lambda request: record_purchase(
            request,
            product,
            quantity=3,
            unit_price=Decimal("19.90"),
            order="A-17",
            occurred_at=when,
            recommendation_id=str(list_id),
            event_id=event_id,
        )
    )
    row = Purchase.objects.get()
    assert (row.id, row.recommendation_id, row.occurred_at) == (event_id, list_id, when)
    assert (row.quantity, row.unit_price, row.order_reference) == (3, Decimal("19.9"), "A-17")


@pytest.mark.django_db(transaction=True)
def test_recording_takes_one_statement_also_for_a_new_visitor(
    browser, product, ada, django_assert_num_queries
):
    for _ in ("new", "known"):
        with django_assert_num_queries(1):
            browser.visit(lambda request: record_view(request, product))
    browser.user = ada
    for _ in ("binding", "bound"):
        with django_assert_num_queries(1):
            browser.visit(lambda request: record_view(request, product))
    assert View.objects.count() == 4
    assert Visitor.objects.get().user == ada


def test_inside_a_transaction_a_savepoint_is_put_around_the_insert(known, product, django_assert_num_queries):
    with django_assert_num_queries(3) as queries:
        known.visit(lambda request: record_view(request, product))
    assert [query["sql"].split()[0] for query in queries] == ["SAVEPOINT", "WITH", "RELEASE"]


def test_a_product_may_be_named_by_its_key(browser, product):
    browser.visit(lambda request: record_cart(request, str(product.pk)))
    assert CartAddition.objects.get().product_id == product.pk


def test_several_interactions_of_one_request_have_one_visitor(browser, products):
    browser.visit(lambda request: [record_view(request, product) for product in products])
    assert Visitor.objects.count() == 1
    assert View.objects.count() == len(products)


def test_a_visitor_stands_in_where_there_is_no_request(product, ada):
    visitor = Visitor.objects.create(user=ada)
    assert record_purchase(visitor, product) is True
    assert Purchase.objects.get().visitor == visitor


def test_a_rolled_back_order_leaves_no_purchase(known, product):
    def order(request):
        with transaction.atomic():
            assert record_purchase(request, product) is True
            transaction.set_rollback(True)

    known.visit(order)
    assert Purchase.objects.count() == 0


def test_after_a_rolled_back_first_visit_the_visitor_is_made_with_the_next_event(browser, product):
    def failing(request):
        with transaction.atomic():
            record_view(request, product)
            transaction.set_rollback(True)

    browser.visit(failing)
    assert Visitor.objects.count() == 0
    browser.visit(lambda request: record_view(request, product))
    assert View.objects.get().visitor == Visitor.objects.get()


def test_an_order_recorded_twice_is_stored_once(known, products):
    def order(request):
        return [record_purchase(request, product, order="A-17") for product in products[:2]]

    assert known.visit(order) == [True, True]
    assert known.visit(order) == [False, False]
    assert Purchase.objects.count() == 2


def test_lines_of_one_product_are_told_apart_by_their_name(known, product):
    for line in ("blue", "red", "red"):
        known.visit(lambda request, line=line: record_purchase(request, product, order="A-17", line=line))
    assert Purchase.objects.count() == 2


@pytest.mark.parametrize(
    ("details", "complaint"),
    [
        ({"quantity": 0}, "quantity is 0"),
        ({"quantity": 2**31}, "quantity is 2147483648"),
        ({"quantity": 1.5}, "quantity is 1.5"),
        ({"quantity": float("nan")}, "quantity is nan"),
        ({"quantity": None}, "quantity is None"),
        ({"unit_price": Decimal("1e12")}, "unit_price is"),
        ({"unit_price": -1}, "unit_price is -1"),
        ({"unit_price": "cheap"}, "unit_price is 'cheap'"),
        ({"unit_price": float("nan")}, "unit_price is nan"),
        ({"order": "x" * 65}, "64 characters at most"),
        ({"order": "a\x00b"}, "64 characters at most"),
        ({"event_id": "17"}, "event_id is '17'"),
        ({"recommendation_id": 17}, "recommendation_id is 17"),
        ({"occurred_at": "yesterday"}, "occurred_at is 'yesterday'"),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_reason(browser, product, caplog, details, complaint):
    assert browser.visit(lambda request: record_purchase(request, product, **details)) is False
    assert complaint in caplog.text
    assert Interaction.objects.count() == 0
    assert browser.cookie == ""


def test_what_is_no_product_is_refused(browser, ada, caplog):
    unsaved = get_product_model()(name="draft", pk=None)
    for wrong in (ada, unsaved, None, "no-such-key", object()):
        assert browser.visit(lambda request, wrong=wrong: record_view(request, wrong)) is False
    assert caplog.text.count("Did not record a view") == 5


def test_programming_errors_are_logged_and_not_raised(product, caplog):
    assert record_view(None, product) is False
    assert record_view("request", product, colour="red") is False
    assert "expected the request, got None" in caplog.text


@pytest.mark.django_db(transaction=True)
def test_an_order_survives_a_failure_to_record(browser, product, make_product, caplog):
    def order(request):
        with transaction.atomic():
            assert record_purchase(request, product) is False
            make_product("stands for the order")

    _break_the_log()
    try:
        browser.visit(order)
    finally:
        _mend_the_log()
    assert get_product_model().objects.filter(name="stands for the order").exists()
    assert Purchase.objects.count() == 0


def test_the_users_table_may_have_a_reserved_word_for_a_name(
    browser, product, django_user_model, monkeypatch
):
    with connection.cursor() as cursor:
        cursor.execute(f'ALTER TABLE {django_user_model._meta.db_table} RENAME TO "user"')
    monkeypatch.setattr(django_user_model._meta, "db_table", "user")
    assert browser.visit(lambda request: record_view(request, product)) is True


class TokenUser:
    """A user that a token stands for, without a row of its own."""

    pk = uuid.UUID(int=1) if django_settings.AUTH_USER_MODEL == "shop.Customer" else 1_000_000
    is_authenticated = True


@pytest.mark.django_db(transaction=True)
def test_an_order_survives_a_user_without_a_row(browser, product):
    browser.user = TokenUser()
    with transaction.atomic():
        assert browser.visit(lambda request: record_purchase(request, product)) is True
    assert Purchase.objects.get().visitor.user is None


@pytest.mark.django_db(transaction=True)
def test_a_failure_is_logged_once_with_its_traceback(browser, product, caplog):
    caplog.set_level(logging.INFO)
    _break_the_log()
    try:
        for _ in range(3):
            assert browser.visit(lambda request: record_view(request, product)) is False
    finally:
        _mend_the_log()
    (report,) = caplog.records
    assert report.levelno == logging.ERROR
    assert report.exc_info is not None


def test_a_transaction_broken_by_the_shop_is_left_to_the_shop(browser, product, caplog):
    with transaction.atomic():
        transaction.set_rollback(True)
        assert browser.visit(lambda request: record_view(request, product)) is False
    assert browser.visit(lambda request: record_view(request, product)) is True


def test_times_may_be_naive_or_aware(browser, product):
    moment = datetime(2024, 5, 1, 10, tzinfo=UTC)
    browser.visit(lambda request: record_view(request, product, occurred_at=moment))
    naive = timezone.make_naive(moment, timezone.get_default_timezone())
    browser.visit(lambda request: record_view(request, product, occurred_at=naive))
    first, second = View.objects.all()
    assert first.occurred_at == second.occurred_at
    if timezone.is_aware(first.occurred_at):
        assert first.occurred_at == moment


def test_a_failing_consent_function_records_nothing(browser, product, settings, caplog):
    settings.SHOP_RECS = settings.SHOP_RECS | {"CONSENT": "tests.tracking.no_such_function"}
    assert browser.visit(lambda request: record_view(request, product)) is False
    assert "Could not record a view" in caplog.text


def test_the_event_of_a_stale_visitor_is_refused(product, ada, caplog):
    stale = Visitor.objects.create()
    Visitor.objects.update(user=ada)
    assert record_view(stale, product) is False
    assert "bound to another user" in caplog.text


def _break_the_log() -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE shop_recs_interaction RENAME TO away")


def _mend_the_log() -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE away RENAME TO shop_recs_interaction")
