"""`POST v1/events/`."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from shop_recs.conf import settings as recs_settings
from shop_recs.models import Interaction, Kind, View, Visitor
from tests.tracking.conftest import BROWSER

URL = "/recs/v1/events/"


@pytest.fixture(autouse=True)
def _fresh_throttles():
    cache.clear()


@pytest.fixture
def client() -> Client:
    return Client(headers={"user-agent": BROWSER, "sec-fetch-site": "same-origin"})


@pytest.fixture
def product(make_product):
    return make_product("Red chair")


def event(product, /, **fields):
    return {"id": str(uuid.uuid4()), "kind": "view", "product": str(product.pk)} | fields


def send(client, events, **headers):
    return client.post(URL, json.dumps(events), content_type="application/json", headers=headers)


def verdicts(client, events) -> list[str]:
    response = send(client, events)
    assert response.status_code == 202, response.content
    return response.json()["verdicts"]


def test_the_endpoint_has_a_name():
    assert reverse("shop_recs:events") == URL


def test_an_event_is_stored_and_the_visitor_remembered(client, product):
    assert verdicts(client, [event(product)]) == ["accepted"]
    assert View.objects.get().product_id == product.pk
    assert verdicts(client, {"events": [event(product, kind="cart", quantity=2)]}) == ["accepted"]
    assert Interaction.objects.get(kind=Kind.CART).quantity == 2
    assert Visitor.objects.count() == 1


def test_an_answer_belongs_to_its_visitor_alone(client, product):
    for response in (send(client, [event(product)]), send(client, "nonsense"), client.get(URL)):
        assert response["Cache-Control"] == "private, no-store"


@pytest.mark.django_db(transaction=True)
def test_a_batch_takes_two_statements(client, products, django_assert_num_queries):
    for events in ([event(products[0])], [event(product) for product in products]):
        with django_assert_num_queries(2):
            assert set(verdicts(client, events)) == {"accepted"}


def test_a_logged_in_user_keeps_the_visitor(client, product, django_user_model):
    user = django_user_model.objects.create_user("ada")
    client.force_login(user)
    verdicts(client, [event(product)])
    verdicts(client, [event(product)])
    assert Visitor.objects.get().user == user


def test_an_event_sent_again_is_a_duplicate(client, product):
    first, second = event(product), event(product)
    assert verdicts(client, [first]) == ["accepted"]
    assert verdicts(client, [second, first, second]) == ["accepted", "duplicate", "duplicate"]
    assert View.objects.count() == 2


def test_nobody_can_use_up_the_ids_of_another(client, product):
    attacker, same = Client(headers={"user-agent": BROWSER}), event(product)
    assert verdicts(attacker, [same]) == ["accepted"]
    assert verdicts(client, [same]) == ["accepted"]


def test_each_event_has_a_verdict_in_its_place(client, product):
    good = event(product)
    answer = verdicts(
        client,
        [
            event(product, kind="purchase"),
            good,
            event(product, kind="steal"),
            event(product, product=True),
            event(product, product="no-such-key"),
            event(product, product="999999999999999999999999"),
            event(product, product=str(uuid.uuid4())),
            event(product, product="a\x00b"),
            event(product, product="\ud800"),
            event(product, id="17"),
            event(product, quantity=0),
            event(product, quantity=2**31),
            event(product, colour="red"),
            event(product, **{"\ud800": 1}),
            "view",
            None,
            {},
            good,
        ],
    )
    assert answer[:4] == [
        "invalid: purchases are recorded by the shop's server",
        "accepted",
        "invalid: kind: must be one of view, favourite, cart",
        "invalid: product: must be the key of a product, as a string or a number",
    ]
    assert set(answer[4:9]) == {"invalid: product: unknown product"}
    assert all(verdict.startswith("invalid: ") for verdict in answer[9:-1])
    assert "known are id, kind, product" in answer[12]
    assert answer[-1] == "duplicate"
    assert Interaction.objects.count() == 1


def test_a_batch_without_a_valid_event_makes_no_visitor(client, product):
    response = send(client, [event(product, kind="purchase")])
    assert recs_settings.COOKIE_NAME not in response.cookies
    assert Visitor.objects.count() == 0


@pytest.mark.parametrize(
    ("ago", "kept"),
    [
        (timedelta(hours=1), True),
        (timedelta(days=6), True),
        (timedelta(days=8), False),
        (-timedelta(seconds=30), True),
        (-timedelta(minutes=5), False),
    ],
)
def test_the_clock_of_the_browser_counts_where_it_is_plausible(client, product, ago, kept):
    moment = datetime.now(UTC) - ago
    verdicts(client, [event(product, occurred_at=moment.isoformat())])
    row = View.objects.get()
    expected = moment if kept else datetime.now(UTC)
    stored = row.occurred_at if timezone.is_aware(row.occurred_at) else timezone.make_aware(row.occurred_at)
    assert abs(stored - expected) < timedelta(seconds=10)


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "soon", 17])
def test_times_at_the_end_of_the_calendar_do_no_harm(client, product, moment):
    (verdict,) = verdicts(client, [event(product, occurred_at=moment)])
    assert verdict == "accepted" or verdict.startswith("invalid: occurred_at")


def test_a_beacon_may_call_its_json_plain_text(client, product):
    response = client.post(URL, json.dumps([event(product)]), content_type="text/plain;charset=UTF-8")
    assert response.status_code == 202


def test_a_form_is_not_understood(client, product):
    assert client.post(URL, {"events": "[]"}).status_code == 415


def test_too_many_events_are_refused(client, product):
    response = send(client, [event(product)] * 51)
    assert (response.status_code, response.json()["detail"]) == (413, "51 events; send at most 50 at once.")


def test_too_many_bytes_are_refused(client):
    response = client.post(URL, b"[" + b" " * 65_536 + b"]", content_type="application/json")
    assert response.status_code == 413
    assert "65536 bytes" in response.json()["detail"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"17",
        b'"events"',
        b"null",
        b'{"events": 1}',
        b'{"events": [], "more": 1}',
        b"[NaN]",
        b"\xff\xfe",
        b"[" * 20_000,
        b"[[[[]]]]",
        b"[" + b"9" * 5_000 + b"]",
        b'[{"id": {"deep": {}}}]',
    ],
)
def test_what_is_no_list_of_events_is_refused_with_a_message(client, db, body):
    response = client.post(URL, body, content_type="application/json")
    assert response.status_code == 400
    assert response.json()["detail"]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters()), inner, max_size=4),
    max_leaves=8,
)
likely_events = st.fixed_dictionaries(
    {},
    optional={
        "id": st.uuids().map(str) | json_values,
        "kind": st.sampled_from(["view", "cart", "favourite", "purchase"]) | json_values,
        "product": st.integers() | st.text(st.characters()) | json_values,
        "occurred_at": st.datetimes().map(str) | json_values,
        "quantity": st.integers() | json_values,
        "recommendation_id": json_values,
        "extra": json_values,
    },
)
bodies = (
    st.binary(max_size=200)
    | json_values.map(lambda value: json.dumps(value).encode())
    | st.lists(likely_events, max_size=3).map(lambda events: json.dumps(events).encode())
)


@hypothesis_settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(body=bodies)
def test_no_body_is_a_server_error(client, db, settings, body):
    settings.SHOP_RECS = settings.SHOP_RECS | {"THROTTLE_RATES": {"events": None}}
    response = client.post(URL, body, content_type="application/json")
    assert response.status_code in (202, 400, 413)
    assert response.json()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"sec-fetch-site": "same-origin"}, 202),
        ({"sec-fetch-site": "cross-site", "origin": "https://evil.example"}, 403),
        ({"sec-fetch-site": "same-site", "origin": "http://other.testserver"}, 403),
        ({"sec-fetch-site": "same-site", "origin": "http://m.shop.example"}, 202),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"origin": "http://testserver"}, 202),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({}, 202),
    ],
)
def test_pages_of_other_sites_cannot_send_events(product, settings, headers, status):
    settings.CSRF_TRUSTED_ORIGINS = ["http://m.shop.example"]
    client = Client(headers={"user-agent": BROWSER} | headers, enforce_csrf_checks=True)
    response = send(client, [event(product)])
    assert response.status_code == status
    assert View.objects.count() == (status == 202)
    if status == 403:
        assert "own pages only" in response.json()["detail"]


def test_too_many_requests_are_told_when_to_come_back(client, product, settings):
    settings.SHOP_RECS = settings.SHOP_RECS | {"THROTTLE_RATES": {"events": "2/min"}}
    assert [send(client, []).status_code for _ in range(2)] == [202, 202]
    response = send(client, [event(product)])
    assert response.status_code == 429
    assert 0 < int(response["Retry-After"]) <= 60
    assert "throttled" in response.json()["detail"]
    assert View.objects.count() == 0


def test_the_throttle_counts_each_visitor_apart(product, settings):
    first, second = (Client(headers={"user-agent": BROWSER}) for _ in range(2))
    for client in (first, second):
        verdicts(client, [event(product)])
    settings.SHOP_RECS = settings.SHOP_RECS | {"THROTTLE_RATES": {"events": "1/min"}}
    assert [send(client, []).status_code for client in (first, second, first)] == [202, 202, 429]


@pytest.mark.parametrize("headers", [{"sec-gpc": "1"}, {"user-agent": "Googlebot/2.1"}, {"user-agent": ""}])
def test_who_may_not_be_recorded_is_answered_with_nothing(client, product, headers):
    response = send(client, [event(product)], **headers)
    assert (response.status_code, response.content) == (204, b"")
    assert not response.cookies
    assert Interaction.objects.count() == 0


def test_only_posts_are_understood(client, db):
    assert client.get(URL).status_code == 405
