"""How a list goes on: a signed token that holds what its pages before gave."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core import signing

from shop_recs.exceptions import InvalidAsk

MOST_PAGED = 200
"""Products that a list goes on to give, page by page."""

SALT = "shop_recs.next"


def token(slug: str, given: Sequence[Any]) -> str:
    """What continues the list of a placement that gave the products with these keys."""
    return signing.dumps([slug, *map(str, given)], salt=SALT, compress=True)


def continued(slug: str, after: str | None) -> list[Any]:
    """The keys of the products that the pages before gave.

    Raises:
        InvalidAsk: it continues no list of this placement.
    """
    if after is None:
        return []
    try:
        of, *keys = signing.loads(after, salt=SALT)
    except signing.BadSignature:
        of, keys = None, []
    if of != slug:
        raise InvalidAsk(
            f"{after!r:.40} continues no list of {slug!r}; take `next` of its page before", field="after"
        )
    return list(keys)
