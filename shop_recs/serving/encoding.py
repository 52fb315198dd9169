"""The encoders that this process holds, found by the checksum of their content."""

from __future__ import annotations

import hashlib
import logging
from collections import OrderedDict
from contextlib import suppress
from time import monotonic

from shop_recs.algorithms import encoders
from shop_recs.algorithms.encoders import Encoder

logger = logging.getLogger(__name__)

HELD_AT_MOST = 32
"""A process that lives through many publishes lets the encoders go that it used longest ago."""

RETRY_AFTER = 60.0
"""Seconds after which content that could not be loaded is read again: memory may have been short, or the row
was repaired, or another version has the same encoder intact."""

_held: OrderedDict[str, Encoder] = OrderedDict()
_broken: dict[str, float] = {}


def held() -> list[str]:
    """The checksums whose content need not be read again, or not yet."""
    # What is let go here is read again by the very statement that asks; later it would be missed.
    while len(_held) > HELD_AT_MOST:
        _held.popitem(last=False)
    now = monotonic()
    return [*_held, *(sha256 for sha256, since in list(_broken.items()) if now < since + RETRY_AFTER)]


def hold(name: str, content: bytes, *, sha256: str) -> None:
    """Load an encoder for later use; one that is broken is reported and counts as missing for a while."""
    try:
        if hashlib.sha256(content).hexdigest() != sha256:
            raise ValueError("its content does not match its checksum")
        _held[sha256] = encoders.load(name, content)
    except Exception as error:  # whatever is wrong with it, the next rung of the ladder answers
        _broken[sha256] = monotonic()
        logger.error("Encoder %r (%s…) cannot be loaded: %s", name, sha256[:8], error)
    else:
        _broken.pop(sha256, None)


def encoder(sha256: str) -> Encoder | None:
    """The encoder with this checksum, or None where it is broken."""
    if (found := _held.get(sha256)) is None:
        return None
    with suppress(KeyError):  # another thread may let it go just now
        _held.move_to_end(sha256)
    return found


def forget() -> None:
    """Let all encoders go."""
    _held.clear()
    _broken.clear()
