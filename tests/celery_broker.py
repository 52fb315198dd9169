"""What a Celery broker holds."""

from __future__ import annotations

from typing import Any

from celery import Celery


def queued(app: Celery) -> list[Any]:
    """Task and arguments of every message in the queue, which is empty afterwards."""
    found = []
    with app.connection_for_read() as connection, connection.SimpleQueue("celery") as queue:
        while queue.qsize():
            message = queue.get(block=False)
            found.append((message.headers["task"], *message.payload[0]))
            message.ack()
    return found
