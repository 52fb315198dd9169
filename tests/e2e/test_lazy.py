"""Lists that the browser fetches: in time, without a jolt, and with nothing left where they fail."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from shop_recs.models import Impression, ItemScore, Visitor
from tests.e2e.conftest import USER_AGENT
from tests.serving.conftest import *  # noqa: F403

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
]

FRAGMENTS = "**/v1/fragments/**"
TOP_OF_BELOW = "document.querySelector('#below').getBoundingClientRect().top"
IS_IN = """(element, html) =>
    new DOMParser().parseFromString(html, "text/html").querySelector("section").isEqualNode(element)"""
SHIFTS = """() => new Promise((tell) => {
    const sum = (list) => list.getEntries().reduce((total, shift) => total + shift.value, 0);
    new PerformanceObserver((list) => tell(sum(list))).observe({type: "layout-shift", buffered: true});
    setTimeout(() => tell(0), 300);
})"""


@pytest.fixture
def shop(als, shelves, settings):
    settings.ROOT_URLCONF = "tests.e2e.delivery_urls"
    settings.SHOP_RECS = settings.SHOP_RECS | {
        "PLACEMENTS": {"similar": {"KIND": "similar_items", "EXCLUDE": []}}
    }
    for place, product in enumerate([*shelves[0], *shelves[1]]):
        ItemScore.objects.create(ranking="trending", segment="", product_id=product.pk, score=place + 1)
    return shelves


@pytest.fixture
def visit(browser: Browser, shop, live_server):
    """The page of a browser that looked at a chair: `visit(java_script_enabled=False)`; nothing complains."""
    contexts, complaints = [], []

    def new(**options) -> Page:
        context = browser.new_context(
            base_url=live_server.url,
            user_agent=USER_AGENT,
            viewport={"width": 900, "height": 700},
            **options,
        )
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: complaints.append(message.text))
        page.route("**/htmx-*.js", _htmx)
        page.goto(f"/product/{shop[0][0].pk}/")
        return page

    yield new
    for context in contexts:
        context.close()
    assert [text for text in complaints if "Failed to load resource" not in text] == []


def _htmx(route: Route) -> None:
    package = find_spec("django_htmx")
    assert package is not None
    assert package.origin is not None
    name = route.request.url.rpartition("/")[2].replace(".js", ".min.js")
    route.fulfill(path=Path(package.origin).parent / "static" / "django_htmx" / name)


@pytest.fixture
def page(visit) -> Page:
    return visit()


def asked(page: Page) -> list[str]:
    """The lists that the page fetches from now on."""
    urls: list[str] = []
    page.on("request", lambda request: urls.append(request.url) if "/fragments/" in request.url else None)
    return urls


def titles(page: Page, slug: str) -> list[str]:
    return page.locator(f"#{slug} .shop-recs__title").all_inner_texts()


def test_a_list_is_fetched_once_it_is_about_to_come_into_sight(page: Page):
    fetched = asked(page)
    page.goto("/lazy/?far=1&slug=recently-viewed")
    page.wait_for_timeout(300)
    assert fetched == []
    page.locator("#below").scroll_into_view_if_needed()
    expect(page.get_by_role("region", name="Recently viewed").get_by_role("listitem")).to_have_count(1)
    assert titles(page, "recently-viewed") == ["Chair 0"]
    assert len(fetched) == 1
    expect(page.locator("shop-recs")).to_have_count(0)


def test_nothing_moves_when_a_list_comes(page: Page):
    page.route(FRAGMENTS, lambda route: held.append(route))
    held: list[Route] = []
    page.goto("/lazy/?slug=trending")
    expect(page.locator("shop-recs[aria-busy=true]")).to_have_count(1)
    before = page.evaluate(TOP_OF_BELOW)
    held[0].continue_()
    expect(page.get_by_role("region", name="Trending now")).to_be_visible()
    assert abs(page.evaluate(TOP_OF_BELOW) - before) < 20
    assert page.evaluate(SHIFTS) < 0.1


@pytest.mark.parametrize("far", ["", "&far=1"])
def test_lists_of_one_page_repeat_no_product_that_one_of_them_could_leave_out(page: Page, far: str):
    page.goto(f"/lazy/?slug=trending&slug=recommended-for-you&slug=similar-items{far}")
    page.locator("#below").scroll_into_view_if_needed()
    expect(page.locator("shop-recs")).to_have_count(0)
    shown = page.locator(".shop-recs__title").all_inner_texts()
    assert len(shown) == len(set(shown)) >= 9


@pytest.mark.parametrize("delivery", ["lazy", "htmx"])
def test_without_scripts_there_is_a_link_to_the_list(visit, delivery: str):
    page = visit(java_script_enabled=False)
    page.goto(f"/{delivery}/?slug=recently-viewed")
    link = page.get_by_role("link", name="Recently viewed")
    assert page.locator("#below").bounding_box()["y"] - link.bounding_box()["y"] < 150
    link.click()
    expect(page.get_by_role("region", name="Recently viewed").get_by_role("listitem")).to_contain_text(
        "Chair 0"
    )


def _away(route: Route) -> None:
    route.abort()


def _broken(route: Route) -> None:
    route.fulfill(status=500, body="<h1>Server Error (500)</h1>")


def _login(route: Route) -> None:
    route.fulfill(status=302, headers={"Location": "/product/1/"})


def _nothing(route: Route) -> None:
    route.fulfill(status=200, body="")


@pytest.mark.parametrize("answer", [_away, _broken, _login, _nothing])
def test_a_list_that_fails_leaves_nothing_behind(page: Page, answer):
    page.route("**/fragments/trending/**", answer)
    page.goto("/lazy/?slug=trending&slug=recently-viewed")
    expect(page.get_by_role("region", name="Recently viewed")).to_be_visible()
    expect(page.locator("shop-recs, .shop-recs-room")).to_have_count(0)
    assert page.locator("#trending").inner_text() == ""
    assert page.locator("#trending").bounding_box()["height"] == 0


def test_the_link_is_no_stop_for_who_gets_the_list(page: Page):
    page.route(FRAGMENTS, lambda route: None)
    page.goto("/lazy/?slug=trending")
    expect(page.locator("shop-recs[aria-busy=true]")).to_have_count(1)
    expect(page.get_by_role("link", name="Trending now")).to_have_count(0)


@pytest.mark.parametrize("slug", ["trending", "recently-viewed"])
def test_what_was_seen_of_a_fetched_list_is_reported_by_its_name(page: Page, slug: str):
    with page.expect_response("**/impressions/") as response:
        page.goto(f"/lazy/?slug={slug}")
    assert response.value.status == 202
    seen = Impression.objects.get()
    assert (seen.placement, seen.visitor) == (slug, Visitor.objects.get())
    section = page.locator(f"#{slug} [data-recommendation]")
    assert str(seen.recommendation_id) == section.get_attribute("data-recommendation")
    assert {str(key) for key in seen.products} == {
        item.get_attribute("data-product") for item in section.locator("[data-product]").all()
    }


@pytest.mark.parametrize("major", [2, 4])
def test_htmx_puts_the_same_list_there(page: Page, major: int):
    pytest.importorskip("django_htmx", reason="needs the package django-htmx, for its htmx")
    fetched = asked(page)
    page.goto(f"/htmx/?htmx=htmx-{major}.js&far=1&slug=recently-viewed&slug=trending")
    page.wait_for_timeout(300)
    assert fetched == []
    page.locator("#below").scroll_into_view_if_needed()
    expect(page.get_by_role("region", name="Recently viewed").get_by_role("listitem")).to_have_count(1)
    expect(page.locator(".shop-recs-room")).to_have_count(0)
    assert len(fetched) == 2
    stranger = page.request.get(next(url for url in fetched if "trending" in url)).text()
    assert page.locator("#trending section").evaluate(IS_IN, stranger)
    assert page.url.endswith("slug=trending")


def test_an_empty_list_takes_no_room_by_htmx(page: Page):
    pytest.importorskip("django_htmx", reason="needs the package django-htmx, for its htmx")
    page.goto("/htmx/?htmx=htmx-2.js&slug=still-in-mind")
    expect(page.locator(".shop-recs-room")).to_have_count(0)
    assert page.locator("#still-in-mind").bounding_box()["height"] == 0
