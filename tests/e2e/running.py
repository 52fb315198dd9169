"""A demo shop in processes of its own: database, worker, clock and web server, as `make demo` starts them."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import dj_database_url
import psutil
import psycopg
from psycopg import sql

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class RunningShop:
    """`manage.py <command>` as a child; `url` is known once it serves."""

    folder: Path
    database: str
    command: tuple[str, ...]
    log_name: str = "demo.out"
    url: str = ""
    seconds: float = 0.0
    process: subprocess.Popen[bytes] | None = None

    def start(self, *, patience: float) -> None:
        """Start it and wait until it says where it serves."""
        drop = ("DJANGO_SETTINGS_MODULE", "SHOP_RECS_TEST_PROJECT", "SHOP_RECS_TEST_DATABASE")
        environment = {name: value for name, value in os.environ.items() if name not in drop}
        environment |= {"DEMO_FOLDER": str(self.folder), "DEMO_DATABASE": self.database, "DEMO_EPOCHS": "3"}
        environment["PYTHONUNBUFFERED"] = "1"
        began = time.monotonic()
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", *self.command],
                cwd=ROOT,
                env=environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.url = self._await_url(began + patience)
        self.seconds = time.monotonic() - began

    def _await_url(self, deadline: float) -> str:
        while time.monotonic() < deadline and self.process.poll() is None:
            if found := re.search(r"Shop +(http://\S+?)/?\n", self.said):
                return found[1]
            time.sleep(0.2)
        raise AssertionError(f"the shop did not come up:\n{self.said}")

    @property
    def log(self) -> Path:
        """What the command prints."""
        return self.folder / self.log_name

    @property
    def said(self) -> str:
        """What the command has printed so far."""
        return self.log.read_text() if self.log.exists() else ""

    def family(self) -> list[psutil.Process]:
        """All that runs because of it: its descendants, and the embedded database, which detaches itself."""
        found = psutil.Process(self.process.pid).children(recursive=True)
        pid_file = self.folder / "postgres" / "postmaster.pid"
        if pid_file.exists():
            found.append(psutil.Process(int(pid_file.read_text().split()[0])))
        return found

    def stop(self, by: signal.Signals = signal.SIGINT) -> int:
        """End it as Ctrl-C does; returns its exit status."""
        self.process.send_signal(by)
        return self.process.wait(timeout=60)

    def query(self, statement: str) -> list[tuple[object, ...]]:
        """Rows out of the shop's database."""
        with closing(psycopg.connect(**self._connection(), autocommit=True)) as connection:
            cursor = connection.execute(sql.SQL(statement))  # type: ignore[arg-type]
            return cursor.fetchall() if cursor.description else []

    def _connection(self) -> dict[str, object]:
        if url := os.environ.get("DATABASE_URL"):
            return _parameters(url, self.database)
        socket = (self.folder / "postgres" / "postmaster.pid").read_text().splitlines()[4]
        return {"user": "postgres", "dbname": self.database, "host": socket}


@contextmanager
def new_shop(database: str, *command: str) -> Iterator[RunningShop]:
    """A shop, not yet started, in a folder and a database that are gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="demo-shop-"))
    drop_database(database)
    shop = RunningShop(folder, database, command)
    try:
        yield shop
    finally:
        if shop.process is not None and shop.process.poll() is None:
            shop.stop()
        drop_database(database)
        shutil.rmtree(folder)


def drop_database(name: str) -> None:
    """Remove what an earlier run left on the PostgreSQL of `DATABASE_URL`."""
    if url := os.environ.get("DATABASE_URL"):
        with closing(psycopg.connect(**_parameters(url, "postgres"), autocommit=True)) as connection:
            statement = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
            connection.execute(statement.format(sql.Identifier(name)))


def _parameters(url: str, database: str) -> dict[str, object]:
    parsed = dj_database_url.parse(url)
    found = {
        "user": parsed["USER"],
        "password": parsed["PASSWORD"],
        "host": parsed["HOST"],
        "port": parsed["PORT"],
        "dbname": database,
    }
    return {name: value for name, value in found.items() if value} | parsed.get("OPTIONS", {})
