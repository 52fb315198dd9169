"""What a browser says was seen, and the buttons by which a visitor hides a product."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page, expect

from shop_recs.models import Feedback, Impression, Visitor
from tests.e2e.conftest import USER_AGENT

pytestmark = pytest.mark.browser

CARDS = 4
REPORT = "**/impressions/"
LONG = 60_000
IN_SIGHT = """(item) => new Promise((tell) => new IntersectionObserver((_, sight) => {
    sight.disconnect();
    tell();
}).observe(item))"""


@pytest.fixture
def page(browser: Browser, live_server, settings, make_product):
    """A new visitor's page; at the end the console must be clean, of breaches of the content policy too."""
    settings.ROOT_URLCONF = "tests.e2e.reactions_urls"
    entry = {"KIND": "recommended_for_you"}
    placements = {"home": entry, "trending": {"KIND": "trending"}}
    own = {"PLACEMENTS": placements, "IS_BOT": "tests.e2e.reactions_urls.is_bot"}
    settings.SHOP_RECS = settings.SHOP_RECS | own
    for number in range(2 * CARDS):
        make_product(f"Red chair {number}")
    context = browser.new_context(
        base_url=live_server.url, user_agent=USER_AGENT, viewport={"width": 1200, "height": 800}
    )
    page, complaints = context.new_page(), []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: complaints.append(message.text))
    page.clock.install(time=0)
    yield page
    context.close()
    assert [text for text in complaints if "ERR_FAILED" not in text] == []


def keys(page: Page, place: int = 0) -> list[str]:
    """The keys of the products of a list, in its order."""
    items = page.locator("[data-recommendation]").nth(place).locator("[data-product]")
    return [item.get_attribute("data-product") for item in items.all()]


def stay(page: Page, milliseconds: int, place: int = 0) -> None:
    """Let time pass once the browser has told which cards of a list are in sight."""
    page.locator("[data-recommendation]").nth(place).locator("[data-product]").last.evaluate(IN_SIGHT)
    page.clock.run_for(milliseconds)


def below_the_fold(page: Page) -> None:
    """Open the page where its list is out of sight, and let no time pass by itself from then on."""
    page.goto("/?above=2000")
    page.clock.pause_at(LONG)


def scroll_there(page: Page) -> None:
    page.locator("[data-product]").first.scroll_into_view_if_needed()


def test_what_is_in_sight_for_a_second_was_seen_and_once(page: Page):
    below_the_fold(page)
    scroll_there(page)
    with page.expect_response(REPORT) as response:
        stay(page, 2_100)
    assert response.value.status == 202
    page.evaluate("scrollTo(0, 0)")
    stay(page, LONG)
    scroll_there(page)
    stay(page, LONG)
    row = Impression.objects.get()
    assert row.visitor == Visitor.objects.get()
    assert row.placement == "home"
    assert row.products == {key: rank for rank, key in enumerate(keys(page), start=1)}
    name = page.locator("[data-recommendation]").get_attribute("data-recommendation")
    assert str(row.recommendation_id) == name


def test_what_is_below_the_fold_was_not_seen_until_one_gets_there(page: Page):
    below_the_fold(page)
    stay(page, LONG)
    scroll_there(page)
    stay(page, 900)
    assert Impression.objects.count() == 0
    with page.expect_response(REPORT):
        stay(page, 1_200)
    assert len(Impression.objects.get().products) == CARDS


def test_what_one_scrolls_past_was_not_seen(page: Page):
    sent = []
    page.on("request", lambda request: sent.append(request.method))
    below_the_fold(page)
    for _ in range(3):
        scroll_there(page)
        stay(page, 900)
        page.evaluate("scrollTo(0, 0)")
        stay(page, LONG)
    assert "POST" not in sent


