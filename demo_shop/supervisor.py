"""Child processes that live and die together with this one."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

GRACE_SECONDS = 10.0


class ChildFailed(Exception):
    """A child process ended by itself; the message holds the last lines that it wrote."""


class Supervisor:
    """Starts processes, each with a log file in `logs`; `stop` ends them all, the youngest first."""

    def __init__(self, logs: Path, environment: Mapping[str, str]) -> None:
        self.logs = logs
        self.environment = {**os.environ, **environment}
        self.children: dict[str, tuple[subprocess.Popen[bytes], signal.Signals]] = {}

    def start(self, name: str, *command: str, stop_by: signal.Signals = signal.SIGTERM) -> None:
        """Run `command`, out of reach of the terminal's Ctrl-C: the order of stopping is ours."""
        self.logs.mkdir(parents=True, exist_ok=True)
        with self._log(name).open("ab") as log:
            child = subprocess.Popen(  # noqa: S603
                command,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.children[name] = (child, stop_by)

    def check(self) -> None:
        """Make sure that all children run.

        Raises:
            ChildFailed: one of them ended.
        """
        for name, (child, _) in self.children.items():
            if child.poll() is not None:
                log = self._log(name)
                last = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
                raise ChildFailed(f"The {name} ended with status {child.returncode}. From {log}:\n{last}")

    def stop(self) -> None:
        """End all children; who does not end in time is killed with all its descendants."""
        for child, stop_by in reversed(self.children.values()):
            child.send_signal(stop_by)
        deadline = time.monotonic() + GRACE_SECONDS
        for child, _ in reversed(self.children.values()):
            with suppress(subprocess.TimeoutExpired):
                child.wait(max(0.0, deadline - time.monotonic()))
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()
        self.children.clear()

    def _log(self, name: str) -> Path:
        return self.logs / f"{name}.log"


@contextmanager
def supervised(logs: Path, environment: Mapping[str, str]) -> Iterator[Supervisor]:
    """A supervisor that stops its children at the end of the block, be it Ctrl-C, SIGTERM or an error."""
    supervisor = Supervisor(logs, environment)
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    previous = {number: signal.signal(number, _interrupt) for number in signals}
    try:
        yield supervisor
    finally:
        # A second Ctrl-C must not leave half of the children behind.
        for number in signals:
            signal.signal(number, signal.SIG_IGN)
        supervisor.stop()
        for number, handler in previous.items():
            signal.signal(number, handler)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
