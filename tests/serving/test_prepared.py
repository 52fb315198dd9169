"""Statements that a connection plans once."""

from __future__ import annotations

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from shop_recs import recommended_for_you
from shop_recs.models import Kind
from shop_recs.serving import prepared
from tests.serving.versions import publish_vectors

STATEMENT = "SELECT %(first)s::int + %(second)s::int, %(first)s::int, %(words)s::text[]"
GIVEN = {"first": 1, "second": 2, "words": ["a 'b'", "%s; $1"], "unused": object}
ANSWER = [(3, 1, ["a 'b'", "%s; $1"])]

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def fresh():
    """A connection that prepared nothing."""
    connection.close()


def rows():
    return prepared.rows(connection, STATEMENT, GIVEN)


def sent():
    """The message by which the rows are asked for."""
    with CaptureQueriesContext(connection) as captured:
        assert rows() == ANSWER
    return captured[-1]["sql"]


def test_a_connection_plans_a_statement_once():
    assert sent().startswith("PREPARE")
    assert sent().startswith("EXECUTE")
    connection.close()
    assert sent().startswith("PREPARE")


def test_what_somebody_discarded_is_prepared_again():
    rows()
    with connection.cursor() as cursor:
        cursor.execute("DISCARD ALL")
    assert sent().startswith("PREPARE")
    assert sent().startswith("EXECUTE")


def test_what_somebody_prepared_before_is_taken():
    rows()
    prepared._prepared.clear()
    assert sent().startswith("EXECUTE")


def test_behind_a_pooler_of_transactions_nothing_is_prepared(monkeypatch):
    monkeypatch.setitem(connection.settings_dict, "DISABLE_SERVER_SIDE_CURSORS", True)
    assert sent().startswith("SELECT 1::int + 2::int")
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_prepared_statements")
        assert cursor.fetchone() == (0,)


def test_the_context_is_planned_once_and_read_in_a_transaction_of_the_shop(
    visitor, did, request_of, products
):
    publish_vectors("als", products, [[1.0, place] for place in range(12)])
    did(visitor, Kind.VIEW, products[0])
    lists = []
    for _ in range(3):
        with CaptureQueriesContext(connection) as captured, transaction.atomic():
            lists.append([product.pk for product in recommended_for_you(request_of(visitor))])
            with connection.cursor() as cursor:
                cursor.execute("DISCARD PLANS" if len(lists) < 2 else "DEALLOCATE ALL")
    assert lists[0] == lists[1] == lists[2] != []
    assert any("EXECUTE shop_recs_" in query["sql"] for query in captured)
