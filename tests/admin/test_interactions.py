"""The pages of the log and its visitors."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from shop_recs.models import Interaction, Kind, Visitor

LIST = reverse("admin:shop_recs_interaction_changelist")
VISITORS = reverse("admin:shop_recs_visitor_changelist")


@pytest.fixture
def visitor(db):
    return Visitor.objects.create()


@pytest.fixture
def interact(visitor):
    def make(product, kind=Kind.VIEW, **fields):
        return Interaction.objects.create(**{"visitor": visitor, "product": product, "kind": kind} | fields)

    return make


def rows(client, address=LIST, **query):
    response = client.get(address, query)
    assert response.status_code == 200
    return list(response.context["cl"].result_list)


def test_interactions_with_deleted_products_stay_on_the_page(admin_client, products, interact):
    kept, orphan = interact(products[0]), interact(products[1])
    key = str(products[1].pk)
    products[1].delete()
    assert set(rows(admin_client)) == {kept, orphan}
    assert f'<td class="field-product_key">{key}</td>' in admin_client.get(LIST).content.decode()
    page = admin_client.get(reverse("admin:shop_recs_interaction_change", args=[orphan.pk]))
    assert page.status_code == 200


def test_the_list_shows_the_last_day_unless_told_otherwise(admin_client, products, interact):
    new = interact(products[0])
    week = interact(products[0], received_at=timezone.now() - timedelta(days=5))
    old = interact(products[0], received_at=timezone.now() - timedelta(days=500))
    assert rows(admin_client) == [new]
    assert rows(admin_client, received="7") == [new, week]
    assert rows(admin_client, received="all") == [new, week, old]


def test_a_visitor_is_found_by_his_key_at_any_time(admin_client, products, interact, visitor):
    old = interact(products[0], received_at=timezone.now() - timedelta(days=500))
    interact(products[0], visitor=Visitor.objects.create())
    assert rows(admin_client, q=str(visitor.pk)) == [old]


def test_a_product_is_found_by_its_key(admin_client, products, interact):
    found = interact(products[0])
    interact(products[1])
    assert rows(admin_client, q=str(products[0].pk)) == [found]


@pytest.mark.parametrize("text", ["red chair", str(uuid.UUID(int=0)), "0"])
def test_what_is_no_key_finds_nothing(admin_client, products, interact, text):
    interact(products[0])
    assert rows(admin_client, q=text) == []
    assert rows(admin_client, VISITORS, q=text) == []


def test_kinds_are_told_apart(admin_client, products, interact):
    interact(products[0])
    bought = interact(products[0], Kind.PURCHASE)
    assert rows(admin_client, kind=Kind.PURCHASE.value) == [bought]


def test_the_lists_make_the_same_few_queries_however_long_they_are(
    admin_client, products, interact, django_user_model, django_assert_num_queries
):
    for product in products:
        interact(product)
        Visitor.objects.create(user=django_user_model.objects.create(username=f"user {product.pk}"))
    for address in (LIST, VISITORS):
        with django_assert_num_queries(4):  # session, user, count, rows
            rows(admin_client, address)


def test_a_user_is_found_by_his_key(admin_client, django_user_model):
    ada = django_user_model.objects.create(username="ada")
    phone = Visitor.objects.create(user=ada)
    Visitor.objects.create()
    assert rows(admin_client, VISITORS, q=str(ada.pk)) == [phone]
    assert rows(admin_client, VISITORS, q=str(phone.pk)) == [phone]


def test_the_page_of_a_visitor_leads_to_his_interactions(admin_client, visitor, interact, products):
    found = interact(products[0])
    page = admin_client.get(reverse("admin:shop_recs_visitor_change", args=[visitor.pk]))
    address = f"{LIST}?q={visitor.pk}"
    assert address in page.content.decode()
    assert rows(admin_client, address) == [found]


@pytest.mark.parametrize("model", ["interaction", "visitor"])
def test_the_log_is_read_only(admin_client, visitor, interact, products, model):
    row = visitor if model == "visitor" else interact(products[0])
    names = ["add"], ["change", row.pk], ["delete", row.pk]
    for name, *arguments in names:
        address = reverse(f"admin:shop_recs_{model}_{name}", args=arguments)
        assert admin_client.post(address, {"post": "yes"}).status_code == 403
    row.refresh_from_db()
