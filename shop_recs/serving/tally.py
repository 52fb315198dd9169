"""What served the lists of a day, added up over all processes in Django's cache."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from threading import Lock
from time import monotonic
from typing import Any, NamedTuple

from django.core.cache import DEFAULT_CACHE_ALIAS, cache, caches
from django.core.cache.backends.db import DatabaseCache
from django.core.cache.backends.dummy import DummyCache
from django.core.cache.backends.filebased import FileBasedCache
from django.core.cache.backends.locmem import LocMemCache

from shop_recs.serving.explain import Recommendations

EVERY = 10.0
"""Seconds between two times that a process hands on what it counted."""

KEPT = timedelta(days=2).total_seconds()

NOT_SHARED = (DatabaseCache, DummyCache, FileBasedCache, LocMemCache)
"""Caches of one process, or in which two processes that add at once lose a count."""


class Count(NamedTuple):
    """What is counted.

    Attributes:
        what: `"lists"`, `"items"` or `"unanswered"`.
        of: the placement, or the name of what gave no answer.
        by: the rung of a list, the source of an item, or the reason.
    """

    what: str
    of: str
    by: str


_lock = Lock()
_counts: Counter[Count] = Counter()
_handed_on = monotonic()


def of_list(recommendations: Recommendations) -> dict[Count, int]:
    """What a list adds: itself by its rung, and its items by their source."""
    placement = recommendations.placement
    sources = Counter(product.recommendation.source for product in recommendations)
    items = {Count("items", placement, source): number for source, number in sources.items()}
    return {Count("lists", placement, recommendations.rung): 1, **items}


def note(counts: Mapping[Count, int]) -> None:
    """Count in this process."""
    with _lock:
        _counts.update(counts)


def hand_on_when_due() -> None:
    """Add what this process counted to the cache, where it did not in the last ten seconds."""
    if monotonic() - _handed_on >= EVERY:
        hand_on()


def hand_on() -> None:
    """Add what this process counted to the cache."""
    global _handed_on
    with _lock:
        counts = dict(_counts)
        _counts.clear()
        _handed_on = monotonic()
    if counts and is_shared():
        day = _today()
        for count, number in counts.items():
            cache.add(_key(day, count), 0, timeout=KEPT)
            cache.incr(_key(day, count), number)
        _list_names(day, counts)


def of_today() -> dict[Count, int]:
    """What all processes counted since midnight, UTC, and handed on."""
    day = _today()
    keys = {_key(day, Count(*name)): Count(*name) for name in cache.get(_key(day), ())}
    return {keys[key]: number for key, number in cache.get_many(keys).items()}


def is_shared() -> bool:
    """Whether the cache adds up what several processes count."""
    return not isinstance(caches[DEFAULT_CACHE_ALIAS], NOT_SHARED)


def _list_names(day: str, counts: Iterable[Count]) -> None:
    """Say what is counted, since a cache does not tell which keys it has.

    Of two processes that do so at once one may lose a name, until it counts the same again.
    """
    known = {Count(*name) for name in cache.get(_key(day), ())}
    if not known.issuperset(counts):
        cache.set(_key(day), [tuple(name) for name in known.union(counts)], timeout=KEPT)


def _key(*parts: Any) -> str:
    """A key that every cache takes, whatever is in a name."""
    return f"shop_recs:{hashlib.sha256(repr(parts).encode()).hexdigest()[:32]}"


def _today() -> str:
    return datetime.now(UTC).date().isoformat()
