"""One list in the making: candidates, retrieved, fused, adjusted, arranged, filled up."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db.models import Model, QuerySet

from shop_recs.models import Placement, PlacementKind
from shop_recs.serving import catalogue, exploration, fusion, narrow, retrieve
from shop_recs.serving.arrangement import Quota, Wishes, arranged
from shop_recs.serving.choice import Choice
from shop_recs.serving.context import Context
from shop_recs.serving.explain import Recommendations, explained
from shop_recs.serving.kinds import NEWEST, USUAL, About, Usual, about
from shop_recs.serving.merchandising import Merchandising, belonging
from shop_recs.serving.paging import MOST_PAGED, continued, token
from shop_recs.serving.pools import Pool, among, has_index
from shop_recs.serving.retrieve import Row
from shop_recs.serving.rungs import Rung, VersionRung
from shop_recs.serving.sources import Sources

if TYPE_CHECKING:
    from shop_recs.serving.placements import Ask, Page

DEPTH = 4
"""Candidates of each retriever per place of a list that is blended, arranged or spread out."""

DEPTH_UNDER_CAPS = 10
"""The same where a cap may leave most of them out."""

ROUNDS_UNDER_CAPS = 3
"""Times that a list which a cap leaves short is filled up once more."""

GIVEN_AT_MOST = 500
"""The caller's products, in his own order, that rules can move."""

AT_ONCE_BELOW = 5_000
"""Products of a version below which a scan costs less than a statement."""

TOLERATED = 2
"""Times that a product may be shown in vain before its fatigue begins."""


class Stages(NamedTuple):
    """The rows of a list: all that were found for it, and those that are in it, each the best first."""

    rows: Sequence[Row]
    chosen: Sequence[Row]


