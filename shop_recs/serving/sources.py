"""The rungs behind the names that a blend and a fallback give."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from shop_recs.models import Placement, PlacementKind
from shop_recs.serving import ladder, past
from shop_recs.serving.context import Context
from shop_recs.serving.kinds import LADDER, OF_SHOPPER, POPULAR, USUAL, About
from shop_recs.serving.orders import ScoreRung
from shop_recs.serving.rungs import Rung

if TYPE_CHECKING:
    from shop_recs.serving.placements import Page


class Sources:
    """What the list of a placement may be ranked by.

    Args:
        page: that the list stands on.
        placement: whose list it is.
        seeds: keys of the products that it starts from.
    """

    def __init__(self, page: Page, placement: Placement, seeds: Sequence[Any]) -> None:
        self.page = page
        self.placement = placement
        self.usual = USUAL[placement.kind]
        self.seeds = seeds

    def named(self, name: str) -> Rung | None:
        """The rung of a retriever, or None where it has nothing to go by."""
        page = self.page
        if name in ("trending", "popular"):
            return ScoreRung(name, page.segment)
        if name == "personal":
            return _personal(ladder.for_shopper(page.of_shopper))
        if name == "similar":
            return _personal(ladder.for_similar(self.basis(name)))
        if name == "last_viewed":
            return next(ladder.for_similar(self.basis(name)), None)
        if name in ("recently_viewed", "still_in_mind", "buy_again"):
            return self._of_past(name)
        return self._of_algorithm(name)

    def of_fallback(self, name: str, seen: Context) -> Iterator[Rung]:
        """The rungs of a part of the fallback, for a list that is made from `seen`."""
        if name == LADDER:
            of_seeds = self.usual.about is About.SEEDS
            yield from ladder.for_similar(seen) if of_seeds else ladder.for_shopper(seen)
        elif name == POPULAR:
            # A small segment is filled up by what is popular in the whole shop.
            yield from (ScoreRung(POPULAR, segment) for segment in dict.fromkeys([self.page.segment, ""]))

    def basis(self, name: str) -> Context:
        """The context that a retriever goes by, of those that go by one."""
        if name == "last_viewed":
            return self.page.of_shopper.last_viewed()
        if name == "similar" or (self._of_seeds and name not in OF_SHOPPER):
            return self.page.of_seeds(self.seeds)
        return self.page.of_shopper

    def days(self, kind: PlacementKind) -> int:
        """The placement's window, its kind's, or that of the kind whose retriever it blends."""
        return self.placement.days or self.usual.days or USUAL[kind].days

    def _of_past(self, name: str) -> Rung | None:
        seen = self.page.past
        if name == "recently_viewed":
            rung = past.recently_viewed(seen, days=self.days(PlacementKind.RECENTLY_VIEWED))
        elif name == "still_in_mind":
            rung = past.still_in_mind(seen, days=self.days(PlacementKind.STILL_IN_MIND))
        else:
            rung = past.buy_again(seen)
        return rung if rung.products else None

    def _of_algorithm(self, name: str) -> Rung | None:
        seen = self.basis(name)
        version = seen.version(name)
        return ladder.of_version(seen, version, similar=self._of_seeds) if version else None

    @property
    def _of_seeds(self) -> bool:
        """Whether what is ranked by an algorithm starts from the seeds."""
        return bool(self.seeds) or self.usual.about is About.SEEDS


def _personal(rungs: Iterable[Rung]) -> Rung | None:
    return next((rung for rung in rungs if rung.personal), None)
