"""Two visitors behind the same cache, nginx's or Django's: neither ever sees what is the other's."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPMessage
from http.cookiejar import CookieJar
from pathlib import Path

import pytest
from django.db import connection

from demo_shop.services import free_port
from shop_recs.models import ItemScore
from tests.e2e.delivery_urls import DELIVERIES, NEUTRAL, PERSONAL
from tests.e2e.running import ROOT
from tests.serving.conftest import *  # noqa: F403
from tests.tracking.conftest import BROWSER

pytestmark = pytest.mark.django_db(transaction=True)

NGINX = shutil.which("nginx", path=os.environ.get("PATH", "") + os.pathsep + "/usr/sbin")

# As somebody sets it up who wants one copy of each page: the cookie is no part of the key, `Vary` from
# sessions does not count, and what says nothing of caches is kept.
CONFIGURATION = """
{user}
daemon off;
pid {folder}/nginx.pid;
error_log stderr;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    proxy_cache_path {folder}/cache keys_zone=pages:1m;
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://127.0.0.1:{behind};
            proxy_set_header Host $host;
            proxy_cache pages;
            proxy_cache_key $scheme$host$request_uri;
            proxy_cache_valid 200 10m;
            proxy_ignore_headers Vary;
            add_header X-Cache $upstream_cache_status always;
        }}
    }}
}}
"""


class Visitor:
    """A browser with cookies of its own."""

    def __init__(self) -> None:
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
        self.opener.addheaders = [("User-Agent", BROWSER)]

    def open(self, url: str) -> tuple[str, HTTPMessage]:
        """What an address answers."""
        with self.opener.open(url, timeout=30) as answer:
            return answer.read().decode(), answer.headers

    def lists(self, site: str, delivery: str) -> dict[str, tuple[list[str], HTTPMessage]]:
        """The titles of each list of the page, and the headers of what it came in."""
        html, headers = self.open(f"{site}/{delivery}/")
        found = {}
        for slug, body in re.findall(r"<article id=([\w-]+)>(.*?)</article>", html, re.DOTALL):
            came = headers
            if address := re.search(r'(?:src|hx-get)="([^"]*fragments[^"]*)"', body):
                body, came = self.open(site + address[1].replace("&amp;", "&"))
            found[slug] = (re.findall(r'class="shop-recs__title">([^<]*)<', body), came)
        return found


@contextmanager
def serving(*command: str, port: int, **environment: str) -> Iterator[str]:
    """A server until the end of the block; its address."""
    with subprocess.Popen(command, cwd=ROOT, env=os.environ | environment) as server:
        try:
            _await(server, port)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()


def _await(server: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and server.poll() is None:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/recs/v1/fragments/none/", timeout=30)
        except urllib.error.HTTPError:
            return
        except urllib.error.URLError:
            time.sleep(0.05)
    raise AssertionError(f"the server on port {port} did not come up")


@contextmanager
def shop_process(**environment: str) -> Iterator[str]:
    """The shop in a process of its own."""
    port = free_port(0)
    gunicorn = (sys.executable, "-m", "gunicorn", "django.core.wsgi:get_wsgi_application()", "--threads", "2")
    with serving(
        *gunicorn,
        *("--bind", f"127.0.0.1:{port}", "--log-level", "error"),
        port=port,
        DJANGO_SETTINGS_MODULE="tests.e2e.cached_settings",
        SHOP_RECS_TEST_DATABASE=connection.settings_dict["NAME"],
        **environment,
    ) as site:
        yield site


@pytest.fixture(scope="module")
def origin(django_db_setup: None) -> Iterator[str]:
    """The shop without any cache."""
    with shop_process() as site:
        yield site


@pytest.fixture(scope="module")
def with_middleware(
    django_db_setup: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Path]]:
    """The shop with Django's cache middleware, and the folder of its cache."""
    folder = tmp_path_factory.mktemp("pages")
    with shop_process(PAGE_CACHE=str(folder)) as cached:
        yield cached, folder


@pytest.fixture(params=["nginx", "django"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The same shop behind a cache that holds nothing yet."""
    if request.param == "django":
        cached, folder = request.getfixturevalue("with_middleware")
        for file in folder.iterdir():
            file.unlink()
        yield cached
        return
    origin = request.getfixturevalue("origin")
    if NGINX is None:
        pytest.skip("no nginx on the path; install the package nginx-light")
    port, behind = free_port(0), origin.rpartition(":")[2]
    user = "user root;" if os.getuid() == 0 else ""
    file = tmp_path / "nginx.conf"
    file.write_text(CONFIGURATION.format(user=user, folder=tmp_path, port=port, behind=behind))
    with serving(NGINX, "-c", str(file), "-e", "stderr", port=port) as cached:
        yield cached


@pytest.fixture
def shoppers(origin, als, shelves, make_product) -> list[Visitor]:
    """One looked at chairs and one at lamps, and each put one of them into the cart."""
    for place, product in enumerate([*shelves[0], *shelves[1]]):
        ItemScore.objects.create(ranking="trending", segment="", product_id=product.pk, score=place + 1)
    visitors = []
    for shelf in shelves:
        visitor = Visitor()
        for product in shelf[:3]:
            visitor.open(f"{origin}/product/{product.pk}/")
        visitor.open(f"{origin}/product/{shelf[3].pk}/?cart")
        visitors.append(visitor)
    return visitors


def titles(lists: dict[str, tuple[list[str], HTTPMessage]]) -> dict[str, list[str]]:
    return {slug: shown for slug, (shown, _) in lists.items()}


@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["chairs first", "lamps first"])
def test_neither_of_two_visitors_sees_what_is_the_others(site, origin, shoppers, order):
    visitors = [shoppers[place] for place in order]
    own = {(who, way): titles(visitors[who].lists(origin, way)) for who in (0, 1) for way in DELIVERIES}
    for slug in PERSONAL:
        assert own[0, "lazy"][slug] != own[1, "lazy"][slug]
    for _ in ("cold", "warm"):
        for way in DELIVERIES:
            for who in (0, 1):
                assert titles(visitors[who].lists(site, way)) == own[who, way]


def test_what_is_the_same_for_everybody_comes_from_the_cache(site, shoppers):
    for way in ("lazy", "htmx"):
        first, second = (visitor.lists(site, way) for visitor in shoppers)
        again = {slug for slug in first if first[slug][1]["X-Made"] == second[slug][1]["X-Made"]}
        assert again == set(NEUTRAL)
        assert {second[slug][1].get("X-Cache", "HIT") for slug in NEUTRAL} == {"HIT"}
        assert all(second[slug][0] for slug in NEUTRAL)
        pages = [visitor.open(f"{site}/{way}/")[1]["X-Made"] for visitor in shoppers]
        assert len(set(pages)) == 1
    inline = [visitor.open(f"{site}/inline/")[1]["X-Made"] for visitor in [*shoppers, *shoppers]]
    assert len(set(inline)) == 4


def test_nobodys_cookie_is_handed_to_the_next(site, shoppers, shelves):
    cookies = []
    for _ in range(2):
        visitor = Visitor()
        _, headers = visitor.open(f"{site}/product/{shelves[0][0].pk}/")
        cookies.append(headers["Set-Cookie"])
    assert all(cookies)
    assert cookies[0] != cookies[1]
