"""What really goes over the wire to PostgreSQL, as libpq traces it."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction
from django.template import Context, Template
from django.test import Client

from shop_recs.models import Kind
from tests.serving.versions import publish_popularity
from tests.tracking.conftest import BROWSER

pytestmark = pytest.mark.django_db(transaction=True)

SENT = re.compile(r'\tF\t\d+\t(?:Query|Parse)\t "(.*?)"\n(?=\d{4}-|\Z)', re.S)
OPENS = re.compile(r"\b(?:BEGIN|COMMIT|ROLLBACK|SAVEPOINT)\b")
PAGE = """
{% load shop_recs %}{% recommended_for_you limit=3 %}{% similar_items product limit=3 %}
{% recommendations "popular" limit=2 %}
"""


@pytest.fixture
def shop(als: Any, shelves: Any, visitor: Any, did: Any, request_of: Any) -> dict[str, Any]:
    publish_popularity(shelves[1])
    did(visitor, Kind.VIEW, shelves[0][0])
    return {"request": request_of(visitor), "product": shelves[0][0]}


@pytest.fixture
def browser() -> Client:
    return Client(headers={"user-agent": BROWSER, "sec-fetch-site": "same-origin"})


@contextmanager
def messages(folder: Path) -> Iterator[list[str]]:
    """The statements that the connection sends meanwhile, a string for each message."""
    sent: list[str] = []
    connection.ensure_connection()
    server = connection.connection.pgconn
    with (folder / "trace").open("w+") as file:
        server.trace(file.fileno())
        yield sent
        server.untrace()
        file.seek(0)
        sent += SENT.findall(file.read())


def look_at(browser: Client, product: Any) -> None:
    event = {"id": str(uuid.uuid4()), "kind": "view", "product": str(product.pk)}
    assert browser.post("/recs/v1/events/", [event], content_type="application/json").status_code == 202


def test_lists_and_events_open_no_transaction(shop, browser, tmp_path):
    with messages(tmp_path) as sent:
        look_at(browser, shop["product"])
        assert browser.get("/recs/v1/recommendations/", {"limit": 3}).json()["rung"] == "als"
        assert Template(PAGE).render(Context(shop)).count("<li ") == 8
    assert len(sent) >= 8
    assert not [message for message in sent if OPENS.search(message)]


def test_a_list_is_two_round_trips_with_its_limits(shop, browser, tmp_path):
    look_at(browser, shop["product"])
    with messages(tmp_path) as sent:
        browser.get("/recs/v1/recommendations/", {"limit": 3})
    assert len(sent) == 2
    assert all(message.startswith("SET LOCAL statement_timeout = 30000; ") for message in sent)


def test_in_a_transaction_of_the_shop_a_list_is_two_round_trips_too(shop, browser, tmp_path):
    look_at(browser, shop["product"])
    with transaction.atomic():
        connection.cursor().execute("SELECT 1")
        with messages(tmp_path) as sent:
            browser.get("/recs/v1/recommendations/", {"limit": 3})
    assert len(sent) == 2
    assert all(message.startswith("SAVEPOINT shop_recs; ") for message in sent)
