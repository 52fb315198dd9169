"""What keeps products out of a list: its conditions, each asked alone, and then how its places were given."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from shop_recs.conf import settings
from shop_recs.models import Action, Exclusion, PlacementKind
from shop_recs.serving import eligible
from shop_recs.serving.arrangement import Wishes, arranged
from shop_recs.serving.catalogue import of_same_category
from shop_recs.serving.filters import arrived, filtered, of_category
from shop_recs.serving.listing import Listing
from shop_recs.serving.merchandising import without
from shop_recs.serving.retrieve import Row
from shop_recs.serving.whose import NOBODY

WORDS = {
    "disabled": _("the placement is switched off"),
    "unavailable": _("is not available"),
    "not_offered": _("is none of the products to choose from"),
    "filter": _("does not pass the filter of the placement"),
    "category": _("is of another category"),
    "old": _("did not arrive lately"),
    "rule": _("hidden by the rule “{detail}”"),
    "seed": _("the list starts from it"),
    "excluded": _("the page leaves it out"),
    "shown": _("stands in a list above"),
    "before": _("was on a page before"),
    "viewed": _("viewed lately"),
    "cart": _("is in the cart"),
    "bought": _("was bought"),
    "feedback": _("the shopper hides it"),
    "elsewhere": _("shares no category with what the list starts from"),
    "unknown": _("no retriever of the list knows it"),
    "pin": _("had to make place for a pinned product"),
    "cap": _("enough of its kind stand in the list already"),
    "share": _("had to make place for a guaranteed share"),
    "exploration": _("had to make place for something different"),
    "pushed_down": _("pushed down by {detail}"),
    "boost": _("had to make place for boosted products"),
    "diversity": _("too much like what stands above it"),
    "wishes": _("had to make place by several of these together"),
    "below": _("{detail} better products fill the list"),
    "deep": _("ranks below the {detail} that were looked at"),
}


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Something that keeps a product out of a list.

    Attributes:
        name: one of `WORDS`.
        detail: which rule or factor, or how many products.
    """

    name: str
    detail: str = ""

    def __str__(self) -> str:
        return str(WORDS[self.name]).format(detail=self.detail)


def of_conditions(
    listing: Listing, products: QuerySet[Any], keys: Collection[Any]
) -> dict[Any, list[Obstacle]]:
    """The conditions of a list that each of these products fails, in the order of the list's own.

    Args:
        listing: the list.
        products: all products, those included that may not be shown.
        keys: of the products to look at; each condition asks one statement about them.
    """
    few = products.filter(pk__in=keys)
    failed: dict[Any, list[Obstacle]] = {key: [] for key in keys}
    for obstacle, passing in _conditions(listing, few):
        passed = set(passing.filter(pk__in=keys).order_by().values_list("pk", flat=True))
        for key in failed.keys() - passed:
            failed[key].append(obstacle)
    for name, left_out in listing.choice.left_out.items():
        # The keys of pages before come as text.
        given = {str(eligible.key_of(product)) for product in left_out}
        for key in failed:
            failed[key] += [Obstacle(name)] * (str(key) in given)
    return failed


def elsewhere(listing: Listing, products: QuerySet[Any], keys: Collection[Any]) -> set[Any]:
    """Those of the keys that could only fill the list up, were they of a category that it starts from."""
    if not (keys and listing.usual.of_category):
        return set()
    own = of_same_category(products.filter(pk__in=keys), listing.seen)
    return set(keys) - set(own.order_by().values_list("pk", flat=True))


def _conditions(listing: Listing, few: QuerySet[Any]) -> Iterator[tuple[Obstacle, QuerySet[Any]]]:
    """The list's conditions, and what passes each of them alone."""
    if not listing.placement.enabled:
        yield Obstacle("disabled"), few.none()
    given = listing.ask.products
    offered = eligible.candidates(given).using(listing.page.using)
    yield Obstacle("unavailable" if given is None else "not_offered"), offered
    if listing.placement.filter:
        yield Obstacle("filter"), filtered(few, listing.placement)
    if listing.ask.category is not None:
        yield Obstacle("category"), of_category(few, eligible.key_of(listing.ask.category))
    if listing.placement.kind == PlacementKind.NEW_ARRIVALS:
        yield Obstacle("old"), arrived(few, listing.sources.days(PlacementKind.NEW_ARRIVALS))
    for stored in listing.merchandising.of(Action.HIDE):
        yield Obstacle("rule", str(stored)), without(few, stored)
    shopper, request = listing.page.shopper, listing.page.request
    if Exclusion.CART in listing.choice.excluded:
        carted = eligible.unwanted(shopper=shopper, request=request, carted=True)
        yield Obstacle("cart"), carted.taken_from(few)
    if Exclusion.PURCHASED in listing.choice.excluded and settings.EXCLUDE_PURCHASED:
        yield Obstacle("bought"), eligible.unwanted(shopper=shopper, bought=True).taken_from(few)
    if listing.choice.feedback_of != NOBODY:
        hidden = eligible.unwanted(feedback_of=listing.choice.feedback_of)
        yield Obstacle("feedback"), hidden.taken_from(few)


def of_places(listing: Listing, rows: Sequence[Row], keys: Collection[Any]) -> dict[Any, Obstacle]:
    """What keeps products out of a list that meet all its conditions, by key.

    Args:
        listing: the list.
        rows: `listing.adjusted` of all that was found for it.
        keys: of the products.
    """
    place_of = _places(rows)
    unfactored = before_factors(listing)
    otherwise = [
        (name, {row.product.pk for row in arranged(rows, wishes, limit=listing.limit)})
        for name, wishes in _less(listing.wishes)
    ]
    found = {}
    for key in keys:
        place = place_of.get(key, len(rows) + 1)
        if place <= listing.limit:
            found[key] = Obstacle(next((name for name, chosen in otherwise if key in chosen), "wishes"))
        elif unfactored.get(key, place) <= listing.limit:
            found[key] = _by_factors(rows[place - 1])
        else:
            is_last = key in place_of or len(rows) <= listing.limit
            found[key] = Obstacle("below" if is_last else "deep", str(place - 1))
    return found


def before_factors(listing: Listing) -> dict[Any, int]:
    """The places that what was found for a list has by its worth alone, by key."""
    return _places(sorted(listing.stages.rows, key=lambda row: -row.worth))


def _places(rows: Sequence[Row]) -> dict[Any, int]:
    return {row.product.pk: place for place, row in enumerate(rows, start=1)}


def _by_factors(row: Row) -> Obstacle:
    """What keeps a row out that would be in the list without factors: its own, or those of others."""
    less = [name for name, factor in row.factors.items() if factor < 1]
    return Obstacle("pushed_down", ", ".join(less)) if less else Obstacle("boost")


def _less(wishes: Wishes) -> Iterator[tuple[str, Wishes]]:
    """The wishes without one kind of them each, by what it does to a product."""
    yield "cap", replace(wishes, caps=())
    yield "share", replace(wishes, quotas=[quota for quota in wishes.quotas if quota.only])
    yield "exploration", replace(wishes, quotas=[quota for quota in wishes.quotas if not quota.only])
    yield "pin", replace(wishes, pins={})
    yield "diversity", replace(wishes, diversity=0.0)
