"""Lists by placement, one and several at a time."""

from __future__ import annotations

import pytest
from django.urls import reverse
from rest_framework.test import APIClient

from shop_recs.models import ItemScore, MerchandisingRule, Placement

pytestmark = pytest.mark.django_db

MANY = reverse("shop_recs:placements")


def address(slug):
    return reverse("shop_recs:placement", args=[slug])


@pytest.fixture
def popular(products):
    for place, product in enumerate(products):
        ItemScore.objects.create(ranking="popular", product_id=product.pk, score=100 - place)
    return products


@pytest.fixture
def client():
    return APIClient()


def titles(answer):
    return [item["title"] for item in answer["items"]]


def test_one_placement_by_its_slug(client, popular):
    response = client.get(address("popular"), {"limit": 2})
    answer = response.json()
    assert (answer["placement"], answer["heading"], answer["rung"]) == ("popular", "Popular", "popular")
    assert titles(answer) == ["Product 0", "Product 1"]
    assert set(response["Cache-Control"].split(", ")) == {"private", "no-store"}


def test_the_next_page_continues_without_repeats(client, popular):
    first = client.get(address("popular"), {"limit": 3}).json()
    second = client.get(address("popular"), {"limit": 3, "after": first["next"]}).json()
    assert titles(first) + titles(second) == [f"Product {number}" for number in range(6)]


def test_several_lists_of_a_page_share_no_product(client, popular):
    asked = [{"placement": "popular", "limit": 2}, {"placement": "trending", "limit": 2}]
    answer = client.post(MANY, {"placements": asked}, format="json").json()
    assert [titles(one) for one in answer["placements"]] == [
        ["Product 0", "Product 1"],
        ["Product 2", "Product 3"],
    ]


def test_the_callers_products_are_put_in_order(client, popular):
    Placement.objects.create(slug="search", kind="rank", blend={"popular": 1})
    ids = [str(popular[place].pk) for place in (7, 3, 5)]
    asked = [{"placement": "search", "products": ids}]
    (answer,) = client.post(MANY, {"placements": asked}, format="json").json()["placements"]
    assert titles(answer) == ["Product 3", "Product 5", "Product 7"]
    asked = [{"placement": "rank", "products": ids}]
    (answer,) = client.post(MANY, {"placements": asked}, format="json").json()["placements"]
    assert titles(answer) == ["Product 7", "Product 3", "Product 5"]  # nobody is known: as they came


def test_a_category_has_its_own_bestsellers(client, popular):
    model = type(popular[0])
    category = model._meta.get_field("category").related_model.objects.create(name="Lamps")
    model.objects.filter(pk__in=[popular[4].pk, popular[6].pk]).update(category=category)
    answer = client.get(address("popular"), {"category": str(category.pk)}).json()
    assert titles(answer) == ["Product 4", "Product 6"]
    wrong = client.get(address("popular"), {"category": "no such thing"})
    assert (wrong.status_code, list(wrong.json())) == (400, ["category"])


def test_what_a_rule_favours_is_marked(client, popular):
    pinned = {"products": [str(popular[7].pk)], "position": 2}
    MerchandisingRule.objects.create(name="Sale", action="pin", label="Sponsored", **pinned)
    items = client.get(address("popular"), {"limit": 3}).json()["items"]
    marks = [(item["title"], item["boosted"], item["label"]) for item in items]
    assert marks[1:] == [("Product 7", True, "Sponsored"), ("Product 1", False, "")]


@pytest.mark.parametrize(
    ("query", "status", "words"),
    [
        ({"limit": "many"}, 400, "no number of products"),
        ({"seeds": "x!"}, 400, "no key of a"),
        ({"after": "forged"}, 400, "continues no list"),
    ],
)
def test_wrong_input_is_answered_with_what_is_wrong(client, popular, query, status, words):
    response = client.get(address("popular"), query)
    assert response.status_code == status
    assert words in str(response.json())


def test_an_unknown_placement_is_not_found(client, popular):
    response = client.get(address("populr"))
    assert (response.status_code, "did you mean 'popular'" in response.json()["detail"]) == (404, True)
    response = client.post(MANY, {"placements": [{"placement": "populr"}]}, format="json")
    assert (response.status_code, "did you mean" in str(response.json())) == (400, True)


@pytest.mark.parametrize(
    "body", [{}, {"placements": []}, {"placements": [{"seeds": []}]}, {"placements": "home"}]
)
def test_a_body_that_asks_nothing_is_refused(client, popular, body):
    assert client.post(MANY, body, format="json").status_code == 400


def test_a_dozen_lists_at_once_are_enough(client, popular):
    response = client.post(MANY, {"placements": [{"placement": "popular"}] * 13}, format="json")
    assert (response.status_code, "12 lists at most" in str(response.json())) == (400, True)


def test_a_broken_filter_tells_the_log_and_not_the_world(client, popular, caplog):
    Placement.objects.create(slug="bad", kind="popular", filter={"wings": 2})
    response = client.get(address("bad"))
    assert response.status_code == 503
    assert "wings" not in response.content.decode()
    assert "wings" in caplog.text
