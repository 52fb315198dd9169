"""Lists by the name of the place where they stand, several of one page at once and without repeats."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from typing import Any

from django.db.models import Manager, Model, QuerySet
from django.http import HttpRequest

from shop_recs.conf import settings
from shop_recs.exceptions import UnknownPlacement
from shop_recs.models import Exclusion, Placement, PlacementKind
from shop_recs.serving import context, fusion, ladder, past, retrieve, rules
from shop_recs.serving.context import NOBODY, Context
from shop_recs.serving.explain import Recommendations, explained
from shop_recs.serving.filters import arrived, filtered
from shop_recs.serving.kinds import LADDER, NEWEST, POPULAR, USUAL, About, Usual, about
from shop_recs.serving.paging import MOST_PAGED, continued, token
from shop_recs.serving.retrieve import Row
from shop_recs.serving.rungs import Measured, Rung, ScoreRung
from shop_recs.tracking.identity import Shopper, shopper_of
from shop_recs.tracking.log import segment_of

DEPTH = 4
"""Candidates of each retriever per place of a list that is blended or spread out."""


@dataclass(frozen=True, slots=True)
class Ask:
    """One list of a page.

    Attributes:
        slug: the placement.
        seeds: products, or their keys, that the list starts from.
        products: the queryset to choose from; by default the available products. `rank` puts it in order.
        limit: products at most; by default as the placement says.
        exclude: further products or keys to leave out.
        after: `Recommendations.next` of the list that this one continues.
    """

    slug: str
    seeds: Iterable[Any] = ()
    products: Any = None  # a manager would read as a descriptor here
    limit: int | None = None
    exclude: Iterable[Any] = ()
    after: str | None = None


def recommend(
    slug: str,
    request: HttpRequest,
    *,
    seeds: Any = (),
    products: QuerySet[Any] | Manager[Any] | None = None,
    limit: int | None = None,
    exclude: Iterable[Any] = (),
    after: str | None = None,
) -> Recommendations:
    """The list of a placement for whoever makes this request; three statements at most.

    Args:
        slug: the placement, of `SHOP_RECS["PLACEMENTS"]` or of the admin.
        request: whose history counts.
        seeds: a product or several that the list starts from.
        products: the queryset to choose from; by default the available products. The kind `rank` puts it in
            order.
        limit: products at most; by default as the placement says.
        exclude: further products or keys to leave out.
        after: `next` of the list that this one continues.

    Raises:
        UnknownPlacement: there is none of that name.
        TypeError, ValueError: as `recommended_for_you`; `after` is no continuation of this placement.
    """
    seeds = [seeds] if isinstance(seeds, Model) else list(seeds)
    ask = Ask(slug, seeds, products=products, limit=limit, exclude=exclude, after=after)
    return recommend_page([ask], request)[0]


def recommend_page(asks: Sequence[Ask], request: HttpRequest) -> list[Recommendations]:
    """Several lists of one page, in their order; what one shows, those after it leave out.

    One statement reads what all have in common, another the seeds where there are any; each list then takes
    one, and a second where its retrievers fill less than it holds.

    Raises:
        UnknownPlacement, TypeError, ValueError: as `recommend`.
    """
    page = Page(request, [ask.slug for ask in asks])
    return [page.answer(ask) for ask in asks]


class Page:
    """What the lists of one page have in common.

    Args:
        request: whose history counts.
        slugs: the placements that are going to be asked for.
    """

    def __init__(self, request: HttpRequest, slugs: Sequence[str]) -> None:
        self.request = request
        self.slugs = slugs
        self.shown: list[Any] = []
        self.using = rules.available().db
        self._stored: Mapping[str, Placement] | None = None
        self._of_seeds: dict[tuple[Any, ...], Context] = {}

    @cached_property
    def shopper(self) -> Shopper:
        return shopper_of(self.request)

    @cached_property
    def segment(self) -> str:
        return segment_of(self.request)

    @cached_property
    def of_shopper(self) -> Context:
        """The context of the shopper's events."""
        return self._with_placements(context.of_shopper(self.shopper, using=self.using, slugs=self.slugs))

    @cached_property
    def past(self) -> list[past.Past]:
        return past.of_shopper(self.shopper, using=self.using)

    def of_seeds(self, keys: Sequence[Any]) -> Context:
        """The context of some products; without any, of nobody."""
        if tuple(keys) not in self._of_seeds:
            read = context.of_products(keys, using=self.using, slugs=self.slugs)
            self._of_seeds[tuple(keys)] = self._with_placements(read)
        return self._of_seeds[tuple(keys)]

    def answer(self, ask: Ask) -> Recommendations:
        """The list that one asks for."""
        placement = self._placement(ask)
        recommendations = _List(self, ask, placement).made()
        self.shown += [product.pk for product in recommendations]
        return recommendations

    def _placement(self, ask: Ask) -> Placement:
        entry = settings.PLACEMENTS.get(ask.slug)
        if self._stored is None:
            # Whichever context the list needs brings what the admin says of it along.
            expected = about(Placement.of_settings(ask.slug, entry)) if entry else About.SHOPPER
            _ = self.of_shopper if expected is About.SHOPPER else self.of_seeds(_keys(ask.seeds))
        assert self._stored is not None
        if ask.slug in self._stored:
            return self._stored[ask.slug]
        if entry is None:
            raise UnknownPlacement(_unknown(ask.slug, [*settings.PLACEMENTS, *self._stored]))
        return Placement.of_settings(ask.slug, entry)

    def _with_placements(self, read: Context) -> Context:
        self._stored = read.stored
        return read


