"""The pages of impressions and feedback."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from shop_recs.models import Feedback, FeedbackKind, Impression, Visitor
from tests.admin.test_interactions import rows

IMPRESSIONS = reverse("admin:shop_recs_impression_changelist")
FEEDBACK = reverse("admin:shop_recs_feedback_changelist")


@pytest.fixture
def visitor(db):
    return Visitor.objects.create()


@pytest.fixture
def see(visitor):
    def make(products, **fields):
        ranks = {str(product.pk): rank for rank, product in enumerate(products, start=1)}
        own = {"visitor": visitor, "recommendation_id": uuid.uuid4(), "placement": "home", "products": ranks}
        return Impression.objects.create(**own | fields)

    return make


@pytest.fixture
def say(visitor):
    def make(product, kind=FeedbackKind.HIDE, **fields):
        return Feedback.objects.create(**{"visitor": visitor, "product": product, "kind": kind} | fields)

    return make


def test_an_impression_shows_its_products_by_rank(admin_client, products, see):
    row = see([products[1], products[0]])
    ranked = f"1. {products[1].pk}, 2. {products[0].pk}"
    assert ranked in admin_client.get(IMPRESSIONS).content.decode()
    page = admin_client.get(reverse("admin:shop_recs_impression_change", args=[row.pk]))
    assert ranked in page.content.decode()


def test_the_last_day_is_shown_unless_told_otherwise_or_a_visitor_is_looked_for(
    admin_client, products, see, visitor
):
    new, old = see(products[:1]), see(products[:1], seen_at=timezone.now() - timedelta(days=20))
    see(products[:1], visitor=Visitor.objects.create(), seen_at=timezone.now() - timedelta(days=2))
    assert rows(admin_client, IMPRESSIONS) == [new]
    assert rows(admin_client, IMPRESSIONS, q=str(visitor.pk)) == [new, old]
    assert len(rows(admin_client, IMPRESSIONS, seen="all")) == 3
    assert rows(admin_client, IMPRESSIONS, q="red chair") == []


def test_feedback_is_found_by_visitor_product_and_kind(admin_client, products, say, visitor):
    first, second = say(products[0]), say(products[1], FeedbackKind.NOT_INTERESTED)
    other = say(products[0], visitor=Visitor.objects.create())
    assert rows(admin_client, FEEDBACK) == [other, second, first]
    assert rows(admin_client, FEEDBACK, q=str(visitor.pk)) == [second, first]
    assert rows(admin_client, FEEDBACK, q=str(products[0].pk)) == [other, first]
    assert rows(admin_client, FEEDBACK, kind="not_interested") == [second]
    assert rows(admin_client, FEEDBACK, q="red chair") == []


def test_the_lists_make_the_same_few_queries_however_long_they_are(
    admin_client, products, see, say, django_assert_num_queries
):
    for product in products:
        see(products)
        say(product)
    for address in (IMPRESSIONS, FEEDBACK):
        with django_assert_num_queries(4):  # session, user, count, rows
            rows(admin_client, address)


def test_the_page_of_a_visitor_leads_to_both(admin_client, products, visitor, see, say):
    see(products)
    say(products[0])
    page = admin_client.get(reverse("admin:shop_recs_visitor_change", args=[visitor.pk])).content.decode()
    for address in (IMPRESSIONS, FEEDBACK):
        assert f"{address}?q={visitor.pk}" in page
        assert len(rows(admin_client, address, q=str(visitor.pk))) == 1


@pytest.mark.parametrize("model", ["impression", "feedback"])
def test_they_are_read_only(admin_client, products, see, say, model):
    row = see(products) if model == "impression" else say(products[0])
    for name, *arguments in (["add"], ["change", row.pk], ["delete", row.pk]):
        address = reverse(f"admin:shop_recs_{model}_{name}", args=arguments)
        assert admin_client.post(address, {"post": "yes"}).status_code == 403
    row.refresh_from_db()
