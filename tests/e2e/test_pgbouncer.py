"""Serving, recording and publishing behind PgBouncer in transaction mode, one server connection for all."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import quote

import pytest
from django.db import connection, connections
from django.test import Client

from shop_recs.models import Interaction, ModelVersion
from shop_recs.rollups.orders import roll_up_orders
from shop_recs.rollups.scores import roll_up_scores
from shop_recs.serving.attempts import fetched
from shop_recs.serving.breaker import open_breakers
from shop_recs.training import publish, runner
from tests.serving.conftest import *  # noqa: F403
from tests.tracking.conftest import BROWSER
from tests.training.conftest import *  # noqa: F403
from tests.training.conftest import store

PGBOUNCER = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")

CONFIGURATION = """
[databases]
* = {server}
[pgbouncer]
listen_port = 6432
unix_socket_dir = {folder}
auth_type = any
pool_mode = transaction
default_pool_size = 1
max_client_conn = 100
ignore_startup_parameters = extra_float_digits
"""

OF_SESSION = (
    "SELECT current_setting('statement_timeout'), current_setting('hnsw.ef_search', true),"
    " current_setting('hnsw.iterative_scan', true)"
)


@pytest.fixture
def bouncer(committed: None) -> Iterator[dict[str, Any]]:
    """Options of connections to a PgBouncer that has one connection to the server, for all clients."""
    if PGBOUNCER is None:
        pytest.skip("pgbouncer is not installed; install the package pgbouncer")
    direct = connection.get_connection_params()
    server = " ".join(
        f"{name}='{direct[name]}'" for name in ("host", "port", "user", "password") if name in direct
    )
    with TemporaryDirectory() as folder:
        file = Path(folder) / "pgbouncer.ini"
        file.write_text(CONFIGURATION.format(server=server, folder=folder))
        command = [PGBOUNCER, "-q", *_user(direct, folder), str(file)]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
            deadline = time.monotonic() + 10
            while not (Path(folder) / ".s.PGSQL.6432").exists():
                assert process.poll() is None, process.communicate()[1]
                assert time.monotonic() < deadline
                time.sleep(0.05)
            yield {"host": folder, "port": "6432"}
            process.terminate()


def _user(direct: dict[str, Any], folder: str) -> list[str]:
    """Who it shall be, since it refuses to be root: whoever owns the embedded server, and so its socket."""
    if os.geteuid():
        return []
    host = str(direct.get("host", ""))
    owner = Path(host).owner() if host.startswith("/") else "nobody"
    shutil.chown(folder, owner)
    return ["-u", owner]


@pytest.fixture
def pooled(bouncer: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Whatever this process and those that it starts ask the database goes through the pool."""
    direct = connections["default"]
    ours = direct.settings_dict
    through = ours | {"OPTIONS": ours["OPTIONS"] | bouncer, "HOST": "", "PORT": ""}
    monkeypatch.setitem(connections.settings, "default", through)
    address = f"postgres://{ours['USER']}@/{ours['NAME']}"
    monkeypatch.setenv("DATABASE_URL", f"{address}?host={quote(bouncer['host'], safe='')}&port=6432")
    monkeypatch.setenv("SHOP_RECS_TEST_DATABASE", ours["NAME"])
    connections["default"] = connections.create_connection("default")
    yield
    connections["default"].close()
    connections["default"] = direct


@pytest.fixture
def unthrottled(settings: Any) -> None:
    settings.SHOP_RECS = settings.SHOP_RECS | {
        "THROTTLE_RATES": dict.fromkeys(("recommendations", "events", "models"))
    }


def in_threads(work: Any, *, clients: int, times: int) -> list[Any]:
    """Do `work` so often, by several clients at once, each with a connection of its own."""

    def own(number: int) -> Any:
        try:
            return work(number)
        finally:
            connections["default"].close()

    with ThreadPoolExecutor(clients) as pool:
        return list(pool.map(own, range(times)))


def session() -> tuple[Any, ...]:
    with connection.cursor() as cursor:
        cursor.execute(OF_SESSION)
        row: tuple[Any, ...] = cursor.fetchone()
        return row


def backend(_: int = 0) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])


def visit(product: Any) -> str:
    """Look at a product and ask for a list, as a new visitor does; returns the rung."""
    browser = Client(headers={"user-agent": BROWSER, "sec-fetch-site": "same-origin"})
    event = {"id": str(uuid.uuid4()), "kind": "view", "product": str(product.pk)}
    posted = browser.post("/recs/v1/events/", [event], content_type="application/json")
    assert posted.status_code == 202, posted.content
    answer = browser.get("/recs/v1/recommendations/", {"limit": 3})
    assert answer.status_code == 200, answer.content
    return str(answer.json()["rung"])


@pytest.mark.usefixtures("pooled", "unthrottled")
def test_many_clients_share_a_server_connection_and_leave_it_as_it_was(als, shelves, settings):
    settings.SHOP_RECS = settings.SHOP_RECS | {"EXACT_BELOW": 1}
    before = session()
    assert len(set(in_threads(backend, clients=8, times=16))) == 1
    rungs = in_threads(lambda number: visit(shelves[0][number % 5]), clients=8, times=40)
    assert rungs == ["als"] * 40
    assert Interaction.objects.count() == 40
    assert session() == before
    assert before[0] == "0"
    assert open_breakers() == []


@pytest.mark.usefixtures("pooled", "als")
def test_a_statement_that_is_stopped_leaves_its_limit_to_nobody(settings):
    settings.SHOP_RECS = settings.SHOP_RECS | {"STATEMENT_TIMEOUT_MS": 50}
    slow, pid = ModelVersion.objects.extra(where=["pg_sleep(9) IS NULL"]), backend()
    assert fetched("als", slow) is None
    assert (backend(), session()[0]) == (pid, "0")


@pytest.mark.usefixtures("pooled", "unthrottled")
def test_versions_are_trained_published_and_rolled_back_through_it_while_it_serves(log):
    assert runner.train("popular").status == ModelVersion.Status.READY
    versions = [store("als", log), store("als", log)]

    def work(number: int) -> str | None:
        if number % 5:
            return visit(log[number])
        publish.publish(versions[number % 2])
        return None

    rungs = in_threads(work, clients=4, times=20)
    assert set(rungs) == {"als", None}
    roll_up_scores()
    roll_up_orders()
    assert session()[0] == "0"
