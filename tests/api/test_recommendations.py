"""`GET v1/recommendations/` and `GET v1/items/{id}/similar/`."""

from __future__ import annotations

import uuid

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from shop_recs.conf import get_product_model
from shop_recs.models import Kind
from tests.serving.conftest import *  # noqa: F403
from tests.serving.versions import publish_popularity, publish_vectors
from tests.tracking.conftest import BROWSER

URL = "/recs/v1/recommendations/"


@pytest.fixture(autouse=True)
def _fresh_throttles():
    cache.clear()


@pytest.fixture
def browser() -> Client:
    return Client(headers={"user-agent": BROWSER, "sec-fetch-site": "same-origin"})


@pytest.fixture
def shop(shelves, tastes):
    publish_vectors("als", shelves[0] + shelves[1], tastes)
    publish_popularity(shelves[1])
    return shelves[0] + shelves[1]


def look_at(browser, product):
    event = {"id": str(uuid.uuid4()), "kind": "view", "product": str(product.pk)}
    assert browser.post("/recs/v1/events/", [event], content_type="application/json").status_code == 202


def similar_url(product):
    return f"/recs/v1/items/{product.pk}/similar/"


def ids(response):
    assert response.status_code == 200, response.content
    return [item["id"] for item in response.json()["items"]]


def test_the_endpoints_have_names(shop):
    assert reverse("shop_recs:recommendations") == URL
    assert reverse("shop_recs:similar", args=[shop[0].pk]) == similar_url(shop[0])


def test_a_list_says_everything_about_its_items(browser, shop):
    look_at(browser, shop[0])
    answer = browser.get(URL, {"limit": 2}).json()
    assert uuid.UUID(answer["id"])
    assert (answer["placement"], answer["heading"]) == ("recommended-for-you", "Recommended for you")
    assert answer["rung"] == "als"
    first, second = answer["items"]
    product = get_product_model().objects.get(pk=first["id"])
    assert first == {
        "id": str(product.pk),
        "rank": 1,
        "score": pytest.approx(first["score"]),
        "source": "als",
        "reason": first["reason"],
        "boosted": False,
        "label": "",
        "title": product.name,
        "url": product.get_absolute_url(),
        "image": None,
        "price": "10.00",
    }
    assert first["score"] >= second["score"]
    assert {first["reason"], second["reason"]} <= {"you viewed this", "because you viewed Chair 0"}


def test_the_latest_view_counts_in_the_next_answer(browser, shop):
    look_at(browser, shop[0])
    before = browser.get(URL, {"limit": 3}).json()["items"]
    look_at(browser, shop[7])
    look_at(browser, shop[8])
    after = browser.get(URL, {"limit": 3}).json()["items"]
    assert before[0]["title"].startswith("Chair")
    assert after[0]["title"].startswith("Lamp")


def test_a_stranger_gets_what_is_popular(browser, shop):
    answer = browser.get(URL).json()
    assert answer["rung"] == "popular"
    assert len(answer["items"]) == 10


def test_products_are_left_out_as_asked(browser, shop):
    left_out = {str(product.pk) for product in shop[:3]}
    answer = browser.get(URL, {"product": shop[0].pk, "exclude": f"{shop[1].pk},{shop[2].pk}"})
    assert len(ids(answer)) == 7
    assert not left_out & set(ids(answer))


def test_similar_items_are_like_the_product(browser, shop):
    answer = browser.get(similar_url(shop[0]), {"limit": 4, "exclude": shop[1].pk})
    assert set(ids(answer)[:3]) == {str(product.pk) for product in shop[2:5]}
    assert answer.json()["items"][0]["reason"] == "similar to Chair 0"


@pytest.mark.parametrize("limit", ["0", "-1", "1.5", "many", "", "\uff11"])
def test_a_wrong_limit_is_refused_with_the_right_one(limit, browser, shop):
    for url in (URL, similar_url(shop[0])):
        answer = browser.get(url, {"limit": limit})
        assert answer.status_code == 400
        assert "ask for 1 to 100" in answer.json()["limit"]


def test_zeros_before_a_limit_mean_nothing(browser, shop):
    assert len(ids(browser.get(URL, {"limit": "0" * 12 + "3"}))) == 3


