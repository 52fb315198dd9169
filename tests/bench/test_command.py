"""`recs_bench` as one types it, in a process of its own: it makes and drops databases."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connection

KEPT = f"test_bench_{os.environ.get('SHOP_RECS_TEST_PROJECT', 'integer')}"
ITEMS = 400


@pytest.fixture(scope="module")
def kept(django_db_setup, django_db_blocker):
    """The name under which a small invented shop is kept while these tests run."""
    yield KEPT
    with django_db_blocker.unblock(), connection._nodb_cursor() as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS {KEPT}_{ITEMS} WITH (FORCE)")


def typed(*arguments, database=None):
    """What the command prints as JSON: the figures of one run by name."""
    ran = subprocess.run(
        [sys.executable, "-m", "django", "recs_bench", *map(str, arguments), "--json"],
        env=os.environ
        | {"DJANGO_SETTINGS_MODULE": "tests.settings", "SHOP_RECS_TEST_DATABASE": database or "postgres"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    (run,) = json.loads(ran.stdout)
    assert run["items"] == ITEMS
    return {row["what"]: row for row in run["rows"]}


def databases():
    with connection._nodb_cursor() as cursor:
        cursor.execute("SELECT datname FROM pg_database")
        return {name for (name,) in cursor.fetchall()}


def written(database):
    """Rows that were ever inserted, updated or deleted in a database."""
    parameters = connection.get_connection_params()
    with psycopg.connect(host=parameters["host"], user=parameters["user"], dbname=database) as other:
        rows = "SELECT sum(n_tup_ins + n_tup_upd + n_tup_del) FROM pg_stat_user_tables"
        return other.execute(rows).fetchone()


@pytest.mark.training
@pytest.mark.django_db
def test_an_invented_shop_is_measured_and_kept_if_asked(kept):
    rows = typed("serving", "--items", ITEMS, "--keep", kept, "--requests", 10, "--seconds", 1)
    assert rows["recommendations, p50"]["figure"] > rows["recommendations, p50"]["floor"] > 0
    assert rows["20 of the 10.0% that a hidden filter keeps, fewest given"]["figure"] == 20
    assert f"{kept}_{ITEMS}" in databases()


@pytest.mark.training
@pytest.mark.django_db
def test_ingest_neither_loses_nor_doubles_an_event(kept):
    rows = typed("ingest", "--items", ITEMS, "--keep", kept, "--requests", 40)
    assert rows["rows that they made"]["figure"] == 40 * 50
    assert rows["events sent again, answered as duplicates"]["figure"] == 2 * 50


@pytest.mark.training
@pytest.mark.django_db
def test_no_list_mixes_versions_while_they_are_flipped(kept):
    rows = typed("publish", "--items", ITEMS, "--keep", kept)
    assert rows["lists read during the flips"]["figure"] > 0
    assert rows["lists that failed or were of two versions"]["figure"] == 0


@pytest.mark.training
@pytest.mark.django_db
def test_the_shop_s_own_data_is_measured_without_a_write(kept):
    database = f"{kept}_{ITEMS}"
    if database not in databases():
        pytest.skip("the shop that stands for one's own is made by the tests before")
    before = written(database)
    rows = typed("serving", "--requests", 10, "--seconds", 1, database=database)
    assert rows["recommendations, p50"]["figure"] > 0
    assert written(database) == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["ingest"], "write --items 100000"),
        (["serving", "--training"], "write --items 100000"),
        (["serving", "--items", "5"], "--items is 5"),
        (["serving", "--items", "1000", "--dimensions", "4000"], "2000 at most"),
    ],
)
def test_what_cannot_be_measured_is_refused_before_minutes_go_into_it(arguments, message):
    with pytest.raises(CommandError, match=message):
        call_command("recs_bench", *arguments)


@pytest.mark.django_db
def test_a_shop_that_serves_nothing_is_told_to_train():
    with pytest.raises(CommandError, match="recs_train --all"):
        call_command("recs_bench", "serving")


@pytest.mark.django_db(transaction=True)
def test_a_user_who_may_not_create_databases_is_told_so():
    name = connection.settings_dict["NAME"]
    with connection.cursor() as cursor:
        cursor.execute("CREATE ROLE clerk LOGIN")
    role = dict(connection.settings_dict)
    connection.close()
    try:
        connection.settings_dict["USER"] = "clerk"
        with pytest.raises(CommandError, match="CREATEDB"):
            call_command("recs_bench", "publish", "--items", "1000")
        assert connection.settings_dict["NAME"] == name
    finally:
        connection.close()
        connection.settings_dict |= role
        with connection.cursor() as cursor:
            cursor.execute("DROP ROLE clerk")


@pytest.mark.django_db(transaction=True)
def test_a_database_of_somebody_else_is_left_alone():
    name = f"{KEPT}_foreign_{ITEMS}"
    with connection._nodb_cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name}")
    try:
        with pytest.raises(CommandError, match="was not made by recs_bench, and stays as it is"):
            call_command("recs_bench", "ingest", items=[ITEMS], keep=f"{KEPT}_foreign")
    finally:
        with connection._nodb_cursor() as cursor:
            cursor.execute(f"DROP DATABASE {name}")
