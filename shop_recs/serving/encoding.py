"""The encoders that this process holds, found by the checksum of their content."""

from __future__ import annotations

import hashlib
import logging
from collections import OrderedDict
from contextlib import suppress

from shop_recs.algorithms import encoders
from shop_recs.algorithms.encoders import Encoder

logger = logging.getLogger(__name__)

HELD_AT_MOST = 32
"""A process that lives through many publishes lets the encoders go that it used longest ago."""

# None marks content that turned out broken: it is neither read nor reported again.
_held: OrderedDict[str, Encoder | None] = OrderedDict()


def held() -> list[str]:
    """The checksums whose content need not be read again."""
    return list(_held)


def hold(name: str, content: bytes, *, sha256: str) -> None:
    """Load an encoder for later use; one that is broken is reported once and then counts as missing."""
    _held[sha256] = _loaded(name, content, sha256=sha256)
    while len(_held) > HELD_AT_MOST:
        _held.popitem(last=False)


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


def _loaded(name: str, content: bytes, *, sha256: str) -> Encoder | None:
    try:
        if hashlib.sha256(content).hexdigest() != sha256:
            raise ValueError("its content does not match its checksum")
        return encoders.load(name, content)
    except Exception as error:  # whatever is wrong with it, the next rung of the ladder answers
        logger.error("Encoder %r (%s…) cannot be loaded: %s", name, sha256[:8], error)
        return None
