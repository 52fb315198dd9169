"""Somebody in the shop asks the admin why a product is recommended, in a browser without scripts."""

from __future__ import annotations

import pytest
from django.conf import settings as django_settings
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Browser, Page, expect

from shop_recs.models import Kind
from tests.serving.conftest import *  # noqa: F403

pytestmark = pytest.mark.browser


@pytest.fixture(params=["light", "dark"])
def page(request, browser: Browser, live_server, django_user_model):
    client = Client()
    client.force_login(django_user_model.objects.create_superuser(username="ada", password="x"))
    context = browser.new_context(
        base_url=live_server.url,
        viewport={"width": 1200, "height": 900},
        java_script_enabled=False,
        color_scheme=request.param,
    )
    session = client.cookies[django_settings.SESSION_COOKIE_NAME].value
    context.add_cookies(
        [{"name": django_settings.SESSION_COOKIE_NAME, "value": session, "url": live_server.url}]
    )
    yield context.new_page()
    context.close()


@pytest.mark.django_db(transaction=True)
def test_one_finds_out_why_a_product_is_not_in_the_list(page: Page, als, shelves, visitor, did):
    chairs, lamps = shelves
    did(visitor, Kind.VIEW, lamps[0], chairs[0])
    did(visitor, Kind.CART, chairs[1])
    page.goto(reverse("admin:app_list", args=["shop_recs"]))
    page.get_by_role("link", name="Why is this recommended?").click()
    page.select_option("#id_placement", "recommended-for-you")
    page.fill("#id_shopper", str(visitor.pk))
    page.fill("#id_product", str(chairs[1].pk))
    page.get_by_role("button", name="Explain").click()
    expect(page.get_by_text("It is not in the list: is in the cart.")).to_be_visible()
    bars = page.locator(".shop-recs-chart >> nth=0 >> rect")
    assert all(bars.nth(place).bounding_box()["width"] > 0 for place in range(bars.count()))
    expect(bars).to_have_count(3)
    page.get_by_text("What adds to the score of").first.click()
    expect(page.locator("details .shop-recs-chart").first).to_be_visible()
    expect(page.locator("#id_shopper")).to_have_value(str(visitor.pk))
