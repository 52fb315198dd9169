from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import psutil
import pytest

from demo_shop.services import HOST, free_port
from demo_shop.supervisor import ChildFailed, supervised
from tests.e2e.running import ROOT

SLEEP = (sys.executable, "-c", "import time; time.sleep(60)")


def wait_for(condition: object, seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def test_children_end_with_the_block(tmp_path: Path) -> None:
    with supervised(tmp_path, {}) as supervisor:
        supervisor.start("one", *SLEEP)
        supervisor.start("two", *SLEEP, stop_by=signal.SIGQUIT)
        pids = [child.pid for child, _ in supervisor.children.values()]
        supervisor.check()
    assert not any(psutil.pid_exists(pid) for pid in pids)


def test_children_end_with_an_error_in_the_block(tmp_path: Path) -> None:
    pids = []

    def fail() -> None:
        with supervised(tmp_path, {}) as supervisor:
            supervisor.start("one", *SLEEP)
            pids.append(supervisor.children["one"][0].pid)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert not psutil.pid_exists(pids[0])


def test_a_child_that_ends_by_itself_is_reported_with_its_last_words(tmp_path: Path) -> None:
    with supervised(tmp_path, {}) as supervisor:
        supervisor.start("worker", sys.executable, "-c", "import sys; print('no broker'); sys.exit(3)")
        supervisor.children["worker"][0].wait(timeout=20)
        with pytest.raises(ChildFailed, match=r"(?s)worker ended with status 3.*no broker"):
            supervisor.check()


def test_a_child_that_does_not_listen_is_killed_with_its_descendants(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("demo_shop.supervisor.GRACE_SECONDS", 0.3)
    deaf = """
        import signal, subprocess, sys
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        print(subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]).pid, flush=True)
        signal.pause()
    """
    with supervised(tmp_path, {}) as supervisor:
        supervisor.start("deaf", sys.executable, "-c", textwrap.dedent(deaf))
        wait_for(lambda: (tmp_path / "deaf.log").read_text().endswith("\n"))
        grandchild = psutil.Process(int((tmp_path / "deaf.log").read_text()))
    wait_for(lambda: not grandchild.is_running() or grandchild.status() == psutil.STATUS_ZOMBIE)


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_children_first(tmp_path: Path, by: signal.Signals) -> None:
    parent = f"""
        import sys, time
        from pathlib import Path
        from demo_shop.supervisor import supervised
        try:
            with supervised(Path({str(tmp_path)!r}), {{}}) as supervisor:
                supervisor.start("one", *{SLEEP!r})
                print(supervisor.children["one"][0].pid, flush=True)
                time.sleep(60)
        except KeyboardInterrupt:
            sys.exit(5)
    """
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(parent)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    with process.stdout:
        child = int(process.stdout.readline())
        os.kill(process.pid, by)
        assert process.wait(timeout=20) == 5
    assert not psutil.pid_exists(child)


def test_a_taken_port_is_passed_over() -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert free_port(port) > port
