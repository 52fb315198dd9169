"""A broker and Celery workers in processes of their own."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time

import psutil
import pytest
from celery import Celery
from django.db import connection

REDIS_SERVER = shutil.which("redis-server")


def filesystem(folder):
    """Celery settings of a broker that is a folder."""
    for name in ("queue", "control"):
        (folder / name).mkdir()
    options = {
        "data_folder_in": f"{folder}/queue",
        "data_folder_out": f"{folder}/queue",
        "control_folder": f"{folder}/control",
    }
    return {"broker_url": "filesystem://", "broker_transport_options": options, **results(folder)}


@contextlib.contextmanager
def redis(folder, *, visibility_timeout):
    """Celery settings of a Redis that delivers a message again that nobody acknowledged in time."""
    if REDIS_SERVER is None:
        pytest.skip("redis-server is not installed")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [REDIS_SERVER, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    options = {
        "visibility_timeout": visibility_timeout,
        "unacked_restore_interval": 0.5,
        "unacked_restore_throttle": 1,
    }
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as server:
        try:
            wait_for_port(port)
            url = f"redis://127.0.0.1:{port}/0"
            yield {"broker_url": url, "broker_transport_options": options, **results(folder)}
        finally:
            server.kill()


def results(folder):
    """A place for results, and a worker that notices the death of a process of its pool at once."""
    (folder / "results").mkdir()
    return {"result_backend": f"file://{folder}/results", "worker_lost_wait": 0.5}


def wait_for_port(port):
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.02)
    raise AssertionError(f"nothing listens on port {port}")


def application(conf):
    """What the test sends tasks with, and asks for their results."""
    app = Celery("sender", set_as_current=False)
    app.conf.update(conf)
    return app


@contextlib.contextmanager
def worker(conf, *, settings, log=os.devnull):
    """A worker of two processes that has joined the test's database; it does not outlive the block.

    `settings` changes `SHOP_RECS` there.
    """
    environment = {
        **os.environ,
        "SHOP_RECS_TEST_DATABASE": connection.settings_dict["NAME"],
        "SHOP_RECS_TEST_SETTINGS": json.dumps(settings),
        "SHOP_RECS_TEST_CELERY": json.dumps(conf),
    }
    command = [sys.executable, "-m", "celery", "-A", "tests.celery_app", "worker", "-c", "2", "-l", "INFO"]
    command += ["-f", str(log), "--without-gossip", "--without-mingle", "--without-heartbeat"]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            yield process
        finally:
            kill(process)


def kill(process):
    """Kill -9 a worker with its pool; the training process must notice by itself."""
    with contextlib.suppress(psutil.NoSuchProcess):
        for one in [psutil.Process(process.pid), *pool(process)]:
            one.send_signal(signal.SIGKILL)
    process.wait()


def pool(process):
    """The processes of a worker that run tasks."""
    return psutil.Process(process.pid).children()


def trainer(process):
    """The process of the worker's pool that trains now, and the training process it started."""
    ((one, child),) = [(one, child) for one in pool(process) for child in one.children()]
    return one, child
