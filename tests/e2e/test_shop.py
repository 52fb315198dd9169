"""The demo shop from outside: a browser, a worker, a database, nothing simulated."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from demo_shop.catalogue import STYLES
from tests.e2e.running import ROOT, RunningShop

pytestmark = [pytest.mark.browser, pytest.mark.training]

FOR_YOU, SIMILAR = "Recommended for you", "Similar items"


def titles(page: Page, heading: str) -> list[str]:
    """The titles in the list named `heading`, in their order."""
    cards = page.get_by_role("region", name=heading).get_by_role("listitem")
    return cards.locator(".shop-recs__title").all_inner_texts()


def styles(names: list[str]) -> Counter[str]:
    """How often each style occurs among products or their cards."""
    return Counter(style.name for name in names for style in STYLES if style.name in name)


def log_in(page: Page, name: str, password: str) -> None:
    page.goto("/login/")
    page.get_by_label("Username").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("main").get_by_role("button", name="Log in", exact=True).click()


def take_picture(page: Page, name: str) -> None:
    """Keep what the whole page looks like for the README, where that is asked for."""
    if os.environ.get("SHOP_RECS_SCREENSHOTS"):
        picture = Path(ROOT, "docs", "images", name)
        picture.parent.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=picture, full_page=True)


def test_all_models_are_trained_by_the_worker_and_published(shop: RunningShop) -> None:
    active = shop.query("SELECT algorithm FROM shop_recs_activemodel ORDER BY 1")
    counted = [("also_bought",), ("bought_together",)]
    assert active == sorted([*counted, ("als",), ("item_knn",), ("popular",), ("sasrec",)])
    assert "published sasrec" in (shop.folder / "logs" / "worker.log").read_text()


def test_a_stranger_sees_what_is_popular(page: Page) -> None:
    page.goto("/")
    assert len(titles(page, FOR_YOU)) == 12


def test_a_product_page_shows_both_lists(page: Page) -> None:
    page.goto("/product/nordic-oak-desk-lamp/")
    similar = titles(page, SIMILAR)
    assert len(similar) == 6
    assert "Nordic oak desk lamp" not in similar
    assert styles(similar)["Nordic"] >= 4
    assert len(titles(page, FOR_YOU)) == 6


def test_three_views_of_a_style_move_the_very_next_list(page: Page) -> None:
    for thing in ("oak-dining-chair", "walnut-dining-table", "brass-pendant-lamp"):
        page.goto(f"/product/bohemian-{thing}/")
    page.goto("/")
    assert styles(titles(page, FOR_YOU)).most_common(1)[0][0] == "Bohemian"
    assert styles(titles(page, FOR_YOU))["Bohemian"] >= 8


def test_a_shopper_with_a_history_sees_his_style(page: Page) -> None:
    page.goto("/login/")
    page.get_by_role("button", name="Industrial").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("industrial")
    assert styles(titles(page, FOR_YOU))["Industrial"] >= 8


def test_lists_further_down_come_when_they_are_looked_at(page: Page) -> None:
    page.goto("/product/nordic-oak-desk-lamp/")
    page.goto("/")
    page.get_by_role("contentinfo").scroll_into_view_if_needed()
    expect(page.get_by_role("region", name="Trending now").get_by_role("listitem")).to_have_count(6)
    expect(page.get_by_role("region", name="Recently viewed")).to_contain_text("Nordic oak desk lamp")
    shown = page.locator(".shop-recs__title").all_inner_texts()
    assert len(shown) == 12 + 6 + 1


def test_a_stranger_buys_then_registers_and_is_known(page: Page, shop: RunningShop) -> None:
    page.goto("/product/nordic-oak-armchair/")
    page.get_by_role("button", name="Put into the cart").click()
    expect(page.get_by_role("heading", name="Your cart")).to_be_visible()
    assert "Nordic oak armchair" not in titles(page, SIMILAR)
    page.goto("/register/")
    page.get_by_label("Username").fill("newcomer")
    page.locator("#id_password1").fill("correct horse 9")
    page.locator("#id_password2").fill("correct horse 9")
    page.get_by_role("button", name="Open the account").click()
    page.goto("/checkout/")
    page.get_by_label("Name").fill("New Comer")
    page.get_by_label("Address").fill("1 First Street")
    page.get_by_role("button", name="Buy").click()
    expect(page.get_by_role("heading", name="Your orders")).to_be_visible()
    expect(page.get_by_role("link", name="Nordic oak armchair")).to_be_visible()
    page.goto("/")
    assert "Nordic oak armchair" not in titles(page, FOR_YOU)
    assert _log_of(shop, "newcomer") == ["view", "cart", "purchase"]


def _log_of(shop: RunningShop, user: str) -> list[str]:
    kinds = shop.query(
        "SELECT i.kind FROM shop_recs_interaction i JOIN shop_recs_visitor v ON v.id = i.visitor_id "
        f"JOIN auth_user u ON u.id = v.user_id WHERE u.username = '{user}' ORDER BY i.occurred_at"
    )
    return [{1: "view", 3: "cart", 4: "purchase"}[int(str(kind))] for (kind,) in kinds]


def test_a_hidden_product_is_gone_at_the_next_request(page: Page, shop: RunningShop) -> None:
    page.goto("/product/nordic-oak-sofa/")
    first = titles(page, SIMILAR)[0]
    shop.query(f"UPDATE shop_product SET is_active = false WHERE name = '{first}'")
    page.reload()
    assert first not in titles(page, SIMILAR)
    shop.query(f"UPDATE shop_product SET is_active = true WHERE name = '{first}'")


def test_the_api_gives_the_list_of_the_page(page: Page) -> None:
    page.goto("/product/industrial-steel-desk-lamp/")
    page.goto("/")
    shown = titles(page, FOR_YOU)
    answer = page.request.get("/recs/v1/recommendations/?limit=12", headers={"Accept": "application/json"})
    assert answer.headers["cache-control"] == "private, no-store"
    assert [item["title"] for item in json.loads(answer.text())["items"]] == shown


def test_staff_retrain_a_model_and_watch_it(page: Page, shop: RunningShop) -> None:
    before = _newest(shop, "sasrec")
    log_in(page, "admin", "admin")
    page.goto("/admin/shop_recs/modelversion/")
    page.get_by_role("button", name="Retrain sasrec now").click()
    expect(page.get_by_role("progressbar")).to_be_visible(timeout=15_000)
    expect(page.get_by_role("progressbar")).to_have_count(0, timeout=60_000)
    assert _newest(shop, "sasrec") > before
    take_picture(page, "admin.png")


def test_a_training_that_is_over_in_a_moment_shows_too(page: Page, shop: RunningShop) -> None:
    before = _newest(shop, "popular")
    log_in(page, "admin", "admin")
    page.goto("/admin/shop_recs/modelversion/")
    page.get_by_role("button", name="Retrain popular now").click()
    expect(page.get_by_role("link", name=f"popular {before}")).to_have_count(1, timeout=20_000)
    assert _newest(shop, "popular") > before


def _newest(shop: RunningShop, algorithm: str) -> int:
    ((newest,),) = shop.query(f"SELECT version_id FROM shop_recs_activemodel WHERE algorithm = '{algorithm}'")
    return int(str(newest))


def test_the_readme_has_a_picture_of_the_product_page(page: Page) -> None:
    for thing in ("steel-desk-lamp", "oak-wall-shelf", "leather-desk-chair"):
        page.goto(f"/product/industrial-{thing}/")
    expect(page.get_by_role("region", name=FOR_YOU)).to_be_visible()
    take_picture(page, "product.png")
