"""Lists that are the same for everybody: which they are, and the name under which a cache may keep them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from shop_recs.conf import settings
from shop_recs.models import Placement
from shop_recs.serving import eligible
from shop_recs.serving.kinds import USUAL, About
from shop_recs.serving.listing import Listing
from shop_recs.serving.placements import BUILT_IN, Ask, Page

NEUTRAL = frozenset({"similar", "bought_together", "also_bought", "trending", "popular"})
"""What a neutral list may blend; of an algorithm it is not said whether it looks at the shopper."""


def is_neutral(placement: Placement) -> bool:
    """Whether everybody gets the same list: nothing in it comes from who asks; in doubt it does."""
    usual = USUAL[placement.kind]
    exclude = usual.exclude if placement.exclude is None else placement.exclude
    return (
        settings.SEGMENT is None
        and usual.about is not About.SHOPPER
        and not exclude
        and not (placement.exploration or placement.fatigue)
        and set(placement.blend or usual.blend) <= NEUTRAL
    )


def page_of(request: HttpRequest, ask: Ask) -> Page:
    """The page for one list; it holds no request, and so cannot look at the visitor, where that is neutral.

    A placement that is personal by the settings stays so whatever the admin makes of it, so that its list
    takes no statement more than elsewhere.

    Raises:
        UnknownPlacement: there is no such placement.
    """
    entry = settings.PLACEMENTS.get(ask.slug) or BUILT_IN.get(ask.slug)
    if entry is None or is_neutral(Placement.of_settings(ask.slug, entry)):
        page = Page(None, [ask])
        if is_neutral(page.listing(ask).placement):
            return page
    return Page(request, [ask])


def cache_key(listing: Listing, **drawn: Any) -> str:
    """The name of a neutral list as it is drawn: whatever differs in any of its parts has another name.

    Its parts are the placement and the rules as the admin says, the active versions, seeds, limit, what is
    left out, the products to choose from, and how it is drawn: language, heading, template, host. What
    changes without a trace in these (roll-ups, prices, stock) is as old as `FRAGMENT_AGE` lets it be.
    """
    parts = {
        "placement": _values(listing.placement),
        "rules": [[_values(stored.rule), stored.products] for stored in listing.merchandising.rules],
        "versions": {name: version.id for name, version in listing.seen.others.items()},
        "seeds": listing.seeds,
        "category": eligible.key_of(listing.ask.category),
        "limit": listing.limit,
        "exclude": [eligible.key_of(product) for product in listing.ask.exclude],
        "products": fingerprint(listing.choice.offered),
        "drawn": drawn,
    }
    return f"shop_recs:fragment:{_digest(parts)}"


def fingerprint(products: QuerySet[Any]) -> str:
    """What tells one queryset from another: its SQL, and its parameters but for the seconds in them."""
    try:
        sql, parameters = products.query.sql_with_params()
    except EmptyResultSet:
        return ""
    return _digest({"sql": sql, "parameters": [_steady(value) for value in parameters]})


def _steady(value: Any) -> Any:
    """A filter up to now has another now in each request: it counts in steps of the age of a fragment."""
    return int(value.timestamp() // settings.FRAGMENT_AGE) if isinstance(value, datetime) else repr(value)


def _values(row: Model) -> dict[str, Any]:
    return {field.name: getattr(row, field.attname) for field in row._meta.concrete_fields}


def _digest(parts: Mapping[str, Any]) -> str:
    return sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()
