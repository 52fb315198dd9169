"""`?explain=1`: why a list is as it is, for staff."""

from __future__ import annotations

import json

import pytest
from django.urls import reverse
from rest_framework.test import APIClient

from shop_recs.api.serializers import ExplanationSerializer
from shop_recs.models import ItemScore, Kind, Visitor
from tests.serving.conftest import *  # noqa: F403
from tests.serving.versions import publish_vectors

pytestmark = pytest.mark.django_db


@pytest.fixture
def client():
    return APIClient()


@pytest.fixture
def staff(client, make_staff):
    """Somebody who may look at versions, logged in, with a history as a shopper."""
    user = make_staff("view_modelversion")
    client.force_login(user)
    return user


@pytest.fixture
def learned(products):
    """A version of `als` that knows the products."""
    return publish_vectors("als", products, [[1, 1 / place] for place in range(1, 13)])


def addresses(products):
    return {
        "for you": ("get", reverse("shop_recs:recommendations")),
        "similar": ("get", reverse("shop_recs:similar", args=[products[0].pk])),
        "placement": ("get", reverse("shop_recs:placement", args=["recommended-for-you"])),
        "placements": ("post", reverse("shop_recs:placements")),
    }


def ask(client, products, which, *, explain):
    method, address = addresses(products)[which]
    body = {"placements": [{"placement": "recommended-for-you"}]} if method == "post" else None
    return getattr(client, method)(f"{address}?explain={explain}", body, format="json")


WHICH = ["for you", "similar", "placement", "placements"]


@pytest.mark.parametrize("which", WHICH)
class TestEveryEndpoint:
    def test_explains_to_staff(self, which, client, staff, learned, products):
        response = ask(client, products, which, explain=1)
        assert response.status_code == 200
        answer = response.json()
        answer = answer["placements"][0] if which == "placements" else answer
        assert set(answer["explanation"]) == set(ExplanationSerializer().fields)
        listed = [(one["id"], one["rank"]) for one in answer["explanation"]["listed"]]
        assert listed == [(item["id"], item["rank"]) for item in answer["items"]]

    def test_refuses_everybody_else(self, which, client, learned, products, django_user_model, make_staff):
        shopper = django_user_model.objects.create_user(username="ada", password="x")
        for user in (None, shopper, make_staff()):
            if user:
                client.force_login(user)
            response = ask(client, products, which, explain=1)
            assert response.status_code in (401, 403)
            assert "Only staff who may view model versions" in response.json()["detail"] or user is None
            assert "explanation" not in response.content.decode()

    def test_says_nothing_unasked(self, which, client, staff, learned, products):
        for explain in (0, ""):
            assert "explanation" not in ask(client, products, which, explain=explain).content.decode()

    def test_is_kept_by_no_cache(self, which, client, staff, learned, products):
        response = ask(client, products, which, explain=1)
        assert set(response["Cache-Control"].split(", ")) >= {"private", "no-store"}


def test_a_list_for_everybody_stays_cacheable_without_it(client, learned, products):
    _, address = addresses(products)["similar"]
    assert "no-store" not in client.get(address).get("Cache-Control", "")


def test_the_explanation_follows_the_product_through_all_stages(client, staff, learned, products, did):
    visitor = Visitor.objects.create(user=staff)
    did(visitor, Kind.VIEW, products[3], products[0])
    did(visitor, Kind.CART, products[1])
    answer = client.get(reverse("shop_recs:recommendations"), {"explain": 1, "limit": 3}).json()
    why = answer["explanation"]
    assert [(used["product"], used["kind"]) for used in why["history"]] == [
        (str(products[place].pk), kind) for place, kind in ((3, "view"), (0, "view"), (1, "cart"))
    ]
    assert all(0 < used["weights"]["als"] <= 1 and used["days_ago"] >= 0 for used in why["history"])
    (retriever,) = why["retrievers"]
    assert (retriever["source"], retriever["version"], retriever["weight"]) == ("als", learned.pk, 1.0)
    assert retriever["contributions"] == "exact"
    assert [one["rank"] for one in retriever["candidates"]] == list(range(1, 13))
    for item in why["listed"]:
        added = sum(part["amount"] for part in item["contributions"]["als"])
        assert added == pytest.approx(item["found"]["als"]["score"], rel=1e-3)
        assert item["final"] == item["found"]["als"]["score"]
    (carted,) = (one for one in why["dropped"] if one["id"] == str(products[1].pk))
    assert carted["reasons"] == [{"name": "cart", "text": "is in the cart"}]


def test_lists_of_a_page_say_what_those_above_took(client, staff, products):
    for place, product in enumerate(products):
        ItemScore.objects.create(ranking="popular", product_id=product.pk, score=100 - place)
    asked = {"placements": [{"placement": "popular", "limit": 2}, {"placement": "popular", "limit": 2}]}
    first, second = client.post(f"{reverse('shop_recs:placements')}?explain=1", asked, format="json").json()[
        "placements"
    ]
    taken = {one["id"] for one in second["explanation"]["dropped"] if one["reasons"][0]["name"] == "shown"}
    assert taken == {item["id"] for item in first["items"]}


def test_a_wrong_placement_is_as_wrong_as_ever(client, staff, products):
    response = client.get(reverse("shop_recs:placement", args=["populr"]), {"explain": 1})
    assert response.status_code == 404


def test_it_is_plain_json(client, staff, learned, products):
    content = ask(client, products, "for you", explain=1).content
    assert json.loads(content, parse_constant=pytest.fail)["explanation"]["listed"]
