"""Placements edited in the admin."""

from __future__ import annotations

import pytest
from django.urls import reverse

from shop_recs.models import Placement

pytestmark = pytest.mark.django_db

ADD = reverse("admin:shop_recs_placement_add")
FORM = {
    "slug": "home",
    "kind": "trending",
    "heading": "Hot",
    "limit": "6",
    "enabled": "on",
    "blend": '{"trending": 1, "popular": 0.5}',
    "filter": '{"is_active": true}',
    "fallback": '["newest"]',
    "exclude": '["cart"]',
    "days": "",
    "diversity": "0.2",
    "exploration": "0",
    "fatigue": "0",
}


def test_a_placement_is_added_and_changed(admin_client):
    assert admin_client.post(ADD, FORM).status_code == 302
    placement = Placement.objects.get()
    assert (placement.blend, placement.fallback) == ({"trending": 1, "popular": 0.5}, ["newest"])
    change = reverse("admin:shop_recs_placement_change", args=[placement.pk])
    assert "Hot" in admin_client.get(change).content.decode()
    admin_client.post(change, FORM | {"heading": "Cool", "fallback": "", "exclude": ""})
    placement.refresh_from_db()
    assert (placement.heading, placement.fallback, placement.exclude) == ("Cool", None, None)


def test_only_what_differs_needs_to_be_filled_in(admin_client):
    form = {"slug": "home", "kind": "popular", "limit": "12", "blend": "{}", "filter": "{}"}
    form |= {"diversity": "0", "exploration": "0", "fatigue": "0"}
    assert admin_client.post(ADD, form).status_code == 302


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("blend", '{"magic": 1}', "magic is no retriever; known are personal"),
        ("blend", '{"trending": 0}', "The weight of trending must be a number above 0"),
        ("blend", "[]", "Write names and weights"),
        ("fallback", '["luck"]', "luck is unknown; known are ladder, popular, newest"),
        ("exclude", '"cart"', "Write a list of names: cart, purchased, viewed"),
        ("filter", '{"colour": "red"}', "which cannot filter products"),
        ("filter", '"sold_by_me"', "which cannot filter products"),
        ("limit", "0", "greater than or equal to 1"),
        ("diversity", "2", "less than or equal to 1"),
    ],
)
def test_what_could_not_make_a_list_is_refused(admin_client, field, value, words):
    response = admin_client.post(ADD, FORM | {field: value})
    assert response.status_code == 200
    assert words in str(response.context["adminform"].form.errors)
    assert not Placement.objects.exists()


def test_staff_needs_permission(client, make_staff):
    client.force_login(make_staff("retrain"))
    assert client.get(ADD).status_code == 403
