"""What was seen, recorded from the shop's own views, and forgotten again."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from shop_recs import recommend, record_impressions, record_view
from shop_recs.models import Impression, Interaction, Visitor
from shop_recs.tracking.impressions import forget_old


@pytest.fixture
def make_list(products):
    """A list of products, as a view makes it."""

    def make(request, **options):
        return recommend("recommended-for-you", request, **options)

    return make


def seen_by(browser, make_list, **options):
    """Let a page show a list and record it; returns the list and what the call said."""
    lists = []

    def page(request):
        lists.append(make_list(request, **options))
        return record_impressions(request, lists[0])

    stored = browser.visit(page)
    return lists[0], stored


def test_a_list_is_kept_with_all_its_products_and_ranks(browser, make_list):
    recommendations, stored = seen_by(browser, make_list, limit=3)
    assert stored is True
    row = Impression.objects.get()
    assert row.visitor == Visitor.objects.get()
    assert row.recommendation_id == recommendations.id
    assert row.placement == "recommended-for-you"
    assert row.products == {str(product.pk): rank for rank, product in enumerate(recommendations, start=1)}
    assert abs(row.seen_at - timezone.now()) < timedelta(minutes=1)


def test_one_visitor_sees_and_does(browser, make_list, products):
    browser.visit(lambda request: record_view(request, products[0]))
    seen_by(browser, make_list)
    assert Impression.objects.get().visitor == Interaction.objects.get().visitor


def test_it_is_one_statement(browser, make_list, django_assert_num_queries):
    recommendations, _ = seen_by(browser, make_list)
    request = browser.request()
    with django_assert_num_queries(3):  # with a savepoint around it, since the test is a transaction
        record_impressions(request, recommendations)


@pytest.mark.parametrize("headers", [{"sec-gpc": "1"}, {"user-agent": "Googlebot/2.1"}])
def test_who_may_not_be_recorded_leaves_no_trace(browser, make_list, headers):
    def page(request):
        return record_impressions(request, make_list(request))

    assert browser.visit(page, **headers) is False
    assert (Impression.objects.count(), Visitor.objects.count(), browser.cookie) == (0, 0, "")


def test_an_empty_list_was_not_seen(browser, make_list):
    _, stored = seen_by(browser, make_list, limit=0)
    assert stored is False
    assert Impression.objects.count() == 0


def test_a_shop_may_do_without(browser, make_list, settings):
    settings.SHOP_RECS = settings.SHOP_RECS | {"IMPRESSION_DAYS": 0}
    _, stored = seen_by(browser, make_list)
    assert (stored, Impression.objects.count(), Visitor.objects.count()) == (False, 0, 0)


def test_a_failure_fails_no_page(browser, make_list, caplog):
    recommendations, _ = seen_by(browser, make_list)
    request = browser.request()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE shop_recs_impression RENAME TO gone")
        assert record_impressions(request, recommendations) is False
        cursor.execute("ALTER TABLE gone RENAME TO shop_recs_impression")
    assert record_impressions(object(), recommendations) is False
    assert "Could not record impressions" in caplog.text


def test_what_is_old_is_forgotten(browser, make_list, settings):
    settings.SHOP_RECS = settings.SHOP_RECS | {"IMPRESSION_DAYS": 30}
    for days in (0, 29, 31, 400):
        seen_by(browser, make_list)
        Impression.objects.filter(seen_at__gte=timezone.now() - timedelta(minutes=1)).update(
            seen_at=timezone.now() - timedelta(days=days)
        )
    assert forget_old() == 2
    assert forget_old() == 0
    assert Impression.objects.count() == 2


def test_forgetting_a_visitor_forgets_what_he_saw(browser, new_browser, make_list):
    seen_by(browser, make_list)
    seen_by(new_browser(), make_list)
    Visitor.objects.order_by("created_at")[0].delete()
    assert Impression.objects.get().visitor == Visitor.objects.get()
