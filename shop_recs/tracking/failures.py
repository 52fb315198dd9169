"""Recording must never fail the page or the order it is part of."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

logger = logging.getLogger(__name__)

_reported: set[tuple[str, type[Exception]]] = set()


class Refused(Exception):
    """What was to be recorded makes no sense; the message says why."""


@contextmanager
def quietly(doing: str) -> Iterator[None]:
    """Swallow whatever the block raises, and log it.

    A refusal is logged each time, since each is data lost. Any other error is logged with its traceback the
    first time and then in one line of level debug, since a missing table would otherwise fill the shop's log.
    """
    try:
        yield
    except Refused as refusal:
        logger.warning("Did not %s: %s.", doing, refusal)
    except Exception as error:
        kind = (doing, type(error))
        if kind in _reported:
            logger.debug("Could not %s: %s", doing, error)
        else:
            _reported.add(kind)
            logger.exception("Could not %s; further failures of this kind are logged as debug only.", doing)