def test_who_leaves_has_seen_what_he_saw(page: Page):
    below_the_fold(page)
    scroll_there(page)
    stay(page, 1_100)  # seen, and about to be sent
    assert Impression.objects.count() == 0
    page.locator("[data-product] a").first.click()
    page.wait_for_url("**/product/**")
    for _ in range(50):
        if Impression.objects.exists():
            break
        page.wait_for_timeout(100)
    assert len(Impression.objects.get().products) == CARDS


def test_a_list_that_comes_later_is_reported_as_well(page: Page):
    page.goto("/?later")
    with page.expect_response(REPORT):
        stay(page, 2_100)
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    page.locator("[data-placement=trending]").wait_for(state="attached")
    page.locator("[data-product]").last.scroll_into_view_if_needed()
    with page.expect_response(REPORT):
        stay(page, 2_100, place=1)
    rows = {row.placement: row for row in Impression.objects.all()}
    assert set(rows["trending"].products) == set(keys(page, 1))
    assert {row.visitor for row in rows.values()} == {Visitor.objects.get()}


def test_who_opted_out_sends_nothing(page: Page):
    sent = []
    page.on("request", lambda request: sent.append(request.method))
    page.add_init_script("Object.defineProperty(navigator, 'globalPrivacyControl', {get: () => true});")
    page.goto("/")
    stay(page, LONG)
    assert set(sent) == {"GET"}


def test_a_card_goes_at_once_and_comes_back_by_the_same_button(page: Page):
    page.goto("/")
    (first, *_), item = keys(page), page.locator("[data-product]").first
    title = item.locator(".shop-recs__title").inner_text()
    with page.expect_response("**/feedback/") as response:
        item.get_by_role("button", name=f"Not interested in {title}").click()
    assert response.value.status == 201
    expect(item.get_by_role("link")).to_have_count(0)
    back = item.get_by_role("button", name=f"Show {title} again")
    expect(back).to_be_focused()
    assert str(Feedback.objects.get().product_id) == first
    page.reload()
    assert first not in keys(page)
    Feedback.objects.all().delete()
    page.reload()
    item = page.locator(f'[data-product="{first}"]')
    item.get_by_role("button").click()
    with page.expect_response("**/feedback/*/") as response:
        item.get_by_role("button", name=f"Show {title} again").click()
    assert response.value.status == 204
    expect(item.get_by_role("link")).to_be_visible()
    assert Feedback.objects.count() == 0


def test_what_is_taken_back_at_once_does_not_overtake_it(page: Page):
    page.goto("/")
    sent, held = [], []

    def hold(route):
        sent.append(route.request.method)
        if route.request.method == "POST":
            held.append(route)
        else:
            route.continue_()

    page.route("**/feedback/**", hold)
    item = page.locator("[data-product]").first
    item.get_by_role("button").click()
    item.get_by_role("button").click()
    expect(item.get_by_role("link")).to_be_visible()
    assert sent == ["POST"]
    with page.expect_response("**/feedback/*/"):
        held[0].continue_()
    assert sent == ["POST", "DELETE"]
    assert Feedback.objects.count() == 0


def test_what_the_server_does_not_take_comes_back(page: Page):
    page.goto("/")
    page.route("**/feedback/", lambda route: route.abort())
    item = page.locator("[data-product]").first
    item.get_by_role("button").click()
    expect(item.get_by_role("button", name="Not interested")).to_be_visible()
    expect(item.get_by_role("link")).to_be_visible()
    assert Feedback.objects.count() == 0


def test_a_keyboard_reaches_the_button_and_who_runs_no_scripts_sees_none(
    page: Page, browser: Browser, live_server
):
    page.goto("/")
    button = page.locator("[data-product] button").first
    button.focus()
    with page.expect_response("**/feedback/"):
        page.keyboard.press("Enter")
    plain = browser.new_context(java_script_enabled=False, base_url=live_server.url)
    bare = plain.new_page()
    bare.goto("/")
    expect(bare.locator("[data-product] a").first).to_be_visible()
    expect(bare.locator("[data-product] button").first).to_be_hidden()
    plain.close()
