"""Merchandising rules edited in the admin, and what they would do before they are saved."""

from __future__ import annotations

import numpy as np
import pytest
from django.urls import reverse

from shop_recs.models import Interaction, ItemScore, Kind, MerchandisingRule, Placement, Visitor
from tests.serving.versions import publish_vectors

pytestmark = pytest.mark.django_db

ADD = reverse("admin:shop_recs_merchandisingrule_add")
PREVIEW = reverse("admin:shop_recs_merchandisingrule_preview")
PREVIEW_PLACEMENT = reverse("admin:shop_recs_placement_preview")
FORM = {
    "name": "Autumn",
    "enabled": "on",
    "action": "boost",
    "products": "",
    "filter": '{"name__startswith": "Product 9"}',
    "position": "",
    "factor": "",
    "at_most": "",
    "per": "",
    "share": "",
    "label": "New",
    "sources": "",
    "segments": "at, de",
    "starts_at_0": "",
    "starts_at_1": "",
    "ends_at_0": "",
    "ends_at_1": "",
    "priority": "0",
    "percent": "100",
}
PLACEMENT = {
    "slug": "home",
    "kind": "popular",
    "limit": "3",
    "blend": "{}",
    "filter": "{}",
    "diversity": "0",
    "exploration": "0",
    "fatigue": "0",
    "enabled": "on",
}


@pytest.fixture
def popular(make_product):
    """Ten products, the first the most popular."""
    products = [make_product(f"Product {number}") for number in range(10)]
    for place, product in enumerate(products):
        ItemScore.objects.create(ranking="popular", product_id=product.pk, score=50 - place)
    return products


def test_a_rule_is_added_and_changed(admin_client, popular):
    assert admin_client.post(ADD, FORM | {"placements": ["popular"]}).status_code == 302
    rule = MerchandisingRule.objects.get()
    assert (rule.filter, rule.segments) == ({"name__startswith": "Product 9"}, ["at", "de"])
    assert rule.placements == ["popular"]
    change = reverse("admin:shop_recs_merchandisingrule_change", args=[rule.pk])
    assert "at, de" in admin_client.get(change).content.decode()
    pinned = ",".join(str(product.pk) for product in (popular[3], popular[1]))
    form = FORM | {"action": "pin", "filter": "{}", "products": pinned, "position": "2"}
    response = admin_client.post(change, form)
    assert response.status_code == 302, response.context["adminform"].form.errors
    rule.refresh_from_db()
    assert (rule.action, list(map(str, rule.products))) == ("pin", pinned.split(","))


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"filter": "{}"}, "Name products or write a filter"),
        ({"action": "pin"}, "Name the products to pin one by one"),
        ({"factor": "0.5"}, "A boost multiplies by more than 1"),
        ({"action": "bury", "factor": "2"}, "A burial multiplies by less than 1"),
        ({"action": "cap"}, "A cap counts all products; name none"),
        ({"action": "cap", "filter": "{}"}, "Write how many products of one value"),
        ({"action": "cap", "filter": "{}", "at_most": "1", "per": "wings"}, "wings is no field of which"),
        ({"action": "share"}, "Write the share of the places"),
        ({"filter": '{"wings": 2}'}, "which cannot filter products"),
        ({"filter": '"delete"'}, "which cannot filter products"),
        ({"filter": '{"_connector": "OR"}'}, "_connector is no field"),
        ({"filter": '{"name__regex": "("}'}, "invalid regular expression"),
        ({"filter": '"shutil.rmtree"'}, "Functions that filters may call are named in SHOP_RECS"),
        ({"filter": '{"shop_recs_vectors__version": 1}'}, "leads away from the product"),
        ({"percent": "101"}, "less than or equal to 100"),
        (
            {
                "starts_at_0": "2026-01-02",
                "starts_at_1": "08:00",
                "ends_at_0": "2026-01-01",
                "ends_at_1": "08:00",
            },
            "It would end before it begins",
        ),
        ({"placements": ["nowhere"]}, "nowhere is not one of the available choices"),
    ],
)
def test_what_says_too_little_or_too_much_is_refused(admin_client, popular, fields, words):
    response = admin_client.post(ADD, FORM | fields)
    assert response.status_code == 200
    assert words in str(response.context["adminform"].form.errors)
    assert not MerchandisingRule.objects.exists()
    assert len(popular) == type(popular[0]).objects.count()


