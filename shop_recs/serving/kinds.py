"""What is usual for each kind of placement, where neither the settings nor the admin say otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from shop_recs.models import Exclusion, Placement, PlacementKind

LADDER, POPULAR, NEWEST = "ladder", "popular", "newest"
"""What a list may be filled up with: the ladder, what is popular, and at last the newest."""

RETRIEVERS = (
    "personal",
    "similar",
    "last_viewed",
    "bought_together",
    "also_bought",
    "trending",
    "popular",
    "recently_viewed",
    "still_in_mind",
    "buy_again",
)
"""Names that a blend may have, beside those of algorithms."""

OF_SHOPPER = frozenset({"personal", "last_viewed", "recently_viewed", "still_in_mind", "buy_again"})
"""Those of them that go by what the shopper did."""


class About(Enum):
    """Whom a list depends on."""

    SHOPPER = "the shopper"
    SEEDS = "the products it starts from"
    NOBODY = "nobody: everybody sees the same"


@dataclass(frozen=True, slots=True)
class Usual:
    """A kind of placement.

    Attributes:
        heading: over the list.
        about: whom it depends on.
        blend: weights of its retrievers.
        fallback: what fills it up, in this order; empty where only what is retrieved belongs there.
        exclude: what it leaves out of what the shopper had to do with.
        days: the window, where the kind has one.
        of_category: what fills it up must share a category with the seeds.
        reminds: it is about what the shopper had to do with, so no rule may bring anything else in.
    """

    heading: Promise
    about: About
    blend: Mapping[str, float]
    fallback: tuple[str, ...] = ()
    exclude: frozenset[str] = field(default_factory=frozenset)
    days: int = 0
    of_category: bool = False
    reminds: bool = False


_OWN = frozenset({Exclusion.CART, Exclusion.PURCHASED, Exclusion.VIEWED})
_CART = frozenset({Exclusion.CART})

USUAL: Mapping[str, Usual] = {
    PlacementKind.RECOMMENDED_FOR_YOU: Usual(
        _("Recommended for you"), About.SHOPPER, {"personal": 1.0}, (LADDER, POPULAR, NEWEST), _OWN
    ),
    PlacementKind.SIMILAR_ITEMS: Usual(
        _("Similar items"), About.SEEDS, {"similar": 1.0}, (LADDER, NEWEST), _CART, of_category=True
    ),
    PlacementKind.BOUGHT_TOGETHER: Usual(
        _("Frequently bought together"), About.SEEDS, {"bought_together": 1.0}, (), _CART
    ),
    PlacementKind.ALSO_BOUGHT: Usual(
        _("Customers also bought"), About.SEEDS, {"also_bought": 1.0}, (), _CART
    ),
    PlacementKind.BECAUSE_YOU_VIEWED: Usual(
        _("Because you viewed {title}"), About.SHOPPER, {"last_viewed": 1.0}, (), _OWN
    ),
    PlacementKind.TRENDING: Usual(
        _("Trending now"), About.NOBODY, {"trending": 1.0}, (POPULAR, LADDER, NEWEST)
    ),
    PlacementKind.POPULAR: Usual(_("Popular"), About.NOBODY, {"popular": 1.0}, (POPULAR, LADDER, NEWEST)),
    PlacementKind.NEW_ARRIVALS: Usual(
        _("New arrivals for you"), About.SHOPPER, {"personal": 1.0}, (NEWEST,), _OWN, days=30
    ),
    PlacementKind.RECENTLY_VIEWED: Usual(
        _("Recently viewed"), About.SHOPPER, {"recently_viewed": 1.0}, days=90, reminds=True
    ),
    PlacementKind.STILL_IN_MIND: Usual(
        _("Still in mind?"), About.SHOPPER, {"still_in_mind": 1.0}, days=60, reminds=True
    ),
    PlacementKind.BUY_AGAIN: Usual(_("Buy again"), About.SHOPPER, {"buy_again": 1.0}, reminds=True),
    # What nobody knows keeps the caller's order, and nothing is left out: the caller chose the products.
    PlacementKind.RANK: Usual(_("For you"), About.SHOPPER, {"personal": 1.0}),
}


def about(placement: Placement) -> About:
    """Whom a placement depends on, by its kind and by what it blends."""
    usual = USUAL[placement.kind]
    return About.SHOPPER if OF_SHOPPER & set(placement.blend) else usual.about