class _List:
    """One list in the making."""

    def __init__(self, page: Page, ask: Ask, placement: Placement) -> None:
        self.page = page
        self.ask = ask
        self.placement = placement
        self.usual: Usual = USUAL[placement.kind]
        self.limit = placement.limit if ask.limit is None else ask.limit
        self.seeds = _keys(ask.seeds)
        self.before = continued(placement.slug, ask.after)
        if self.limit < 0:
            raise ValueError(f"limit is {self.limit}; a list has 0 products or more")

    @cached_property
    def seen(self) -> Context:
        """What the list is made from."""
        if about(self.placement) is About.SHOPPER:
            return self.page.of_shopper
        return self.page.of_seeds(self.seeds)

    def made(self) -> Recommendations:
        if not self.placement.enabled or len(self.before) >= MOST_PAGED:
            return self._answer([])
        rows: list[Row] = []
        candidates = self._candidates()
        weights = {rung: weight for rung, weight in self._rungs() if weight > 0}
        if weights and self.limit:
            rows = self._ranked(candidates, weights)
        if (missing := self.limit - len(rows)) > 0:
            others = candidates.exclude(pk__in=[row.product.pk for row in rows])
            rows += self._filling(others, missing)
        return self._answer(rows)

    def _ranked(self, candidates: QuerySet[Any], weights: Mapping[Rung, float]) -> list[Row]:
        """What the retrievers find, blended and spread out as the placement says."""
        diversity = self.placement.diversity
        if len(weights) == 1 and not diversity:
            (rung,) = weights
            others = candidates if rung.personal else self._of_category(candidates)
            return retrieve.nearest(others, rung, self.seen, limit=self.limit)
        depth = DEPTH * self.limit
        rows = fusion.fused(retrieve.pooled(candidates, list(weights), depth=depth), weights)
        return fusion.diversified(rows[:depth], diversity=diversity, limit=self.limit)

    def _filling(self, others: QuerySet[Any], missing: int) -> list[Row]:
        """What fills a list up that its retrievers leave short."""
        if self.placement.kind == PlacementKind.RANK:
            return self._in_given_order(others, missing)
        fallback = self.placement.fallback
        names = self.usual.fallback if fallback is None else fallback
        if not names:
            return []
        rungs = [rung for name in names for rung in self._fallback(name)]
        rows = retrieve.remaining(self._of_category(others), rungs, self.seen, limit=missing)
        return rows if NEWEST in names else [row for row in rows if row.rung]

    def _in_given_order(self, others: QuerySet[Any], missing: int) -> list[Row]:
        """The caller's products that nobody knows, in the caller's order."""
        return [Row(product, None, Measured(0.0)) for product in others[:missing]]

    def _of_category(self, products: QuerySet[Any]) -> QuerySet[Any]:
        if not self.usual.of_category:
            return products
        return retrieve.of_same_category(products, self.seen)

    def _candidates(self) -> QuerySet[Any]:
        """The products that may be in the list."""
        products = filtered(rules.candidates(self.ask.products), self.placement)
        if self.placement.kind == PlacementKind.NEW_ARRIVALS:
            products = arrived(products, self.placement.days or self.usual.days)
        exclude = self.usual.exclude if self.placement.exclude is None else set(self.placement.exclude)
        keys = [*self.seeds, *self.ask.exclude, *self.page.shown, *self.before]
        if Exclusion.VIEWED in exclude:
            keys += self.page.of_shopper.viewed_lately(settings.EXCLUDE_VIEWED)
        personal = bool({Exclusion.CART, Exclusion.PURCHASED} & set(exclude))
        return rules.leave_out(
            products,
            keys,
            shopper=self._hidden_from() if personal else NOBODY,
            request=self.page.request if Exclusion.CART in exclude else None,
            bought=Exclusion.PURCHASED in exclude and settings.EXCLUDE_PURCHASED,
            carted=Exclusion.CART in exclude,
        )

    def _hidden_from(self) -> Shopper:
        """Whose cart and purchases are left out; nobody's, where it is known that there are none."""
        if about(self.placement) is About.SHOPPER and self.page.of_shopper.only_looks:
            return NOBODY
        return self.page.shopper

    def _rungs(self) -> Iterator[tuple[Rung, float]]:
        """The rungs of the blend that can rank for this list, with their weights."""
        for name, weight in (self.placement.blend or self.usual.blend).items():
            rung = self._rung(name)
            if rung is not None:
                yield rung, float(weight)

    def _rung(self, name: str) -> Rung | None:
        """The rung of a retriever, or None where it has nothing to go by."""
        page = self.page
        if name in ("trending", "popular"):
            return ScoreRung(name, page.segment)
        if name == "personal":
            return next((rung for rung in ladder.for_shopper(page.of_shopper) if rung.personal), None)
        if name == "similar":
            return next(
                (rung for rung in ladder.for_similar(page.of_seeds(self.seeds)) if rung.personal), None
            )
        if name == "last_viewed":
            return next(ladder.for_similar(page.of_shopper.last_viewed()), None)
        if name == "recently_viewed":
            return past.recently_viewed(page.past, days=self._days(PlacementKind.RECENTLY_VIEWED))
        if name == "still_in_mind":
            return past.still_in_mind(page.past, days=self._days(PlacementKind.STILL_IN_MIND))
        if name == "buy_again":
            return past.buy_again(page.past)
        return self._of_algorithm(name)

    def _of_algorithm(self, name: str) -> Rung | None:
        of_seeds = self.seeds or self.usual.about is About.SEEDS
        seen = self.page.of_seeds(self.seeds) if of_seeds else self.page.of_shopper
        version = seen.version(name)
        if version is None:
            return None
        return ladder.of_version(seen, version, similar=bool(of_seeds))

    def _days(self, kind: PlacementKind) -> int:
        """The placement's window, its kind's, or that of the kind whose retriever it blends."""
        return self.placement.days or self.usual.days or USUAL[kind].days

    def _fallback(self, name: str) -> Iterator[Rung]:
        if name == LADDER:
            of_seeds = self.usual.about is About.SEEDS
            yield from ladder.for_similar(self.seen) if of_seeds else ladder.for_shopper(self.seen)
        elif name == POPULAR:
            # A small segment is filled up by what is popular in the whole shop.
            yield from (ScoreRung(POPULAR, segment) for segment in dict.fromkeys([self.page.segment, ""]))

    def _loaded_seeds(self) -> dict[Any, Any] | None:
        """The seeds that the caller gave as products; None where the list starts from the shopper."""
        return _by_key(self.ask.seeds) if self.usual.about is About.SEEDS else None

    def _answer(self, rows: list[Row]) -> Recommendations:
        heading = str(self.placement.heading or self.usual.heading)
        if "{title}" in heading:
            viewed = self.page.of_shopper.last_viewed().events
            heading = heading.format(title=viewed[0].title if viewed else "")
        recommendations = explained(rows, self.seen, similar_to=self._loaded_seeds())
        recommendations.placement = self.placement.slug
        recommendations.heading = heading
        if rows and len(rows) == self.limit:
            given = [*self.before, *(row.product.pk for row in rows)]
            recommendations.next = token(self.placement.slug, given)
        return recommendations


def _by_key(products: Iterable[Any]) -> dict[Any, Any]:
    """The products among products and keys."""
    return {product.pk: product for product in products if isinstance(product, Model)}


def _keys(products: Iterable[Any]) -> list[Any]:
    return list(dict.fromkeys(rules.key_of(product) for product in products))


def _unknown(slug: str, known: Sequence[str]) -> str:
    nearest = get_close_matches(slug, known, n=1)
    hint = f"did you mean {nearest[0]!r}?" if nearest else f"known are {', '.join(known)}."
    return f"There is no placement {slug!r}; {hint}"
