"""Lists by the name of the place where they stand, several of one page at once and without repeats."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from typing import Any

from django.db.models import Manager, QuerySet
from django.http import HttpRequest

from shop_recs.conf import settings
from shop_recs.exceptions import UnknownPlacement
from shop_recs.models import Placement, PlacementKind
from shop_recs.serving import context, eligible, past
from shop_recs.serving.asking import Asked
from shop_recs.serving.context import Context
from shop_recs.serving.explain import Recommendations
from shop_recs.serving.kinds import About, about
from shop_recs.serving.listing import Listing
from shop_recs.serving.merchandising import NO_RULES, Merchandising, Situation, in_force
from shop_recs.serving.whose import NOBODY
from shop_recs.signals import list_served
from shop_recs.tracking.identity import Shopper, shown_to
from shop_recs.tracking.log import segment_of

FOR_YOU, SIMILAR = "recommended-for-you", "similar-items"
BUILT_IN = {FOR_YOU: {"KIND": "recommended_for_you"}, SIMILAR: {"KIND": "similar_items"}}
"""Placements that the functions of the same names need, whatever the settings say."""


@dataclass(frozen=True, slots=True)
class Ask:
    """One list of a page.

    Attributes:
        slug: the placement.
        seeds: products, or their keys, that the list starts from.
        products: the queryset to choose from; by default the available products. `rank` puts it in order.
        category: that all its products shall have, or its key.
        limit: products at most; by default as the placement says.
        exclude: further products or keys to leave out.
        after: `Recommendations.next` of the list that this one continues.
    """

    slug: str
    seeds: Sequence[Any] = ()
    products: Any = None  # a manager would read as a descriptor here
    category: Any = None
    limit: int | None = None
    exclude: Iterable[Any] = ()
    after: str | None = None

    @property
    def keys(self) -> list[Any]:
        """The keys of the seeds, without repeats."""
        return list(dict.fromkeys(eligible.key_of(seed) for seed in self.seeds))


def recommend(
    slug: str,
    request: HttpRequest,
    *,
    seeds: Any = (),
    products: QuerySet[Any] | Manager[Any] | None = None,
    category: Any = None,
    limit: int | None = None,
    exclude: Iterable[Any] = (),
    after: str | None = None,
    using: str | None = None,
) -> Recommendations:
    """The list of a placement for whoever makes this request; three statements at most.

    Args:
        slug: the placement, of `SHOP_RECS["PLACEMENTS"]` or of the admin.
        request: whose history counts.
        seeds: a product or several that the list starts from.
        products: the queryset to choose from; by default the available products. The kind `rank` puts it in
            order.
        category: that all its products shall have, or its key.
        limit: products at most; by default as the placement says.
        exclude: further products or keys to leave out.
        after: `next` of the list that this one continues.
        using: alias of the database to read from, a replica say; by default that of `products`, or as the
            router says.

    Raises:
        UnknownPlacement: there is none of that name.
        TypeError, ValueError: as `recommended_for_you`; `after` is no continuation of this placement.
    """
    ask = Ask(
        slug,
        eligible.listed(seeds),
        products=products,
        category=category,
        limit=limit,
        exclude=exclude,
        after=after,
    )
    return recommend_page([ask], request, using=using)[0]


def recommend_page(
    asks: Sequence[Ask], request: HttpRequest | None, *, using: str | None = None
) -> list[Recommendations]:
    """Several lists of one page, in their order; what one shows, those after it leave out.

    One statement reads what all have in common, another the seeds where there are any; each list then takes
    one, and a second where its retrievers fill less than it holds.

    Raises:
        UnknownPlacement, TypeError, ValueError: as `recommend`.
    """
    page = Page(request, asks, using=using)
    return [page.answer(ask) for ask in asks]


class Page:
    """What the lists of one page have in common.

    Args:
        request: whose history counts; without one they are the same for everybody.
        asks: the lists that are going to be asked for.
        using: alias of the database to read from; by default that of the first queryset that is given, or as
            the router says.

    Attributes:
        instead: id of a version to serve instead of its algorithm's active one, to compare the two.
    """

    instead: int | None = None

    def __init__(self, request: HttpRequest | None, asks: Sequence[Ask], *, using: str | None = None) -> None:
        self.request = request
        self.asks = asks
        self.shown: list[Any] = []
        self.using: str = using or self.candidates(asks[0]).db
        self._first: Context | None = None
        self._of_seeds: dict[tuple[Any, ...], Context] = {}

    def candidates(self, ask: Ask) -> QuerySet[Any]:
        """The products that a list chooses from."""
        return self._available if ask.products is None else eligible.candidates(ask.products)

    @cached_property
    def _available(self) -> QuerySet[Any]:
        return eligible.available()

    @cached_property
    def asked(self) -> Asked:
        """What the context says of the lists of the page."""
        seeds = list(dict.fromkeys(key for ask in self.asks for key in ask.keys))
        slugs = [ask.slug for ask in self.asks]
        return Asked(slugs, seeds, fatigue_of=self.shopper, instead=self.instead)

    @cached_property
    def shopper(self) -> Shopper:
        return NOBODY if self.request is None else shown_to(self.request)

    @cached_property
    def segment(self) -> str:
        if self.request is None or settings.SEGMENT is None:
            return ""
        shown_to(self.request)  # a segment may be told from anything that a browser sends
        return segment_of(self.request)

    @cached_property
    def of_shopper(self) -> Context:
        """The context of the shopper's events."""
        if self.shopper == NOBODY:
            return self.of_seeds(())
        read = context.of_shopper(self.shopper, using=self.using, asked=self.asked)
        if read.of_stranger:
            # Whatever else needs the log would only wait for it again.
            self.shopper = NOBODY
        return self._read(read)

    @cached_property
    def past(self) -> list[past.Past]:
        return past.of_shopper(self.shopper, using=self.using)

    def of_seeds(self, keys: Sequence[Any]) -> Context:
        """The context of some products; without any, of nobody."""
        if tuple(keys) not in self._of_seeds:
            if not keys and self._first and self._first.answered:
                read = self._first.of_nobody()
            else:
                read = self._read(context.of_products(keys, using=self.using, asked=self.asked))
            self._of_seeds[tuple(keys)] = read
        return self._of_seeds[tuple(keys)]

    def answer(self, ask: Ask) -> Recommendations:
        """The list that one asks for."""
        recommendations = self.listing(ask).made()
        self.shown += [product.pk for product in recommendations]
        list_served.send_robust(sender=None, placement=ask.slug, recommendations=recommendations)
        return recommendations

    def listing(self, ask: Ask) -> Listing:
        """The list that one asks for, to be made."""
        placement = self._placement(ask)
        return Listing(self, ask, placement, self._merchandising(ask))

    def _placement(self, ask: Ask) -> Placement:
        entry = settings.PLACEMENTS.get(ask.slug) or BUILT_IN.get(ask.slug)
        # Whichever context the list needs brings what the admin says of it along.
        of_settings = Placement.of_settings(ask.slug, entry) if entry else None
        expected = about(of_settings) if of_settings else About.SHOPPER
        first = self._common(ask, expected)
        stored = first.stored
        if ask.slug in stored:
            return stored[ask.slug]
        if of_settings is not None:
            return of_settings
        if not first.answered:
            # It may well be one of the admin's; without the database nobody knows what is in it.
            return Placement(slug=ask.slug, kind=PlacementKind.RECOMMENDED_FOR_YOU, enabled=False)
        raise UnknownPlacement(_unknown(ask.slug, [*settings.PLACEMENTS, *stored]))

    def _merchandising(self, ask: Ask) -> Merchandising:
        assert self._first is not None
        if not self._first.rules:
            return NO_RULES
        category = "" if ask.category is None else str(eligible.key_of(ask.category))
        situation = Situation(ask.slug, ask.keys, category, self.segment, self.shopper)
        return in_force(self._first.rules, situation, eligible.candidates(ask.products))

    def _common(self, ask: Ask, expected: About) -> Context:
        """What the first context of the page said of its placements and rules."""
        if self._first is None:
            is_somebodys = self.request is not None or self.shopper != NOBODY
            of_shopper = is_somebodys and expected is About.SHOPPER
            self._first = self.of_shopper if of_shopper else self.of_seeds(ask.keys)
        return self._first

    def _read(self, read: Context) -> Context:
        self._first = self._first or read
        return read


def _unknown(slug: str, known: Sequence[str]) -> str:
    nearest = get_close_matches(slug, known, n=1)
    hint = f"did you mean {nearest[0]!r}?" if nearest else f"known are {', '.join(known)}."
    return f"There is no placement {slug!r}; {hint}"
