"""Serving from a streaming replica of the database, while everything is written to the primary."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from django.db import connection, connections
from django.template import Context, Template
from django.test import Client
from django.test.utils import CaptureQueriesContext

from shop_recs import recommend, recommended_for_you, similar_items
from shop_recs.conf import get_product_model, settings
from shop_recs.models import Interaction, Kind
from tests.serving.conftest import *  # noqa: F403
from tests.serving.versions import publish_popularity
from tests.tracking.conftest import BROWSER
from tests.training.conftest import committed  # noqa: F401


class ReadsFromReplica:
    """The router of the documentation."""

    def db_for_read(self, model: Any, **hints: Any) -> str:
        return "default" if model._meta.app_label == "shop_recs" else "replica"

    def db_for_write(self, model: Any, **hints: Any) -> str:
        return "default"

    def allow_relation(self, *objects: Any, **hints: Any) -> bool:
        return True


@pytest.fixture(scope="module")
def replica_server(django_db_setup: None, django_db_blocker: Any) -> Iterator[str]:
    """The folder of the socket of a server that follows the one of the tests."""
    with django_db_blocker.unblock():
        primary = connection.get_connection_params()
    host = str(primary.get("host", ""))
    if not (Path(host) / "postmaster.pid").exists():
        pytest.skip("the server of DATABASE_URL is not ours to be followed; the embedded one is")
    owner = Path(host).owner() if os.geteuid() == 0 else None
    programs = _programs(host)
    with TemporaryDirectory() as folder:
        if owner:
            shutil.chown(folder, owner)
        copy = [programs / "pg_basebackup", "-h", host, "-U", primary["user"], "-D", f"{folder}/data"]
        _run([*copy, "-R", "-X", "stream", "-c", "fast", "--no-sync"], owner)
        control = [programs / "pg_ctl", "-D", f"{folder}/data", "-w", "-l", f"{folder}/log"]
        _run([*control, "-o", f"-h '' -k {folder}", "start"], owner)
        try:
            yield folder
        finally:
            _run([*control, "-m", "immediate", "stop"], owner)


def _programs(data: str) -> Path:
    """Where the programs of the running server lie."""
    running = (Path(data) / "postmaster.opts").read_text().split()[0]
    return Path(running).parent


def _run(command: list[Any], user: str | None) -> None:
    done = subprocess.run(
        command, user=user, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, timeout=60, cwd="/"
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture
def replica(committed: None, replica_server: str, database: Any) -> Any:  # noqa: F811
    """The connection `replica`."""
    return database("replica", host=replica_server)


@pytest.fixture
def routed(replica: Any, settings: Any) -> Any:
    """A router reads from the replica."""
    settings.DATABASE_ROUTERS = [f"{__name__}.ReadsFromReplica"]
    return replica


@pytest.fixture
def shop(als: Any, shelves: Any, replica: Any) -> list[Any]:
    """Chairs and lamps, of which the lamps are popular."""
    publish_popularity(shelves[1])
    caught_up(replica)
    return [*shelves[0], *shelves[1]]


@pytest.fixture
def browser() -> Client:
    return Client(headers={"user-agent": BROWSER, "sec-fetch-site": "same-origin"})


def caught_up(replica: Any) -> None:
    """Wait until the replica has what was committed so far."""
    position = asked(connection, "SELECT pg_current_wal_lsn()")
    deadline = time.monotonic() + 30
    while not asked(replica, "SELECT pg_last_wal_replay_lsn() >= %s", position):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def asked(on: Any, statement: str, *params: Any) -> Any:
    with on.cursor() as cursor:
        cursor.execute(statement, params or None)
        return cursor.fetchone()[0]


def look_at(browser: Client, product: Any) -> None:
    event = {"id": str(uuid.uuid4()), "kind": "view", "product": str(product.pk)}
    assert browser.post("/recs/v1/events/", [event], content_type="application/json").status_code == 202


@contextmanager
def read_from(replica: Any) -> Iterator[None]:
    """The primary is asked for nothing, and the replica for something."""
    primary = connections["default"]
    with CaptureQueriesContext(primary) as on_primary, CaptureQueriesContext(replica) as on_replica:
        yield
    assert not on_primary.captured_queries
    assert on_replica.captured_queries


def test_it_is_a_replica(replica):
    assert asked(replica, "SELECT pg_is_in_recovery()")


def test_lists_are_read_where_the_router_says_and_events_are_written_to_the_primary(shop, routed, browser):
    look_at(browser, shop[0])
    caught_up(routed)
    with read_from(routed):
        answer = browser.get("/recs/v1/recommendations/", {"limit": 3})
    assert answer.json()["rung"] == "als"
    with read_from(routed):
        answer = browser.get(f"/recs/v1/items/{shop[0].pk}/similar/", {"limit": 3})
    assert answer.json()["rung"] == "als"
    assert Interaction.objects.using("default").count() == 1


def test_every_kind_of_placement_can_be_read_from_it(shop, routed, visitor, did, request_of):
    did(visitor, Kind.VIEW, shop[0])
    did(visitor, Kind.PURCHASE, shop[1])
    caught_up(routed)
    request = request_of(visitor)
    with read_from(routed):
        lists = {slug: recommend(slug, request, seeds=[shop[2]]) for slug in settings.PLACEMENTS}
    assert {slug for slug, found in lists.items() if found} >= {
        "recommended-for-you",
        "similar-items",
        "rank",
    }


def test_a_page_is_rendered_from_it(shop, routed, visitor, did, request_of):
    did(visitor, Kind.VIEW, shop[0])
    caught_up(routed)
    source = "{% load shop_recs %}{% recommended_for_you limit=3 %}{% recommendations 'popular' limit=2 %}"
    with read_from(routed):
        html = Template(source).render(Context({"request": request_of(visitor)}))
    assert html.count("<li ") == 5


def test_a_list_may_be_read_from_it_without_a_router(shop, replica, visitor, did, request_of):
    did(visitor, Kind.VIEW, shop[0])
    caught_up(replica)
    request = request_of(visitor)
    with read_from(replica):
        recommendations = recommended_for_you(request, limit=3, using="replica")
        assert similar_items(shop[0], using="replica").rung == "als"
        assert recommend("popular", request, using="replica")
        assert (
            recommended_for_you(request, products=get_product_model().objects.using("replica")).rung == "als"
        )
    assert recommendations.rung == "als"
    assert recommendations[0]._state.db == "replica"


def test_what_the_replica_does_not_have_yet_is_not_counted_yet(shop, routed, browser):
    asked(routed, "SELECT pg_wal_replay_pause()::text")
    try:
        look_at(browser, shop[0])
        assert browser.get("/recs/v1/recommendations/", {"limit": 3}).json()["rung"] == "popular"
    finally:
        asked(routed, "SELECT pg_wal_replay_resume()::text")
    caught_up(routed)
    assert browser.get("/recs/v1/recommendations/", {"limit": 3}).json()["rung"] == "als"


def test_a_product_that_the_replica_does_not_have_yet_can_be_looked_at(shop, routed, browser, make_product):
    asked(routed, "SELECT pg_wal_replay_pause()::text")
    try:
        look_at(browser, make_product("Newest chair"))
        assert Interaction.objects.using("default").count() == 1
    finally:
        asked(routed, "SELECT pg_wal_replay_resume()::text")
