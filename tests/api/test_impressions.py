"""`POST v1/impressions/`."""

from __future__ import annotations

import json
import uuid

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from shop_recs.models import Impression, Visitor
from tests.api.test_events import json_values
from tests.tracking.conftest import BROWSER

URL = "/recs/v1/impressions/"


@pytest.fixture(autouse=True)
def _fresh_throttles():
    cache.clear()


@pytest.fixture
def client() -> Client:
    return Client(headers={"user-agent": BROWSER, "sec-fetch-site": "same-origin"})


def impression(*products, **fields):
    ranks = {str(product.pk): rank for rank, product in enumerate(products, start=1)}
    own = {"id": str(uuid.uuid4()), "recommendation_id": str(uuid.uuid4()), "products": ranks}
    return own | {"placement": "home"} | fields


def send(client, impressions, **headers):
    return client.post(URL, json.dumps(impressions), content_type="application/json", headers=headers)


def verdicts(client, impressions) -> list[str]:
    response = send(client, impressions)
    assert response.status_code == 202, response.content
    return response.json()["verdicts"]


def test_what_came_into_view_is_stored_and_the_visitor_remembered(client, products):
    sent = impression(*products[:3])
    assert verdicts(client, [sent, impression(products[5])]) == ["accepted", "accepted"]
    row = Impression.objects.get(recommendation_id=sent["recommendation_id"])
    assert (row.placement, row.products) == ("home", sent["products"])
    assert verdicts(client, [impression(products[0])]) == ["accepted"]
    assert Visitor.objects.count() == 1
    assert reverse("shop_recs:impressions") == URL


@pytest.mark.django_db(transaction=True)
def test_a_batch_takes_two_statements(client, products, django_assert_num_queries):
    for impressions in ([impression(products[0])], [impression(*products) for _ in range(20)]):
        with django_assert_num_queries(2):
            assert set(verdicts(client, impressions)) == {"accepted"}


def test_what_is_sent_again_is_a_duplicate_and_each_visitor_has_ids_of_his_own(client, products):
    stranger, sent = Client(headers={"user-agent": BROWSER}), impression(products[0])
    assert verdicts(stranger, [sent]) == ["accepted"]
    assert verdicts(client, [sent, sent]) == ["accepted", "duplicate"]
    assert verdicts(client, [sent]) == ["duplicate"]
    assert Impression.objects.count() == 2


def test_products_that_are_gone_are_passed_over(client, products):
    sent = impression(*products[:2])
    sent["products"] |= {"no-such-key": 3, str(uuid.uuid4()): 4, "999999999": 5, "a\x00b": 6, "\ud800": 7}
    products[0].delete()
    assert verdicts(client, [sent]) == ["accepted"]
    assert Impression.objects.get().products == {str(products[1].pk): 2}


def test_each_has_a_verdict_in_its_place(client, products):
    good = impression(products[0])
    answer = verdicts(
        client,
        [
            impression(),
            good,
            impression(products[0], id="17"),
            impression(products[0], recommendation_id=None),
            impression(products[0], placement="no slug"),
            impression(products[0], placement="a" * 51),
            impression(products[0], products={str(products[0].pk): 0}),
            impression(products[0], products={"no-such-key": 1}),
            impression(products[0], products={str(number): 1 for number in range(101)}),
            impression(products[0], colour="red"),
            17,
        ],
    )
    assert answer[1] == "accepted"
    assert all(verdict.startswith("invalid: ") for verdict in [answer[0], *answer[2:]])
    assert answer[7] == "invalid: products: unknown products"
    assert "known are id, recommendation_id" in answer[9]
    assert Impression.objects.count() == 1


likely = st.fixed_dictionaries(
    {},
    optional={
        "id": st.uuids().map(str) | json_values,
        "recommendation_id": st.uuids().map(str) | json_values,
        "placement": st.text(st.characters()) | json_values,
        "products": st.dictionaries(st.text(st.characters()), st.integers() | json_values, max_size=4),
        "extra": json_values,
    },
)
bodies = json_values | st.lists(likely, max_size=3)


@hypothesis_settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(body=bodies)
def test_no_body_is_a_server_error(client, db, settings, body):
    settings.SHOP_RECS = settings.SHOP_RECS | {"THROTTLE_RATES": {"events": None}}
    assert send(client, body).status_code in (202, 400, 413)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"sec-gpc": "1"}, 204),
        ({"user-agent": "Googlebot/2.1"}, 204),
        ({"sec-fetch-site": "cross-site"}, 403),
    ],
)
def test_whose_report_does_not_count_leaves_no_trace(client, products, headers, status):
    response = send(client, [impression(products[0])], **headers)
    assert (response.status_code, response["Cache-Control"]) == (status, "private, no-store")
    assert (Impression.objects.count(), Visitor.objects.count()) == (0, 0)


def test_a_shop_may_do_without(client, products, settings):
    settings.SHOP_RECS = settings.SHOP_RECS | {"IMPRESSION_DAYS": 0}
    assert send(client, [impression(products[0])]).status_code == 204
    assert (Impression.objects.count(), Visitor.objects.count()) == (0, 0)


def test_too_many_are_refused(client, products):
    assert send(client, [impression(products[0])] * 51).status_code == 413


def test_what_is_no_list_is_refused(client, db):
    response = send(client, {"impressions": []})
    assert (response.status_code, response.json()) == (400, {"detail": "Send a list of impressions."})