def test_a_placement_that_is_gone_stays_in_its_rule(admin_client, popular):
    rule = MerchandisingRule.objects.create(
        name="Old", action="hide", filter={"name": "x"}, placements=["gone"]
    )
    change = reverse("admin:shop_recs_merchandisingrule_change", args=[rule.pk])
    assert 'value="gone"' in admin_client.get(change).content.decode()
    assert admin_client.post(change, FORM | {"placements": ["gone"]}).status_code == 302
    rule.refresh_from_db()
    assert (rule.action, rule.placements) == ("boost", ["gone"])


def test_a_rule_is_tried_before_and_after(admin_client, popular):
    form = FORM | {"segments": "", "factor": "90", "preview-placement": "popular"}
    html = admin_client.post(PREVIEW, form).content.decode()
    before, after = html.split("<caption>")[1:]
    assert "Product 9" not in before.split("Product 3")[0]
    assert after.index("Product 9") < after.index("Product 0")
    assert "New" in after
    assert not MerchandisingRule.objects.exists()


def test_a_stored_rule_is_compared_with_the_list_without_it(admin_client, popular):
    rule = MerchandisingRule.objects.create(name="Old", action="hide", filter={"name": "Product 0"})
    form = FORM | {"segments": "", "action": "hide", "filter": '{"name": "Product 1"}', "name": "Old"}
    url = f"{PREVIEW}?object={rule.pk}"
    html = admin_client.post(url, form | {"preview-placement": "popular"}).content.decode()
    before, after = html.split("<caption>")[1:]
    assert "Product 0" in before
    assert "Product 1<" in before.replace("Product 1 ", "Product 1<")
    assert "Product 0" in after
    assert "Product 1<" not in after


def test_a_rule_that_changes_nothing_says_so(admin_client, popular):
    form = FORM | {"segments": "", "action": "hide", "filter": '{"name": "None"}'}
    html = admin_client.post(PREVIEW, form | {"preview-placement": "popular"}).content.decode()
    assert "The rule changes nothing in this list." in html


def test_a_placement_is_shown_as_somebody_would_see_it(admin_client, popular):
    vectors = np.eye(10, dtype=np.float32) + np.eye(10, k=3, dtype=np.float32)
    publish_vectors("als", popular, vectors)
    visitor = Visitor.objects.create()
    Interaction.objects.create(visitor=visitor, product=popular[5], kind=Kind.VIEW)
    form = PLACEMENT | {"kind": "recommended_for_you", "preview-shopper": str(visitor.pk)}
    html = admin_client.post(PREVIEW_PLACEMENT, form).content.decode()
    assert "because you viewed Product 5" in html
    nobody = admin_client.post(PREVIEW_PLACEMENT, form | {"preview-shopper": ""}).content.decode()
    assert "because" not in nobody
    assert not Placement.objects.exists()


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"preview-shopper": "nobody like that"}, "There is no visitor with the id"),
        ({"preview-seeds": "no key"}, "These are no ids of products"),
        ({"limit": "0"}, "greater than or equal to 1"),
        ({"filter": '{"name__regex": "("}'}, "invalid regular expression"),
        ({"filter": '"delete"'}, "which cannot filter products"),
    ],
)
def test_a_preview_of_what_cannot_be_says_why(admin_client, popular, fields, words):
    html = admin_client.post(PREVIEW_PLACEMENT, PLACEMENT | fields).content.decode()
    assert "There is no preview of this yet." in html
    assert words in html


def test_the_lists_of_shoppers_are_for_those_who_may_see_visitors(client, make_staff, popular):
    publish_vectors("als", popular, np.eye(10, dtype=np.float32) + np.eye(10, k=3, dtype=np.float32))
    visitor = Visitor.objects.create()
    Interaction.objects.create(visitor=visitor, product=popular[5], kind=Kind.VIEW)
    client.force_login(make_staff("add_placement"))
    form = PLACEMENT | {"kind": "recommended_for_you", "preview-shopper": str(visitor.pk)}
    html = client.post(PREVIEW_PLACEMENT, form).content.decode()
    assert "popular right now" in html
    assert "because" not in html


def test_a_preview_needs_permission_and_a_form(client, make_staff, admin_client):
    assert admin_client.get(PREVIEW).status_code == 404
    client.force_login(make_staff("retrain"))
    assert client.post(PREVIEW, FORM).status_code == 403
