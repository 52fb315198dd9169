"""Views counted in the browser, on a page that comes from a cache."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page

from shop_recs.models import View, Visitor
from tests.e2e.conftest import USER_AGENT

pytestmark = pytest.mark.browser


@pytest.fixture
def page(browser: Browser, settings):
    """A new visitor's page; at the end the console must be clean, of breaches of the content policy too."""
    settings.ROOT_URLCONF = "tests.e2e.beacon_urls"
    context = browser.new_context(user_agent=USER_AGENT)
    page, complaints = context.new_page(), []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: complaints.append(message.text))
    yield page
    context.close()
    assert [text for text in complaints if "ERR_FAILED" not in text] == []


def open_product(page: Page, live_server, product) -> None:
    page.goto(f"{live_server.url}/product/{product.pk}/")


def stay(page: Page, live_server, product) -> None:
    """Open the page and wait until the view is reported."""
    with page.expect_response("**/events/") as response:
        open_product(page, live_server, product)
    assert response.value.status == 202


def test_a_view_counts_after_a_second_and_the_visitor_is_remembered(page, live_server, make_product):
    product = make_product("Red chair")
    for _ in range(2):
        stay(page, live_server, product)
    assert View.objects.filter(visitor=Visitor.objects.get(), product=product).count() == 2
    (cookie,) = page.context.cookies()
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Lax")
    assert page.evaluate("localStorage.length + sessionStorage.length") == 0


def test_a_page_left_at_once_is_no_view(page, live_server, make_product):
    products = [make_product(f"Product {number}") for number in range(3)]
    for product in products[:2]:
        open_product(page, live_server, product)
        page.wait_for_timeout(200)
    stay(page, live_server, products[2])
    assert View.objects.get().product_id == products[2].pk


def test_a_page_nobody_looks_at_is_no_view(page, live_server, make_product):
    product = make_product("Red chair")
    page.add_init_script(
        "let shown = 'hidden'; Object.defineProperty(document, 'visibilityState', {get: () => shown});"
        "window.show = () => { shown = 'visible'; document.dispatchEvent(new Event('visibilitychange')) };"
    )
    open_product(page, live_server, product)
    page.wait_for_timeout(1_500)
    assert View.objects.count() == 0
    with page.expect_response("**/events/"):
        page.evaluate("window.show()")
    assert View.objects.count() == 1


def test_a_page_rendered_in_advance_is_no_view(page, live_server, make_product):
    page.add_init_script("Object.defineProperty(document, 'prerendering', {get: () => true});")
    open_product(page, live_server, make_product("Red chair"))
    page.wait_for_timeout(1_500)
    assert View.objects.count() == 0


def test_an_answer_that_got_lost_is_asked_for_again_and_counted_once(page, live_server, make_product):
    attempts = []

    def lose_the_first(route):
        attempts.append(route.request.post_data_json[0]["id"])
        if len(attempts) == 1:
            route.fetch()
            route.abort()
        else:
            route.continue_()

    page.route("**/events/", lose_the_first)
    stay(page, live_server, make_product("Red chair"))
    assert len(attempts) == 2
    assert len(set(attempts)) == 1
    assert View.objects.count() == 1


def test_who_opted_out_sends_nothing(page, live_server, make_product):
    page.add_init_script("Object.defineProperty(navigator, 'globalPrivacyControl', {get: () => true});")
    open_product(page, live_server, make_product("Red chair"))
    page.wait_for_timeout(1_500)
    assert View.objects.count() == 0
