"""Why a list is as it is: what it was made from, what each stage made of a product, what kept others out.

Nothing of this runs for an ordinary request.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

from django.db.models import QuerySet
from django.http import HttpRequest

from shop_recs.conf import get_product_model
from shop_recs.serving import eligible, obstacles, retrieve
from shop_recs.serving.context import Context, Event
from shop_recs.serving.contributions import Contributions, Method, contributions, weights
from shop_recs.serving.explain import Recommendation, Recommendations
from shop_recs.serving.listing import Listing
from shop_recs.serving.obstacles import Obstacle
from shop_recs.serving.placements import Ask, Page
from shop_recs.serving.pools import Pool
from shop_recs.serving.retrieve import Candidate
from shop_recs.serving.rungs import Rung
from shop_recs.tracking.identity import Shopper

DEPTH = 50
"""The best products of each retriever that are looked at, whether they may be listed or not."""

RANKED_AT_MOST = 10_000
"""The rank of a product that somebody asks about is told up to here."""


class Used(NamedTuple):
    """An event that the list was made from, and how much it weighs, by source, where events are weighed."""

    event: Event
    weights: Mapping[str, float]


class Found(NamedTuple):
    """What a retriever says of a product: its score, and its rank among all products where that is known."""

    rank: int | None
    score: float


@dataclass(frozen=True, slots=True)
class Retriever:
    """One of the ways in which the list was ranked.

    Attributes:
        source: the algorithm or ranking.
        version: the model version behind it, or None.
        weight: in the blend; None where it only filled the list up.
        method: how it is known what an event adds; None where events add nothing.
    """

    source: str
    version: int | None
    weight: float | None
    method: Method | None


@dataclass(frozen=True, slots=True)
class Examined:
    """A product of the list, or one that a retriever found or that somebody asked about.

    Attributes:
        product: the shop's own instance.
        found: by source.
        parts: what each source added to the fused score.
        place: by that, or by the only score, among all that was found for the list; None where it was not.
        factors: what rules and fatigue multiplied one over that place by, by name.
        worth: what the list was ordered by at last, before pins, caps, shares and diversity.
        recommendation: what the list says of it; None where it is not in the list.
        obstacles: what keeps it out, in the order of the list's own conditions.
        added: what each event adds to the score, by source, what changes it most first; empty for what is
            neither in the list nor asked about. An event is None where its product was deleted.
    """

    product: Any
    found: Mapping[str, Found]
    parts: Mapping[str, float] = field(default_factory=dict)
    place: int | None = None
    factors: Mapping[str, float] = field(default_factory=dict)
    worth: float | None = None
    recommendation: Recommendation | None = None
    obstacles: Sequence[Obstacle] = ()
    added: Mapping[str, Sequence[tuple[Event | None, float]]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Why:
    """One list, explained.

    Attributes:
        recommendations: the list.
        history: of the shopper, oldest first; empty where the list does not depend on it.
        seeds: what the list starts from.
        retrievers: those that it blends, then those that filled it up.
        listed: the products of the list, in its order.
        dropped: others that a retriever found or that somebody asked about, the best ranks first.
    """

    recommendations: Recommendations
    history: Sequence[Used]
    seeds: Sequence[Used]
    retrievers: Sequence[Retriever]
    listed: Sequence[Examined]
    dropped: Sequence[Examined]

    def best(self, source: str) -> list[Examined]:
        """The products that a source ranks highest, in its order, whether they are in the list or not."""
        ranks = {
            one.product.pk: found.rank
            for one in (*self.listed, *self.dropped)
            if (found := one.found.get(source)) and found.rank and found.rank <= DEPTH
        }
        known = (one for one in (*self.listed, *self.dropped) if one.product.pk in ranks)
        return sorted(known, key=lambda one: ranks[one.product.pk])


def explained_page(asks: Sequence[Ask], request: HttpRequest | None) -> list[Why]:
    """The lists of a page, as `recommend_page` makes them, each with why it is so.

    Raises:
        UnknownPlacement, TypeError, ValueError: as there.
    """
    page = Page(request, asks)
    return [explained(page, ask) for ask in asks]


def page_of(shopper: Shopper, asks: Sequence[Ask], *, segment: str = "", instead: int | None = None) -> Page:
    """The page that somebody else would see, but for a cart that only the shop knows, of their own request.

    Args:
        shopper: whose page it is.
        asks: its lists.
        segment: that the shopper is of.
        instead: id of a version to serve instead of its algorithm's active one.
    """
    page = Page(None, asks)
    page.shopper, page.segment, page.instead = shopper, segment, instead
    return page


def explained(page: Page, ask: Ask, *, about: Any = None) -> Why:
    """The next list of a page, and why it is so.

    It takes one statement for all candidates, one for each condition of the list, and where its source is of
    neighbours one for these.

    Args:
        page: of the shopper.
        ask: the list.
        about: key of a product that is looked at, too, wherever it ranks.
    """
    listing = page.listing(ask)
    recommendations = listing.made()
    why = _Inquiry(listing, about).why(recommendations)
    page.shown += [product.pk for product in recommendations]
    return why


class _Source(NamedTuple):
    """A rung of the list, its weight in the blend, and the context whose events it goes by."""

    rung: Rung
    weight: float | None
    context: Context | None


class _Inquiry:
    """What is asked about a list that was made.

    Args:
        listing: the list.
        about: key of a product that is looked at, too; None for none.
    """

    def __init__(self, listing: Listing, about: Any) -> None:
        self.listing = listing
        self.about = about
        self.products = _everything(listing)
        self.sources = _sources(listing)
        self.rows = listing.adjusted(listing.stages.rows)
        self.places = obstacles.before_factors(listing)

    def why(self, recommendations: Recommendations) -> Why:
        page, seeds = self.listing.page, self.listing.seeds
        of_seeds = page.of_seeds(seeds) if seeds else None
        named = {product.pk: product.recommendation for product in recommendations}
        examined = {key: self._examined(key, named.get(key)) for key in self.candidates}
        return Why(
            recommendations,
            history=self._used(page.of_shopper) if self._goes_by_another(of_seeds) else [],
            seeds=self._used(of_seeds) if of_seeds else [],
            retrievers=[self._retriever(name) for name in self.sources],
            listed=[examined.pop(key) for key in named if key in examined],
            dropped=sorted(examined.values(), key=_best_rank),
        )

    @cached_property
    def candidates(self) -> dict[Any, Candidate]:
        """The best products of each rung, those of the list and the one asked about, by key."""
        pools = [Pool(self.products, source.rung, DEPTH) for source in self.sources.values()]
        if asked := self._asked:
            pools.append(Pool(self.products.filter(pk__in=asked), None, len(asked)))
        found = retrieve.looked_at(self.products, pools)
        return {candidate.product.pk: candidate for candidate in found}

    @cached_property
    def found(self) -> Mapping[str, Mapping[Any, Found]]:
        """What each source says of the candidates, by source and key."""
        return {name: self._found(source.rung) for name, source in self.sources.items()}

    @cached_property
    def obstacles(self) -> Mapping[Any, Sequence[Obstacle]]:
        """What keeps each of the candidates out that are not in the list."""
        chosen = {row.product.pk for row in self.listing.stages.chosen}
        others = [key for key in self.candidates if key not in chosen]
        failed = obstacles.of_conditions(self.listing, self.products, others)
        passed = [key for key in others if not failed[key]]
        personal = {key for key in passed if any(rung.personal for rung in self.candidates[key].measured)}
        elsewhere = obstacles.elsewhere(self.listing, self.products, set(passed) - personal)
        places = obstacles.of_places(self.listing, self.rows, passed)
        for key in passed:
            known = Obstacle("elsewhere") if key in elsewhere else places[key]
            failed[key] = [known if self.candidates[key].measured else Obstacle("unknown")]
        return failed

    @cached_property
    def contributions(self) -> Mapping[str, tuple[Sequence[Any], Contributions]]:
        """What the events add to the scores of the list and of the product asked about, with its keys."""
        added = {}
        for name, source in self.sources.items():
            keys = [key for key in self._asked if key in self.found[name]]
            measured = [(key, self.candidates[key].measured[source.rung]) for key in keys]
            if source.context is None or not keys:
                continue
            found = contributions(source.rung, source.context, measured, using=self.listing.page.using)
            if found is not None:
                added[name] = keys, found
        return added

    def _goes_by_another(self, context: Context | None) -> bool:
        """Whether a source goes by any events but those of this context."""
        contexts = [source.context for source in self.sources.values()]
        return any(other is not None and other.events and other is not context for other in contexts)

    @property
    def _asked(self) -> list[Any]:
        """The keys of the list's products and of the one asked about."""
        listed = [row.product.pk for row in self.listing.stages.chosen]
        return [*listed, *([] if self.about is None or self.about in listed else [self.about])]

    def _found(self, rung: Rung) -> dict[Any, Found]:
        known = [key for key, candidate in self.candidates.items() if rung in candidate.measured]
        scores = {key: self.candidates[key].measured[rung].score for key in known}
        known.sort(key=lambda key: -scores[key])
        found = {
            key: Found(rank if rank <= DEPTH else None, scores[key]) for rank, key in enumerate(known, 1)
        }
        if self.about in found and found[self.about].rank is None:
            rank = retrieve.rank(Pool(self.products, rung, RANKED_AT_MOST, exact=True), self.about)
            found[self.about] = Found(rank, scores[self.about])
        return found

    def _examined(self, key: Any, recommendation: Recommendation | None) -> Examined:
        row = next((row for row in self.rows if row.product.pk == key), None)
        return Examined(
            self.candidates[key].product,
            found={name: found[key] for name, found in self.found.items() if key in found},
            parts=row.parts if row else {},
            place=self.places.get(key),
            factors=row.factors if row else {},
            worth=(row.worth or row.measured.score) if row else None,
            recommendation=recommendation,
            obstacles=self.obstacles.get(key, ()),
            added={
                name: self._added(name, key) for name, (keys, _) in self.contributions.items() if key in keys
            },
        )

    def _added(self, name: str, key: Any) -> list[tuple[Event | None, float]]:
        keys, found = self.contributions[name]
        context = self.sources[name].context
        assert context is not None
        return [
            (None if place is None else context.events[place], amount)
            for place, amount in found.of(keys.index(key)).items()
        ]

    def _used(self, context: Context) -> list[Used]:
        of_source = {
            name: weights(source.rung, context)
            for name, source in self.sources.items()
            if source.context is context
        }
        return [
            Used(event, {name: own[place] for name, own in of_source.items() if place in own})
            for place, event in enumerate(context.events)
        ]

    def _retriever(self, name: str) -> Retriever:
        source = self.sources[name]
        method = self.contributions[name][1].method if name in self.contributions else None
        return Retriever(name, source.rung.version_id, source.weight, method)


def _everything(listing: Listing) -> QuerySet[Any]:
    """All products, those that may not be shown included; of a list that puts products in order, these."""
    if listing.ask.products is not None:
        return eligible.candidates(listing.ask.products).using(listing.page.using)
    return get_product_model()._base_manager.using(listing.page.using).all()


def _sources(listing: Listing) -> dict[str, _Source]:
    """The rungs of the blend, and those that filled the list up, by what the list names as its sources."""
    sources: dict[str, _Source] = {}
    for name, rung in listing.retrievers.items():
        context = listing.sources.basis(name) if rung.personal else None
        sources.setdefault(rung.source, _Source(rung, listing.weights[rung], context))
    for row in listing.stages.rows:
        if row.rung is not None:
            sources.setdefault(row.rung.source, _Source(row.rung, None, listing.seen))
    return sources


def _best_rank(examined: Examined) -> tuple[int, str]:
    ranks = [found.rank for found in examined.found.values() if found.rank is not None]
    return min(ranks, default=RANKED_AT_MOST), str(examined.product.pk)
