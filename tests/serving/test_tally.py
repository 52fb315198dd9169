"""What served the lists is counted: in the process, over all processes, and for Prometheus."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from typing import Any

import pytest
from django.core.cache import caches
from django.core.management import call_command
from django.core.signals import request_finished
from django.test import Client

from shop_recs import recommend, recommended_for_you
from shop_recs.models import Kind
from shop_recs.serving import tally
from shop_recs.serving.tally import Count
from shop_recs.signals import list_served, unanswered
from tests.serving.versions import publish_popularity

REDIS_SERVER = shutil.which("redis-server")

ANOTHER_PROCESS = """
import django
from django.test import override_settings
django.setup()
from shop_recs.serving import tally
with override_settings(CACHES={caches!r}):
    for number in range(100):
        tally.note({{tally.Count("lists", "home", "als"): 1, tally.Count("lists", "home", {rung!r}): 1}})
        tally.hand_on()
"""


@pytest.fixture
def shop(als: Any, shelves: Any, visitor: Any, did: Any, request_of: Any) -> Any:
    """The request of somebody who looked at a chair."""
    publish_popularity(shelves[1])
    did(visitor, Kind.VIEW, shelves[0][0])
    return request_of(visitor)


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Settings of a cache in a Redis of its own."""
    if REDIS_SERVER is None:
        pytest.skip("redis-server is not installed")
    folder = tmp_path_factory.mktemp("redis")
    command = [REDIS_SERVER, "--port", "0", "--unixsocket", "it", "--save", "", "--daemonize", "no"]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        while "eady to accept connections" not in server.stdout.readline():
            assert server.poll() is None
        yield {
            "default": {
                "BACKEND": "django.core.cache.backends.redis.RedisCache",
                "LOCATION": f"unix://{folder}/it",
            }
        }
        server.kill()


@pytest.fixture
def shared(redis: Any, settings: Any) -> None:
    """All processes share the cache, and it is empty."""
    settings.CACHES = redis
    caches["default"].clear()


@contextmanager
def noted(signal: Any) -> Any:
    """What a signal reports meanwhile."""
    reports: list[dict[str, Any]] = []

    def note(**report: Any) -> None:
        reports.append(report)

    signal.connect(note)
    yield reports
    signal.disconnect(note)


def status() -> str:
    written = io.StringIO()
    call_command("recs_status", stdout=written)
    return written.getvalue()


def test_every_list_is_reported(shop):
    with noted(list_served) as reports:
        home = recommended_for_you(shop, limit=3)
        nothing = recommend("buy-again", shop)
    assert [(report["placement"], report["recommendations"]) for report in reports] == [
        ("recommended-for-you", home),
        ("buy-again", nothing),
    ]


def test_a_receiver_that_fails_leaves_the_list_alone(shop):
    def fail(**kwargs: Any) -> None:
        raise ZeroDivisionError

    list_served.connect(fail)
    try:
        assert len(recommended_for_you(shop, limit=3)) == 3
    finally:
        list_served.disconnect(fail)


@pytest.mark.usefixtures("shared")
class TestCache:
    def test_lists_items_and_what_gave_no_answer_are_counted(self, shop, settings):
        recommended_for_you(shop, limit=3)
        recommended_for_you(shop, limit=3)
        recommend("buy-again", shop)
        unanswered.send_robust(sender=None, name="als", reason="timeout")
        assert tally.of_today() == {}
        tally.hand_on()
        assert tally.of_today() == {
            Count("lists", "recommended-for-you", "als"): 2,
            Count("items", "recommended-for-you", "als"): 6,
            Count("lists", "buy-again", "nothing"): 1,
            Count("unanswered", "als", "timeout"): 1,
        }

    def test_processes_add_up(self, redis):
        with_ours = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
        children = [
            subprocess.Popen(
                [sys.executable, "-c", ANOTHER_PROCESS.format(caches=redis, rung=rung)],
                env={**with_ours, "DJANGO_SETTINGS_MODULE": "tests.settings"},
            )
            for rung in ("popular", "newest")
        ]
        assert [child.wait(timeout=60) for child in children] == [0, 0]
        assert tally.of_today() == {
            Count("lists", "home", "als"): 200,
            Count("lists", "home", "popular"): 100,
            Count("lists", "home", "newest"): 100,
        }

    def test_counts_are_handed_on_after_a_request_and_not_after_each(self, shop, monkeypatch):
        Client().get("/recs/v1/recommendations/", {"limit": 3})
        assert tally.of_today() == {}
        monkeypatch.setattr(tally, "EVERY", 0.0)
        Client().get("/recs/v1/recommendations/", {"limit": 3})
        assert tally.of_today()[Count("lists", "recommended-for-you", "popular")] == 2

    def test_the_status_shows_shares(self, shop):
        tally.note({Count("lists", "home", "als"): 1500, Count("lists", "home", "popular"): 500})
        tally.note({Count("items", "home", "als"): 3, Count("unanswered", "als", "timeout"): 1})
        tally.hand_on()
        assert (
            "home     2,000 lists  als 75.0%, popular 25.0%; items  als 100.0%\n"
            "als: 1 without an answer (timeout)\n"
        ) in status()

    def test_a_cache_that_is_gone_fails_no_request(self, shop, settings, monkeypatch, caplog):
        settings.CACHES = {"default": settings.CACHES["default"] | {"LOCATION": "unix:///nowhere"}}
        monkeypatch.setattr(tally, "EVERY", 0.0)
        recommended_for_you(shop, limit=3)
        request_finished.send(sender=None)
        assert "Could not hand on what was counted" in caplog.text


def test_a_cache_of_this_process_alone_is_not_taken_for_all(shop):
    recommended_for_you(shop, limit=3)
    tally.hand_on()
    assert tally.of_today() == {}
    assert "lists" not in status()


def test_prometheus_counts_the_same(shop, settings):
    prometheus_client = pytest.importorskip("prometheus_client")
    settings.INSTALLED_APPS = [*settings.INSTALLED_APPS, "shop_recs.contrib.prometheus.Metrics"]
    try:
        recommended_for_you(shop, limit=3)
        unanswered.send_robust(sender=None, name="als", reason="timeout")
    finally:
        list_served.disconnect(dispatch_uid="shop_recs.prometheus.lists")
        unanswered.disconnect(dispatch_uid="shop_recs.prometheus.unanswered")
    page = prometheus_client.generate_latest().decode()
    for line in (
        'shop_recs_lists_total{placement="recommended-for-you",rung="als"} 1.0',
        'shop_recs_items_total{placement="recommended-for-you",source="als"} 3.0',
        'shop_recs_unanswered_total{name="als",reason="timeout"} 1.0',
    ):
        assert line in page