class Listing:
    """A placement's list for one ask of a page.

    Args:
        page: what it has in common with the others of its page.
        ask: what the caller wants.
        placement: as the settings or the admin have it.
        merchandising: the rules in force.
    """

    def __init__(self, page: Page, ask: Ask, placement: Placement, merchandising: Merchandising) -> None:
        self.page = page
        self.ask = ask
        self.placement = placement
        self.merchandising = merchandising
        self.usual: Usual = USUAL[placement.kind]
        self.limit = placement.limit if ask.limit is None else ask.limit
        self.seeds = ask.keys
        self.before = continued(placement.slug, ask.after)
        self.sources = Sources(page, placement, self.seeds)
        self.choice = Choice(page, ask, placement, merchandising, self.sources, before=self.before)
        if self.limit < 0:
            raise ValueError(f"limit is {self.limit}; a list has 0 products or more")

    def made(self) -> Recommendations:
        """The list."""
        return self._answer(self.merchandising.named(self.stages.chosen))

    @cached_property
    def stages(self) -> Stages:
        """What was found for the list, and what of it is in the list."""
        if not self.placement.enabled or not self.limit or len(self.before) >= MOST_PAGED:
            return Stages([], [])
        rows = self.retrieved()
        chosen = self.arranged(rows)
        known = [row for row in rows if row.rung]
        # What only a rule brought in does not make up for what the retrievers leave short.
        if min(len(chosen), len(known)) < self.limit:
            rows = known + self.filling(known, chosen)
            chosen = self.arranged(rows)
        # What was found may all be of values that are full by now.
        for _round in range(ROUNDS_UNDER_CAPS if self.merchandising.caps else 0):
            if len(chosen) == self.limit or not (more := self.filling(rows, chosen)):
                break
            rows = [*rows, *more]
            chosen = self.arranged(rows)
        return Stages(rows, chosen)

    @cached_property
    def seen(self) -> Context:
        """What the list is made from."""
        if about(self.placement) is About.SHOPPER:
            return self.page.of_shopper
        return self.page.of_seeds(self.seeds)

    @cached_property
    def weights(self) -> Mapping[Rung, float]:
        """The rungs of the blend that can rank for this list, with their weights."""
        return {
            self.retrievers[name]: weight for name, weight in self._blend.items() if name in self.retrievers
        }

    @cached_property
    def retrievers(self) -> Mapping[str, Rung]:
        """The rungs of the blend that can rank for this list, by the names that it gives them."""
        rungs = ((name, self.sources.named(name)) for name in self._blend)
        return {name: rung for name, rung in rungs if rung is not None}

    @cached_property
    def _blend(self) -> Mapping[str, float]:
        blend = self.placement.blend or self.usual.blend
        return {name: float(weight) for name, weight in blend.items() if weight > 0}

    def retrieved(self) -> list[Row]:
        """What the retrievers find, the best first."""
        if self._at_once:
            return []
        if len(self.weights) < 2 and not self._compares:
            rung = next(iter(self.weights), self._leading)
            return self._nearest(rung) if rung else []
        if not self.weights:
            return []
        pools = [Pool(self.choice.candidates, rung, self._depth) for rung in self.weights]
        pools += self._wished(self.weights)
        found = retrieve.candidates(self.choice.candidates, pools, asked=self._asked, few=self._of_few)
        rows = fusion.fused(found, self.weights)
        indexed = any(has_index(self.choice.candidates, rung) for rung in self.weights)
        if rows and len(rows) < self._depth and indexed:
            narrow.remember(self.choice.offered, unwanted=self.choice.unwanted, asked=self._depth)
        unknown = [candidate for candidate in found if self.weights.keys().isdisjoint(candidate.measured)]
        return rows + self._wanted(fusion.in_turn(unknown, [], after=_last(rows), place=len(rows) + 1))

    def _nearest(self, rung: Rung) -> list[Row]:
        return retrieve.nearest(
            self.choice.offered, rung, self.seen, limit=self.limit, unwanted=self.choice.unwanted
        )

    @property
    def _of_few(self) -> bool:
        """Whether few products pass the filters, as far as is known."""
        return narrow.is_narrow(self.choice.offered)

    @property
    def _leading(self) -> Rung | None:
        """What leads the fallback of a lone list that no event and no retriever tells anything of."""
        if self._of_page or self.seen.events or self.placement.kind == PlacementKind.RANK:
            return None
        rungs = (rung for name in self._fallback for rung in self.sources.of_fallback(name, self.seen))
        return next(rungs, None)

    def filling(self, rows: Sequence[Row], chosen: Sequence[Row]) -> list[Row]:
        """What fills a list up that its retrievers leave short, as a part of the rows."""
        others = self.choice.candidates.exclude(pk__in=[row.product.pk for row in rows])
        fallback = [rung for name in self._fallback for rung in self.sources.of_fallback(name, self.seen)]
        others_of = (rung for rung in fallback if not any(_same(rung, one) for one in self._at_once))
        rungs = list(dict.fromkeys([*self._at_once, *others_of]))
        newest = NEWEST in self._fallback
        if self.placement.kind == PlacementKind.RANK:
            depth = max(GIVEN_AT_MOST, self._depth) if self._compares else self.limit
            found = retrieve.given(others, limit=depth, asked=self._asked)
        else:
            open_to = self.merchandising.below_caps(others, chosen)
            pools = [*self._fallback_pools(open_to, rungs, newest=newest), *self._wished(rungs)]
            # Where the order alone matters, the first rung may be all that it takes: its index gave up early.
            leads = bool(rungs) and (rungs[0].personal or not self.seen.events)
            alone = leads and not self._compares
            enough = self.limit - len(chosen) if alone else None
            found = retrieve.candidates(others, pools, asked=self._asked, enough=enough, few=self._of_few)
        filling = fusion.in_turn(found, rungs, after=_last(rows), place=len(rows) + 1)
        return self._wanted(filling) if self._explores and not newest else filling

    def _wanted(self, rows: Iterable[Row]) -> list[Row]:
        """The rows, where those that no rung knows are marked if exploration alone brought them here."""
        return [row if row.rung or self.merchandising.wants(row) else exploration.marked(row) for row in rows]

    @cached_property
    def _at_once(self) -> Sequence[Rung]:
        """The list's one retriever, where it is asked together with the fallback.

        That spares one of the statements of a page. It costs little where an index answers both, since the
        retriever ranks alike for everybody, and where it scans few products.
        """
        if len(self.weights) > 1 or not self._fallback or not self._of_page:
            return []
        return [rung for rung in self.weights if _scans_few(rung) or not rung.personal]

    @property
    def _of_page(self) -> bool:
        """Whether there are others beside this list."""
        return len(self.page.asks) > 1

    @property
    def _compares(self) -> bool:
        """Whether the rows of the list are compared with each other, and not only ranked."""
        return bool(self.wishes or self.merchandising.ranks or self._tires)

    @cached_property
    def wishes(self) -> Wishes:
        """What the list shall look like."""
        quotas = list(self.merchandising.quotas)
        if self._explores:
            quotas.append(Quota(self.placement.exploration, exploration.MEMBER, only=True))
        pins = self.merchandising.pins
        return Wishes(
            diversity=self.placement.diversity,
            pins={place - len(self.before): key for place, key in pins.items()} if self.before else pins,
            caps=self.merchandising.caps,
            quotas=quotas,
        )

    def arranged(self, rows: Sequence[Row]) -> list[Row]:
        """The rows of the list, in its order."""
        return arranged(self.adjusted(rows), self.wishes, limit=self.limit)

    def adjusted(self, rows: Sequence[Row]) -> list[Row]:
        """The rows with the factors on their worth, in the order that they give."""
        adjusted = list(rows)
        if self._tires:
            adjusted = [self._tired(row) for row in adjusted]
        if self._tires or self.merchandising.ranks:
            adjusted = self.merchandising.adjusted(adjusted)
        return self._drawn(adjusted) if self._explores else adjusted

    def _drawn(self, rows: list[Row]) -> list[Row]:
        shopper = self.page.shopper
        return exploration.drawn(rows, limit=self.limit, whom=shopper.user_id or shopper.visitor_id)

    def _tired(self, row: Row) -> Row:
        """The row, with what is left of its worth after it was shown in vain so often."""
        times = self.seen.shown.get(row.product.pk, 0) - TOLERATED
        if times <= 0:
            return row
        return replace(row, factors={**row.factors, "fatigue": (1 - self.placement.fatigue) ** times})

    @property
    def _depth(self) -> int:
        return self.limit * (DEPTH_UNDER_CAPS if self.merchandising.caps else DEPTH)

    @property
    def _fallback(self) -> Sequence[str]:
        """What fills the list up."""
        fallback = self.placement.fallback
        return self.usual.fallback if fallback is None else fallback

    @property
    def _takes_in(self) -> bool:
        """Whether a rule may bring in what no retriever found: not where that alone would be true."""
        return bool(self._fallback) or self.placement.kind == PlacementKind.RANK

    @property
    def _tires(self) -> bool:
        return bool(self.placement.fatigue and self.seen.shown)

    @property
    def _explores(self) -> bool:
        return bool(self.placement.exploration and self._fallback)

    def _own_category(self, products: QuerySet[Any]) -> QuerySet[Any]:
        if not self.usual.of_category:
            return products
        return catalogue.of_same_category(products, self.seen)

    @property
    def _asked(self) -> dict[str, Any]:
        """What the statement that ranks must say of a product besides."""
        asked = self.merchandising.asked(self.choice.candidates)
        if (own := catalogue.own_category(self.choice.candidates, self.seen)) is not None:
            asked["own_category"] = own
        if self._explores:
            products = self.choice.candidates
            of = products if self._of_few else None
            asked[exploration.MEMBER] = among(exploration.pools(products), of=of)
        return asked

    def _wished(self, rungs: Iterable[Rung]) -> Iterator[Pool]:
        """The products that rules and exploration want to be looked at, however they rank.

        A list of which only what is retrieved is true takes in nothing but what somebody pinned to it; where
        nothing can be retrieved not even that, for it would stand alone below a heading about something else.
        """
        if self.usual.reminds or not (self.weights or self._fallback):
            return
        if pins := list(self.merchandising.pins.values()):
            yield Pool(self.choice.candidates.filter(pk__in=pins), None, len(pins))
        for stored in self.merchandising.wanted() if self._takes_in else ():
            products = belonging(self.choice.candidates, stored)
            yield from (Pool(products, rung, self.limit) for rung in (*rungs, None))
        if self._explores:
            yield from exploration.pools(self.choice.candidates)

    def _fallback_pools(
        self, products: QuerySet[Any], rungs: Sequence[Rung], *, newest: bool
    ) -> Iterator[Pool]:
        """What the list can be filled up with, without the help of an index that may miss some.

        What is the same for everybody is looked up in the categories of the events apart, which come first.
        """
        depth = self._depth if self._compares else self.limit
        alike = self._own_category(products)
        own = catalogue.of_same_category(products, self.seen) if self.seen.events else None
        for rung in (*rungs, *([None] if newest else [])):
            yield Pool(products if rung in self._at_once else alike, rung, depth, exact=True)
            if own is not None and not (rung and rung.personal):
                yield Pool(own, rung, depth, exact=True)

    def _answer(self, rows: list[Row]) -> Recommendations:
        heading = str(self.placement.heading or self.usual.heading)
        if "{title}" in heading:
            viewed = self.page.of_shopper.last_viewed().events
            heading = heading.replace("{title}", str(viewed[0].title) if viewed else "")
        loaded = {seed.pk: seed for seed in self.ask.seeds if isinstance(seed, Model)}
        of_seeds = self.usual.about is About.SEEDS
        recommendations = explained(rows, self.seen, similar_to=loaded if of_seeds else None)
        recommendations.placement = self.placement.slug
        recommendations.heading = heading
        given = [*self.before, *(row.product.pk for row in rows)]
        if rows and len(rows) == self.limit and len(given) < MOST_PAGED:
            recommendations.next = token(self.placement.slug, given)
        return recommendations


def _same(rung: Rung, other: Rung) -> bool:
    """Whether two rungs of one list rank alike."""
    return rung == other or (rung.version_id is not None and rung.version_id == other.version_id)


def _scans_few(rung: Rung) -> bool:
    return isinstance(rung, VersionRung) and rung.version.item_count <= AT_ONCE_BELOW


def _last(rows: Sequence[Row]) -> float:
    """The least worth of some rows, from which the worth of those after them falls."""
    return min((row.worth for row in rows), default=1.0)
