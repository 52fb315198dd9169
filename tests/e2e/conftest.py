"""A running shop and a browser that looks at it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

from tests.e2e.running import RunningShop, new_shop

USER_AGENT = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36"
)
"""Headless Chromium says that it is headless, and what such browsers do is not recorded."""

CHROMIUM_OPTIONS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def shop() -> Iterator[RunningShop]:
    """A small demo shop, seeded, trained and served by `manage.py demo`."""
    with new_shop("test_demo_shop", "demo", "--port", "0", "--styles", "4", "--shoppers", "500") as running:
        running.start(patience=240)
        yield running


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Chromium as the system has it; closed behind these tests, whose event loop would trouble others."""
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("no Chromium on the path; install the package chromium")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=CHROMIUM_OPTIONS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="package", autouse=True)
def database_beside_an_event_loop() -> Iterator[None]:
    """Playwright runs an event loop in this thread, where Django would refuse to ask its database."""
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    yield
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def page(browser: Browser, shop: RunningShop) -> Iterator[Page]:
    """A new visitor's page; at the end the console must be clean, of breaches of the content policy too."""
    complaints: list[str] = []

    def hear(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            complaints.append(f"{message.text} {message.location['url']}")

    context = browser.new_context(
        base_url=shop.url, user_agent=USER_AGENT, viewport={"width": 1280, "height": 1000}
    )
    opened = context.new_page()
    opened.on("console", hear)
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    yield opened
    context.close()
    assert complaints == []
