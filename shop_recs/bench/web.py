"""A gunicorn of the benchmark's own, on the loopback."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

from django.db import connection

from shop_recs.bench.load import HOST
from shop_recs.exceptions import CannotMeasure

VARIABLE = "SHOP_RECS_BENCH"
"""Environment variable by which the workers hear of the database and the settings."""

ROOT = "/shop-recs-bench/"
PATIENCE_SECONDS = 60.0


@contextmanager
def served(
    *, workers: int, read_only: bool, settings: Mapping[str, Any], keep_alive: bool = False
) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """A web server over the database in use; its port and its process.

    Args:
        workers: processes that answer.
        read_only: the workers' sessions cannot write.
        settings: what differs from `SHOP_RECS`.
        keep_alive: connections stay open; the usual worker of gunicorn closes them, and so shares the load.

    Raises:
        CannotMeasure: gunicorn is missing, or does not start.
    """
    if find_spec("gunicorn") is None:
        raise CannotMeasure("Measuring over HTTP needs gunicorn: pip install gunicorn.")
    given = {"database": connection.settings_dict["NAME"], "read_only": read_only, "settings": dict(settings)}
    kind = ["-k", "gthread", "--threads", "1", "--keep-alive", "60"] if keep_alive else ["-k", "sync"]
    port = _free_port()
    options = ["--bind", f"{HOST}:{port}", "--workers", str(workers), "--log-level", "warning", *kind]
    options += ["--graceful-timeout", "1"]
    process = subprocess.Popen(  # noqa: S603
        [sys.executable, "-m", "gunicorn", *options, "shop_recs.bench.wsgi:application"],
        env={
            **os.environ,
            VARIABLE: json.dumps(given),
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        },
        start_new_session=True,  # Ctrl-C is for us, who stop it in order
    )
    try:
        _wait_for(port, process)
        yield port, process
    finally:
        process.terminate()
        process.wait(timeout=PATIENCE_SECONDS)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind((HOST, 0))
        port: int = free.getsockname()[1]
        return port


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return socket.create_connection((HOST, port), timeout=1).close()
        except OSError as error:
            if process.poll() is not None or time.monotonic() > deadline:
                raise CannotMeasure("gunicorn does not start; what it printed says why.") from error
            time.sleep(0.1)
