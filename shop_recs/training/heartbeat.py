"""A thread that keeps a run's lease, writes its progress and hears of a cancellation."""

from __future__ import annotations

import logging
import threading
from types import TracebackType
from typing import Self

from django.db import Error, connection

from shop_recs.algorithms.base import Cancelled
from shop_recs.exceptions import Superseded
from shop_recs.training.lease import Lease
from shop_recs.training.progress import Timeline

logger = logging.getLogger(__name__)

BEAT_SECONDS = 0.5


class Heartbeat(threading.Thread):
    """Beats twice a second while entered, over a database connection of its own.

    A beat that fails, because the database restarts say, does no harm: the next one tries again.
    """

    def __init__(self, lease: Lease, timeline: Timeline) -> None:
        super().__init__(name="shop_recs heartbeat", daemon=True)
        self._lease = lease
        self._timeline = timeline
        self._over = threading.Event()
        self._ended: Exception | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._over.set()
        self.join()

    def check(self) -> None:
        """Stop the caller where the run is over.

        Raises:
            Cancelled: somebody asked for it.
            Superseded: the lease is lost.
        """
        if self._ended is not None:
            raise self._ended

    def run(self) -> None:
        while not self._over.wait(BEAT_SECONDS) and self._ended is None:
            try:
                self._beat()
            except Superseded as error:
                self._ended = error
            except Error:
                logger.warning("A heartbeat of version %s failed", self._lease.version_id, exc_info=True)
                connection.close()
        connection.close()

    def _beat(self) -> None:
        percent, eta_seconds = self._timeline.now()
        self._lease.write(phase=self._timeline.label[:64], percent=percent, eta_seconds=eta_seconds)
        if self._lease.held().filter(cancel_requested=True).exists():
            self._ended = Cancelled("cancelled")
