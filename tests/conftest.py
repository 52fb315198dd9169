"""Fixtures that every part of the suite may use."""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from celery import Celery, current_app
from django.db import connection, transaction

from shop_recs.conf import get_product_model
from shop_recs.serving import attempts, breaker, compiled, encoding, ladder, narrow, tally
from shop_recs.training import partitions

DATA = Path(
    os.environ.get("SHOP_RECS_DATA", Path(__file__).resolve().parent.parent.parent / "shared" / "data")
)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what trains where the extra is not installed, as on a web server."""
    if item.get_closest_marker("training") and find_spec("torch") is None:
        pytest.skip('training needs the extra: pip install "shop_recs[train]"')


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest comes first, so that no process works on it alone in the end."""
    items.sort(key=lambda item: "real_data" not in item.keywords)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """How `pytest -n 2` shares the tests out."""
    from tests.sharing import InFiles

    return InFiles(config, log)


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings: None, django_db_blocker: Any
) -> Iterator[None]:
    """The embedded server of the tests need not survive a power failure: it does not wait for the disk."""
    if os.environ.get("DATABASE_URL"):
        yield
        return
    alter_system("SET fsync = off", django_db_blocker)
    yield
    # A demo or a benchmark of the same checkout has the same server.
    alter_system("RESET fsync", django_db_blocker)


def alter_system(setting: str, blocker: Any) -> None:
    with blocker.unblock(), connection._nodb_cursor() as cursor:
        cursor.execute(f"ALTER SYSTEM {setting}")
        cursor.execute("SELECT pg_reload_conf()")


@pytest.fixture(autouse=True)
def _nothing_held() -> None:
    """What a process holds or reported once belongs to one test."""
    encoding.forget()
    compiled.forget()
    breaker.forget()
    narrow.forget()
    tally._counts.clear()
    attempts._reported.clear()
    ladder._reported.clear()


@pytest.fixture(autouse=True)
def _no_tables_left(request: pytest.FixtureRequest) -> Iterator[None]:
    """What a test without a transaction published has tables, which emptying the others does not drop."""
    marker = request.node.get_closest_marker("django_db")
    marked = marker is not None and marker.kwargs.get("transaction")
    if not marked and "transactional_db" not in request.fixturenames:
        yield
        return
    request.getfixturevalue("transactional_db")
    yield
    for version_id in partitions.existing():
        with transaction.atomic():
            partitions.drop(version_id)


@pytest.fixture
def shop_data() -> Path:
    """The folder of real interaction logs; skips the test where it is absent."""
    if not DATA.is_dir():
        pytest.skip(f"no real logs at {DATA}; set SHOP_RECS_DATA to a folder that has them")
    return DATA


@pytest.fixture
def make_product(db: None) -> Any:
    """Make a product of the host's own model: `make_product("Red chair", price=10)`."""

    def make(name: str = "Product", **fields: Any) -> Any:
        return get_product_model()._default_manager.create(name=name, **fields)

    return make


@pytest.fixture
def products(make_product: Any) -> list[Any]:
    """Twelve products."""
    return [make_product(f"Product {number}") for number in range(12)]


@pytest.fixture
def broker() -> Iterator[Any]:
    """Make tasks go to a broker: `broker("memory://")` returns the Celery application."""
    before = current_app._get_current_object()
    apps: list[Celery] = []

    def use(address: str) -> Celery:
        app = Celery("shop", broker=address)
        app.conf.broker_connection_timeout = 1
        app.set_current()
        apps.append(app)
        return app

    yield use
    for app in apps:
        app.close()
    before.set_current()


@pytest.fixture
def make_staff(django_user_model: Any) -> Any:
    """Make somebody on the staff with some of our permissions: `make_staff("retrain", "publish")`."""
    from django.contrib.auth.models import Permission

    def make(*codenames: str) -> Any:
        user = django_user_model.objects.create_user(username="grace", password="x", is_staff=True)
        user.user_permissions.set(
            Permission.objects.filter(content_type__app_label="shop_recs", codename__in=codenames)
        )
        return user

    return make
