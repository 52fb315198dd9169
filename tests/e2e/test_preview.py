"""The admin shows what a rule or a placement would do while one fills its form in."""

from __future__ import annotations

import pytest
from django.conf import settings as django_settings
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Browser, Page, expect

from shop_recs.models import ItemScore, MerchandisingRule

pytestmark = pytest.mark.browser


@pytest.fixture
def page(browser: Browser, live_server, make_product, django_user_model):
    for number in range(5):
        product = make_product(f"Red chair {number}")
        ItemScore.objects.create(ranking="popular", product_id=product.pk, score=50 - number)
    admin = django_user_model.objects.create_superuser(username="ada", password="x")
    client = Client()
    client.force_login(admin)
    context = browser.new_context(base_url=live_server.url, viewport={"width": 1200, "height": 900})
    session = client.cookies[django_settings.SESSION_COOKIE_NAME].value
    context.add_cookies(
        [{"name": django_settings.SESSION_COOKIE_NAME, "value": session, "url": live_server.url}]
    )
    page = context.new_page()
    page.broken = []
    page.on("pageerror", lambda error: page.broken.append(error))
    yield page
    context.close()


def products_in(page: Page, column: int) -> list[str]:
    return page.locator(f".shop-recs-lists table >> nth={column} >> tbody td:nth-child(2)").all_inner_texts()


@pytest.mark.django_db(transaction=True)
def test_a_rule_shows_before_and_after_as_it_is_written(page: Page):
    page.goto(reverse("admin:shop_recs_merchandisingrule_add"))
    page.fill("#id_name", "Sale")
    page.select_option("#id_action", "boost")
    page.select_option("#id_preview-placement", "popular")
    expect(page.get_by_text("Name products or write a filter, one of both.")).to_be_visible()
    page.fill("#id_filter", '{"name": "Red chair 4"}')
    page.fill("#id_factor", "9")
    page.fill("#id_label", "Half price")
    expect(page.locator(".shop-recs-lists .shop-recs-badge")).to_have_text("Half price")
    before, after = products_in(page, 0), products_in(page, 1)
    assert before[0].startswith("Red chair 0")
    assert after[0].startswith("Red chair 4")
    expect(page.locator(".shop-recs-lists table >> nth=1 >> tbody tr >> nth=0")).to_contain_text("▲ 4")
    assert not MerchandisingRule.objects.exists()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".messagelist")).to_contain_text("Sale")
    assert MerchandisingRule.objects.get().factor == 9
    assert page.broken == []


@pytest.mark.django_db(transaction=True)
def test_a_placement_shows_its_list_as_it_is_written(page: Page):
    page.goto(reverse("admin:shop_recs_placement_add"))
    page.fill("#id_slug", "home")
    page.select_option("#id_kind", "popular")
    page.fill("#id_limit", "2")
    rows = page.locator(".shop-recs-lists tbody tr")
    expect(rows).to_have_count(2)
    page.fill("#id_filter", '{"name__in": ["Red chair 3"]}')
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("Red chair 3")
    page.fill("#id_filter", '{"wings": 2}')
    expect(page.get_by_text("which cannot filter products")).to_be_visible()
    assert page.broken == []