def test_more_than_a_hundred_are_never_given(browser, make_product):
    for number in range(101):
        make_product(f"Product {number}")
    assert len(ids(browser.get(URL, {"limit": "9" * 30}))) == 100


@pytest.mark.parametrize("key", ["nonsense!", "\x00", "9" * 40])
def test_a_wrong_key_is_refused(key, browser, shop):
    for parameter in ("product", "exclude"):
        answer = browser.get(URL, {parameter: key})
        assert answer.status_code == 400
        assert parameter in answer.json()


@pytest.mark.parametrize("key", ["nonsense", "00000000-0000-0000-0000-000000000000", "987654321", "9" * 40])
def test_an_unknown_product_is_not_found(key, browser, shop):
    answer = browser.get(f"/recs/v1/items/{key}/similar/")
    assert answer.status_code == 404
    assert "There is no product" in answer.json()["detail"]


def test_a_product_that_may_not_be_shown_is_not_found(browser, shop):
    get_product_model().objects.filter(pk=shop[0].pk).update(is_active=False)
    assert browser.get(similar_url(shop[0])).status_code == 404


def test_a_product_that_a_join_repeats_is_found(browser, shop, settings):
    settings.SHOP_RECS = settings.SHOP_RECS | {"AVAILABLE": {"shop_recs_vectors__isnull": False}}
    assert browser.get(similar_url(shop[-1])).status_code == 200


def test_what_is_personal_is_never_cached(browser, shop):
    for answer in (browser.get(URL), browser.get(URL, {"limit": "x"})):
        assert answer["Cache-Control"] == "private, no-store"


def test_similar_items_are_the_same_for_everybody(browser, shop):
    stranger = ids(browser.get(similar_url(shop[0])))
    for product in shop[:4]:
        look_at(browser, product)
    answer = browser.get(similar_url(shop[0]))
    assert ids(answer) == stranger
    assert "Cache-Control" not in answer


@pytest.mark.django_db(transaction=True)
def test_an_answer_takes_two_statements_and_one_for_the_product_in_its_address(
    browser, shop, django_assert_num_queries
):
    look_at(browser, shop[0])
    with django_assert_num_queries(2):
        browser.get(URL, {"limit": 3})
    with django_assert_num_queries(3):
        browser.get(similar_url(shop[0]), {"limit": 3})


def test_reading_leaves_no_cookie(browser, shop):
    assert not browser.get(URL).cookies
    assert not browser.get(similar_url(shop[0])).cookies


def test_a_user_gets_the_list_of_all_devices(shop, visitor, did, django_user_model, browser):
    user = django_user_model.objects.create_user("ada")
    visitor.user = user
    visitor.save()
    did(visitor, Kind.VIEW, shop[0])
    browser.force_login(user)
    assert browser.get(URL).json()["rung"] == "als"


def test_too_many_requests_are_turned_away(shop, browser, settings):
    settings.SHOP_RECS = settings.SHOP_RECS | {"THROTTLE_RATES": {"recommendations": "2/min"}}
    assert [browser.get(URL).status_code for _ in range(3)] == [200, 200, 429]


def test_a_person_can_browse_it(browser, shop):
    answer = browser.get(URL, headers={"accept": "text/html"})
    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("text/html")


def test_the_api_is_described(db):
    from drf_spectacular.generators import SchemaGenerator

    paths = SchemaGenerator().get_schema(request=None, public=True)["paths"]
    personal = paths[URL]["get"]
    assert personal["operationId"] == "recommended_for_you"
    assert {parameter["name"] for parameter in personal["parameters"]} == {
        "limit",
        "product",
        "exclude",
        "explain",
    }
    similar = paths["/recs/v1/items/{id}/similar/"]["get"]
    assert similar["operationId"] == "similar_items"
    assert not [path for path in paths if "user" in path]


def test_more_than_five_hundred_to_leave_out_are_refused(browser, shop):
    keys = ",".join([str(shop[0].pk)] * 501)
    answer = browser.get(URL, {"exclude": keys})
    assert (answer.status_code, answer.json()["exclude"]) == (400, "501 products; leave out 500 at most.")
    assert browser.get(URL, {"exclude": keys.rpartition(",")[0]}).status_code == 200
