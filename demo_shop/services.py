"""What a shop runs beside its code: database, worker, clock and web server."""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from django.conf import settings
from django.db import connections

from demo_shop import postgres
from demo_shop.supervisor import ChildFailed, Supervisor, supervised

HOST = "127.0.0.1"
PORTS_TO_TRY = 50
PATIENCE_SECONDS = 60.0


class CannotRun(Exception):
    """Something that the shop needs is taken or does not start; the message says what."""


@contextmanager
def running() -> Iterator[Supervisor]:
    """A supervisor whose children share this process's database; at the end all of it is stopped.

    Raises:
        CannotRun: a shop runs in the same folder already, or one of the services ended.
    """
    with (
        _only_one(),
        _database() as url,
        supervised(settings.FOLDER / "logs", {"DATABASE_URL": url}) as family,
    ):
        try:
            yield family
        except ChildFailed as error:
            raise CannotRun(str(error)) from error


def start_celery(supervisor: Supervisor) -> None:
    """Start a worker for two trainings at once, and the clock that queues them every night."""
    celery = (sys.executable, "-m", "celery", "-A", "demo_shop")
    worker = (*celery, "worker", "--concurrency", "2", "--loglevel", "info")
    # On SIGTERM a worker first finishes what it does, and a training may take minutes.
    supervisor.start("worker", *worker, stop_by=signal.SIGQUIT)
    supervisor.start("beat", *celery, "beat", "--loglevel", "info")


def start_web_server(
    supervisor: Supervisor,
    port: int,
    *,
    name: str = "web server",
    options: Sequence[str] = ("--workers", "2", "--threads", "4"),
) -> str:
    """Start gunicorn on `port` and return its address once the front page came.

    Raises:
        CannotRun: it did not come in time.
        ChildFailed: the server ended instead.
    """
    gunicorn = (sys.executable, "-m", "gunicorn", "demo_shop.wsgi", "--bind", f"{HOST}:{port}")
    supervisor.start(name, *gunicorn, *options)
    address = f"http://{HOST}:{port}"
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        supervisor.check()
        try:
            urllib.request.urlopen(address, timeout=PATIENCE_SECONDS).close()
        except urllib.error.URLError:
            time.sleep(0.1)
            continue
        return address
    raise CannotRun(f"{address} did not answer within {PATIENCE_SECONDS:.0f} seconds.")


def free_port(wanted: int) -> int:
    """`wanted`, or the next port after it that nobody listens on; 0 is any.

    Raises:
        CannotRun: there is none nearby.
    """
    for port in range(wanted, wanted + PORTS_TO_TRY):
        with socket.socket() as candidate:
            candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                candidate.bind((HOST, port))
            except OSError:
                continue
            return int(candidate.getsockname()[1])
    raise CannotRun(f"The ports from {wanted} on are taken; choose another one by --port.")


@contextmanager
def _only_one() -> Iterator[None]:
    """Two shops in one folder would take each other's tasks."""
    settings.FOLDER.mkdir(parents=True, exist_ok=True)
    with (settings.FOLDER / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise CannotRun(f"A shop runs in {settings.FOLDER} already; stop it first.") from error
        yield


@contextmanager
def _database() -> Iterator[str]:
    """The URL of the database; an embedded server is stopped at the end."""
    if url := os.environ.get("DATABASE_URL"):
        yield url
        return
    data = settings.FOLDER / "postgres"
    try:
        yield postgres.start_embedded(data)
    finally:
        connections.close_all()
        postgres.stop_embedded(data)
