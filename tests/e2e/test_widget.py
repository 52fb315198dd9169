"""The list of recommendations as a browser shows it: steady, readable, and usable without a mouse."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page, Route, expect

pytestmark = pytest.mark.browser

CARDS = 12
LEAST_CONTRAST = 4.5
"""WCAG 2.2, success criterion 1.4.3."""
TALL_PICTURE = '<svg xmlns="http://www.w3.org/2000/svg" width="200" height="900"/>'

PLACES = """[...document.querySelectorAll(".shop-recs__card, #below")]
    .map((element) => element.getBoundingClientRect().toJSON())"""

NEXT_FRAME = """(element) => new Promise((tell) => requestAnimationFrame(() => requestAnimationFrame(
    () => tell(element.getBoundingClientRect().toJSON())
)))"""

SHIFTS = """() => new Promise((tell) => {
    const sum = (list) => list.getEntries().reduce((total, shift) => total + shift.value, 0);
    new PerformanceObserver((list) => tell(sum(list))).observe({type: "layout-shift", buffered: true});
    setTimeout(() => tell(0), 300);
})"""

CONTRAST = """(element) => {
    const canvas = document.createElement("canvas").getContext("2d");
    const luminance = (colour) => {
        canvas.fillStyle = colour;
        canvas.fillRect(0, 0, 1, 1);
        const parts = [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3).map((part) => part / 255);
        const linear = parts.map((part) => part > 0.04045 ? ((part + 0.055) / 1.055) ** 2.4 : part / 12.92);
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
    };
    const [dark, light] = [
        luminance(matchMedia("(prefers-color-scheme: dark)").matches ? "#121212" : "white"),
        luminance(getComputedStyle(element).color),
    ].sort((one, other) => one - other);
    return (light + 0.05) / (dark + 0.05);
}"""


@pytest.fixture
def page(browser: Browser, live_server, settings, make_product):
    settings.ROOT_URLCONF = "tests.e2e.widget_urls"
    for number in range(CARDS):
        make_product(f"Red chair {number}", image="products/chair.svg")
    context = browser.new_context(base_url=live_server.url, viewport={"width": 900, "height": 700})
    page = context.new_page()
    page.route("**/media/**", _show)
    yield page
    context.close()


def _show(route: Route) -> None:
    route.fulfill(content_type="image/svg+xml", body=TALL_PICTURE)


def test_nothing_moves_when_the_pictures_arrive(page: Page):
    held: list[Route] = []
    page.route("**/media/**", lambda route: held.append(route))  # playwright writes on the function
    page.goto("/", wait_until="domcontentloaded")
    page.wait_for_timeout(300)
    before = page.evaluate(PLACES)
    assert (len(before), bool(held)) == (CARDS + 1, True)
    for route in held:
        _show(route)
    page.wait_for_function("[...document.images].every((image) => image.naturalWidth)")
    assert page.evaluate(PLACES) == before
    assert page.evaluate(SHIFTS) == 0


@pytest.mark.parametrize(("direction", "sign"), [("ltr", 1), ("rtl", -1)])
def test_cards_run_as_the_page_is_read(page: Page, direction: str, sign: int):
    page.goto(f"/?dir={direction}")
    *cards, _below = page.evaluate(PLACES)
    across = [sign * card["left"] for card in cards]
    assert across == sorted(set(across))
    assert {card["top"] for card in cards} == {cards[0]["top"]}
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_word_can_be_read_on_light_and_on_dark_pages(page: Page, scheme: str):
    page.emulate_media(color_scheme=scheme)
    page.goto("/")
    for part in ("heading", "title", "price", "reason"):
        assert page.locator(f".shop-recs__{part}").first.evaluate(CONTRAST) >= LEAST_CONTRAST, part


def test_a_screen_reader_hears_a_region_with_a_heading_and_a_list_of_links(page: Page):
    page.goto("/")
    region = page.get_by_role("region", name="Recommended for you")
    expect(region.get_by_role("heading", level=2)).to_have_text("Recommended for you")
    expect(region.get_by_role("list").get_by_role("listitem")).to_have_count(CARDS)
    expect(region.get_by_role("link", name="Red chair 11 10.00 new in the shop")).to_be_visible()
    expect(region.get_by_role("img")).to_have_count(0)  # the pictures say nothing that the titles do not


def test_a_keyboard_reaches_every_card_which_is_in_sight_at_once(page: Page):
    page.set_viewport_size({"width": 320, "height": 700})
    page.goto("/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("list")).to_be_focused()
    for link in page.get_by_role("link").all():
        page.keyboard.press("Tab")
        expect(link).to_be_focused()
        assert link.evaluate(NEXT_FRAME)["right"] <= 320
        assert link.evaluate("element => getComputedStyle(element).outlineStyle") == "solid"
