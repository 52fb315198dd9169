"""`POST v1/feedback/` and `DELETE v1/feedback/{id}/`."""

from __future__ import annotations

import json

import pytest
from django.core.cache import cache
from django.test import Client

from shop_recs.models import Feedback, Visitor
from tests.tracking.conftest import BROWSER

URL = "/recs/v1/feedback/"
LIST = "/recs/v1/placements/recommended-for-you/"


@pytest.fixture(autouse=True)
def _fresh_throttles():
    cache.clear()


@pytest.fixture
def client() -> Client:
    return Client(headers={"user-agent": BROWSER, "sec-fetch-site": "same-origin"})


def say(client, product, kind="hide", **headers):
    body = json.dumps({"product": str(product.pk), "kind": kind})
    return client.post(URL, body, content_type="application/json", headers=headers)


def listed(client) -> set[str]:
    return {item["id"] for item in client.get(LIST).json()["items"]}


@pytest.mark.parametrize("kind", ["hide", "not_interested"])
def test_a_product_is_gone_from_the_next_list_until_it_is_taken_back(client, products, kind):
    key = str(products[0].pk)
    assert key in listed(client)
    assert say(client, products[0], kind).status_code == 201
    assert key not in listed(client)
    assert key in listed(Client(headers={"user-agent": BROWSER}))
    assert client.delete(f"{URL}{key}/").status_code == 204
    assert key in listed(client)
    assert client.delete(f"{URL}{key}/").status_code == 204


@pytest.mark.django_db(transaction=True)
def test_it_takes_two_statements(client, products, django_assert_num_queries):
    say(client, products[0])
    with django_assert_num_queries(2):
        say(client, products[1])


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"product": "no-such-key", "kind": "hide"}, "product"),
        ({"product": "999999999", "kind": "hide"}, "product"),
        ({"product": None, "kind": "hide"}, "product"),
        ({"kind": "hide"}, "product"),
        ({"product": "1", "kind": "burn"}, "kind"),
        ({"product": "1", "kind": "hide", "colour": "red"}, "unknown key"),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_reason(client, products, body, field):
    response = client.post(URL, json.dumps(body), content_type="application/json")
    assert response.status_code == 400
    assert field in response.json()
    assert (Feedback.objects.count(), Visitor.objects.count()) == (0, 0)


def test_what_is_no_object_is_refused(client, db):
    assert client.post(URL, "[]", content_type="application/json").status_code == 400
    assert client.delete(f"{URL}no-such-key/").status_code == 400


@pytest.mark.parametrize(
    "headers",
    [{"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site", "origin": "https://evil.example"}],
)
def test_another_site_hides_nothing_and_shows_nothing(client, products, headers):
    say(client, products[0])
    assert say(client, products[1], **headers).status_code == 403
    assert client.delete(f"{URL}{products[0].pk}/", headers=headers).status_code == 403
    assert Feedback.objects.get().product_id == products[0].pk


@pytest.mark.parametrize("headers", [{"sec-gpc": "1"}, {"user-agent": "Googlebot/2.1"}])
def test_who_may_not_be_remembered_is_answered_with_nothing(client, products, headers):
    response = say(client, products[0], **headers)
    assert (response.status_code, response.content) == (204, b"")
    assert response["Cache-Control"] == "private, no-store"
    assert (Feedback.objects.count(), Visitor.objects.count()) == (0, 0)


def test_too_many_requests_are_told_when_to_come_back(client, products, settings):
    say(client, products[0])
    settings.SHOP_RECS = settings.SHOP_RECS | {"THROTTLE_RATES": {"events": "1/min"}}
    assert client.delete(f"{URL}{products[0].pk}/").status_code == 204
    assert say(client, products[1]).status_code == 429
