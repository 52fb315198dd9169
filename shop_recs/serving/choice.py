"""What a list chooses from: what its place offers, less what this shopper need not see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from django.db.models import QuerySet

from shop_recs.conf import settings
from shop_recs.models import Exclusion, Placement, PlacementKind
from shop_recs.serving import eligible
from shop_recs.serving.context import Event
from shop_recs.serving.eligible import Unwanted
from shop_recs.serving.filters import arrived, filtered, of_category
from shop_recs.serving.kinds import USUAL, About, about
from shop_recs.serving.merchandising import Merchandising
from shop_recs.serving.sources import Sources
from shop_recs.serving.whose import NOBODY
from shop_recs.tracking.identity import Shopper

if TYPE_CHECKING:
    from shop_recs.serving.placements import Ask, Page


class Choice:
    """The products of one list.

    Args:
        page: that the list stands on.
        ask: what the caller wants.
        placement: whose list it is.
        merchandising: the rules in force.
        sources: what the list may be ranked by.
        before: keys that the pages of the list before this one gave.
    """

    def __init__(
        self,
        page: Page,
        ask: Ask,
        placement: Placement,
        merchandising: Merchandising,
        sources: Sources,
        *,
        before: Sequence[Any] = (),
    ) -> None:
        self.page = page
        self.ask = ask
        self.placement = placement
        self.merchandising = merchandising
        self.sources = sources
        self.before = before

    @cached_property
    def candidates(self) -> QuerySet[Any]:
        """The products that may be in the list."""
        return self.unwanted.taken_from(self.offered)

    @cached_property
    def unwanted(self) -> Unwanted:
        """What this list leaves out of what it offers."""
        return eligible.unwanted(
            [key for keys in self.left_out.values() for key in keys],
            shopper=self.page.shopper,
            events=self._all_events,
            request=self.page.request if Exclusion.CART in self.excluded else None,
            bought=Exclusion.PURCHASED in self.excluded and settings.EXCLUDE_PURCHASED,
            carted=Exclusion.CART in self.excluded,
            feedback_of=self.feedback_of,
        )

    @cached_property
    def offered(self) -> QuerySet[Any]:
        """The products of the place, whoever looks, without what a rule hides."""
        # A router may name another replica each time, which may not have the versions of the context yet.
        products = filtered(self.page.candidates(self.ask).using(self.page.using), self.placement)
        if self.ask.category is not None:
            products = of_category(products, eligible.key_of(self.ask.category))
        if self.placement.kind == PlacementKind.NEW_ARRIVALS:
            products = arrived(products, self.sources.days(PlacementKind.NEW_ARRIVALS))
        return self.merchandising.visible(products)

    @cached_property
    def left_out(self) -> Mapping[str, Sequence[Any]]:
        """The keys that the list leaves out, by the reason."""
        viewed = Exclusion.VIEWED in self.excluded
        return {
            "seed": self.ask.keys,
            "excluded": list(self.ask.exclude),
            "shown": self.page.shown,
            "before": self.before,
            "viewed": self.page.of_shopper.viewed_lately(settings.EXCLUDE_VIEWED) if viewed else [],
        }

    @cached_property
    def excluded(self) -> set[str]:
        """What the list leaves out of what the shopper had to do with."""
        exclude = self.placement.exclude
        return set(USUAL[self.placement.kind].exclude if exclude is None else exclude)

    @property
    def _all_events(self) -> Sequence[Event] | None:
        """All that the shopper ever did, where the list knows of it anyway."""
        of_shopper = self.page.of_shopper if about(self.placement) is About.SHOPPER else None
        return of_shopper.events if of_shopper and of_shopper.tells_all else None

    @property
    def feedback_of(self) -> Shopper:
        """Who is not shown what he hides; nobody, where the caller chose: a search finds it all the same.

        Nor anybody who is known to hide nothing.
        """
        hides = about(self.placement) is not About.SHOPPER or self.page.of_shopper.hides
        return self.page.shopper if hides and self.placement.kind != PlacementKind.RANK else NOBODY
