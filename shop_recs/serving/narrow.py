"""Remembers which filters are so narrow that an index found too few products: those are ranked exactly."""

from __future__ import annotations

from threading import Lock
from time import monotonic
from typing import Any

from django.db.models import QuerySet

from shop_recs.serving.eligible import NOTHING, Unwanted
from shop_recs.serving.pools import FEW
from shop_recs.serving.rungs import SCANNED_SHARE
from shop_recs.serving.whose import NOBODY

LASTS = 600.0
"""Seconds until the index is asked again."""

REMEMBERED_AT_MOST = 1_000
"""Filters that are remembered; of more, what was remembered first is forgotten."""

_lock = Lock()
_until: dict[int, float] = {}
"""By filter, when it is forgotten."""


def remember(products: QuerySet[Any], *, unwanted: Unwanted = NOTHING, asked: int = 0) -> None:
    """Note that an index found too few of these, unless more than their filters may be the reason.

    An index looks at a share of the catalogue: of filters that pass many, all that is asked for and all that
    is left out would be in it.

    Args:
        products: as they are filtered for everybody.
        unwanted: what was left out of them for one shopper.
        asked: how many were asked for.
    """
    asks_log = unwanted.shopper != NOBODY or unwanted.feedback_of != NOBODY
    if asks_log or (asked + len(unwanted.keys)) * SCANNED_SHARE > FEW:
        return
    key = _key(products)
    if key is None:
        return
    with _lock:
        _until.pop(key, None)
        _until[key] = monotonic() + LASTS
        while len(_until) > REMEMBERED_AT_MOST:
            del _until[next(iter(_until))]


def is_narrow(products: QuerySet[Any]) -> bool:
    """Whether an index lately found too few products under the same filters, in this process."""
    if not _until:
        return False
    key = _key(products)
    return key is not None and monotonic() < _until.get(key, 0.0)


def forget() -> None:
    """Take no filter for narrow."""
    with _lock:
        _until.clear()


def _key(products: QuerySet[Any]) -> int | None:
    """The same for what is filtered alike, by the same values; a subquery is like no other."""
    try:
        return hash((products.model, products.db, products.query.where))
    except TypeError:  # a value that cannot be hashed
        return None
