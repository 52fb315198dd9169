"""Statements under a limit: it strikes, and nothing of it is left."""

from __future__ import annotations

import time
from typing import Any

import pytest
from django.db import DataError, connection, transaction
from django.db.models import BooleanField
from django.db.models.expressions import RawSQL
from django.db.transaction import TransactionManagementError

from shop_recs.conf import get_product_model
from shop_recs.serving.attempts import attempt, fetched
from shop_recs.serving.breaker import FAILURES, breaker
from shop_recs.signals import unanswered


@pytest.fixture
def limit(settings):
    """Set the limit: `limit(50)`."""

    def put(milliseconds: int | None) -> None:
        settings.SHOP_RECS = settings.SHOP_RECS | {"STATEMENT_TIMEOUT_MS": milliseconds}

    put(50)
    return put


@pytest.fixture
def reasons():
    """Why what gave no answer gave none."""
    found: list[tuple[str, str]] = []

    def note(name: str, reason: str, **kwargs: Any) -> None:
        found.append((name, reason))

    unanswered.connect(note)
    yield found
    unanswered.disconnect(note)


def ask(statement: str, *params: Any, on: Any = connection) -> list[Any]:
    with on.cursor() as cursor:
        cursor.execute(statement, params or None)
        return cursor.fetchall()


def limit_of_session(on: Any = connection) -> str:
    return ask("SHOW statement_timeout", on=on)[0][0]


def slowly() -> list[Any]:
    return ask("SELECT pg_sleep(%s)", 5)


def setting(on: Any = connection) -> list[Any]:
    return ask("SELECT current_setting('statement_timeout'), %s::text", "50 %", on=on)


@pytest.mark.django_db(transaction=True)
class TestWithoutTransaction:
    def test_a_statement_runs_under_the_limit_and_leaves_none_behind(self, limit):
        assert attempt("als", setting, using="default") == [("50ms", "50 %")]
        assert limit_of_session() == "0"

    def test_a_slow_statement_gives_no_answer(self, limit, reasons):
        began = time.monotonic()
        assert attempt("als", slowly, using="default") is None
        assert time.monotonic() - began < 2
        assert limit_of_session() == "0"
        assert reasons == [("als", "timeout")]

    def test_each_statement_has_the_whole_limit(self, limit):
        limit(400)
        nap = "SELECT 1 FROM pg_sleep(0.25)"
        assert attempt("als", lambda: (ask(nap), ask(nap)), using="default") == ([(1,)], [(1,)])

    def test_without_a_limit_the_statement_is_sent_as_it_is(self, limit, django_assert_num_queries):
        limit(None)
        with django_assert_num_queries(1) as sent:
            assert attempt("als", lambda: ask("SELECT 1"), using="default") == [(1,)]
        assert sent[0]["sql"] == "SELECT 1"

    def test_no_transaction_stays_open(self, limit):
        attempt("als", setting, using="default")
        attempt("als", slowly, using="default")
        assert connection.connection.info.transaction_status.name == "IDLE"

    def test_products_are_read_in_one_query(self, limit, products, django_assert_num_queries):
        with django_assert_num_queries(1):
            assert set(fetched("als", get_product_model().objects.all()) or ()) == set(products)


@pytest.mark.django_db(transaction=True)
class TestInTransaction:
    def test_a_statement_runs_under_the_limit_and_the_next_does_not(self, limit):
        with transaction.atomic():
            assert attempt("als", setting, using="default") == [("50ms", "50 %")]
            assert limit_of_session() == "0"

    def test_the_shops_own_limit_is_put_back(self, limit):
        with transaction.atomic():
            ask("SELECT set_config('statement_timeout', '7s', true)")
            attempt("als", setting, using="default")
            attempt("als", slowly, using="default")
            assert limit_of_session() == "7s"

    def test_a_slow_statement_leaves_the_transaction_usable(self, limit, make_product):
        with transaction.atomic():
            before = make_product("Red chair")
            assert attempt("als", slowly, using="default") is None
            after = make_product("Green chair")
        assert set(get_product_model().objects.all()) == {before, after}

    def test_a_failed_statement_leaves_it_usable_without_a_limit_too(self, limit, products):
        limit(None)
        with transaction.atomic():
            assert attempt("als", lambda: ask("SELECT 1 / 0"), using="default") is None
            assert get_product_model().objects.count() == len(products)

    def test_it_costs_no_further_query(self, limit, django_assert_num_queries):
        with transaction.atomic(), django_assert_num_queries(1):
            attempt("als", setting, using="default")

    def test_what_the_shop_rolls_back_is_rolled_back(self, limit, make_product):
        with transaction.atomic():
            make_product("Red chair")
            attempt("als", setting, using="default")
            transaction.set_rollback(True)
        assert not get_product_model().objects.exists()

    def test_a_transaction_that_the_shop_broke_is_left_to_the_shop(self, limit, reasons):
        with transaction.atomic():
            with pytest.raises(DataError):
                ask("SELECT 1 / 0")
            with pytest.raises(TransactionManagementError):
                attempt("als", setting, using="default")
            transaction.set_rollback(True)
        assert reasons == []


class TestServerSideBinding:
    def test_the_limit_holds_and_goes(self, db, limit, database):
        bound = database("bound", server_side_binding=True, prepare_threshold=0)
        slowly = "SELECT pg_sleep(%s)"
        for _ in range(3):
            answer = attempt("als", lambda: setting(on=bound), using="bound")
            assert answer == [("50ms", "50 %")]
        assert attempt("als", lambda: ask(slowly, 5, on=bound), using="bound") is None
        assert limit_of_session(on=bound) == "0"
        assert bound.connection.prepare_threshold == 0


class TestFailures:
    def test_what_keeps_being_slow_is_not_asked_any_more(self, db, limit, reasons, django_assert_num_queries):
        for _ in range(FAILURES):
            assert attempt("als", slowly, using="default") is None
        with django_assert_num_queries(0):
            assert attempt("als", slowly, using="default") is None
        assert reasons == [("als", "timeout")] * FAILURES + [("als", "open")]

    def test_a_statement_that_makes_no_sense_opens_no_breaker(self, db, limit, products, reasons):
        nonsense = get_product_model().objects.filter(RawSQL("1 / 0 = 1", (), output_field=BooleanField()))
        for _ in range(FAILURES + 1):
            assert fetched("als", nonsense) is None
        assert not breaker("als").is_open
        assert set(reasons) == {("als", "error")}

    def test_errors_that_are_not_of_the_database_are_raised(self, db, limit):
        with pytest.raises(ZeroDivisionError):
            attempt("als", lambda: 1 // 0, using="default")

    def test_a_lost_connection_is_no_answer(self, db, limit, reasons, database):
        lost = database("lost")
        ((pid,),) = ask("SELECT pg_backend_pid()", on=lost)
        ask("SELECT pg_terminate_backend(%s)", pid)
        assert attempt("als", lambda: ask("SELECT 1", on=lost), using="lost") is None
        assert reasons == [("als", "error")]
        assert breaker("als").is_resting is False

    def test_a_server_that_is_not_there_is_no_answer(self, db, limit, reasons, database):
        gone = database("gone", host="/nowhere")
        for _ in range(FAILURES + 1):
            assert attempt("context", lambda: ask("SELECT 1", on=gone), using="gone") is None
        assert reasons == [("context", "error")] * FAILURES + [("context", "open")]
