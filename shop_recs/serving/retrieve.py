"""Ranks and filters in one statement: the shop's queryset, measured by what pinned versions learned."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from django.db.models import QuerySet

from shop_recs.serving import catalogue, compiled, narrow
from shop_recs.serving.arrays import InPools
from shop_recs.serving.attempts import attempt, fetched
from shop_recs.serving.breaker import breaker
from shop_recs.serving.context import Context
from shop_recs.serving.eligible import NOTHING, Unwanted
from shop_recs.serving.pools import (
    MEASURE,
    Pool,
    among,
    best,
    has_index,
    in_order,
    is_indexed,
    measures,
    of_few,
    searching,
)
from shop_recs.serving.rungs import Measured, Rung


@dataclass(frozen=True, slots=True)
class Row:
    """A product in a list: by which rung (None: by none), and what that says of it.

    Attributes:
        product: the shop's instance.
        rung: that ranked it, or None.
        measured: what the rung says of it; its score is that of the list.
        worth: what the rows of a list are ordered by, where they were compared with each other.
        parts: how much each source added to the worth, where several were blended.
        factors: what changed the worth then, by name.
        placed: how it got its place, where that was not by its worth; names a source.
        rules: the merchandising rules that it is in the list by.
        label: what a rule writes on it.
        known: what the statement said of it besides, by name.
    """

    product: Any
    rung: Rung | None
    measured: Measured
    worth: float = 0.0
    parts: Mapping[str, float] = field(default_factory=dict)
    factors: Mapping[str, float] = field(default_factory=dict)
    placed: str = ""
    rules: tuple[str, ...] = ()
    label: str = ""
    known: Mapping[str, Any] = field(default_factory=dict)

    @property
    def source(self) -> str:
        """What the list gives as its source."""
        return self.placed or (self.rung.source if self.rung else "newest")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A product, what each rung that knows it says of it, and what else the statement was asked."""

    product: Any
    measured: Mapping[Rung, Measured]
    known: Mapping[str, Any] = field(default_factory=dict)


def nearest(
    offered: QuerySet[Any], rung: Rung, context: Context, *, limit: int, unwanted: Unwanted = NOTHING
) -> list[Row]:
    """The products that the rung ranks highest; what it does not know is not among them.

    None at all where the database does not answer. Where an index lately found too few of what is offered,
    all are looked at.

    Args:
        offered: the queryset to choose from.
        rung: that ranks.
        context: of the list.
        limit: products at most.
        unwanted: what is left out of the queryset.
    """
    rung = searching(offered, rung)
    own = None if is_indexed(rung) or rung.personal else catalogue.own_category(offered, context)
    exactly = Pool(offered, rung, limit, exact=True).name
    few = has_index(offered, rung) and narrow.is_narrow(offered) and not breaker(exactly).is_resting

    def ranked(unwanted: Unwanted, rung: Rung) -> QuerySet[Any]:
        products = unwanted.taken_from(offered)
        known = rung.known(products).annotate(**measures(rung, 0, rung.relation))
        # The index gives its own order alone; any further key would sort the whole catalogue.
        order = [rung.best_first(f"{MEASURE}distance_0")]
        if not is_indexed(rung):
            order = [*([own.desc()] if own else []), *order, catalogue.newest_first(offered.model)]
        usual: QuerySet[Any] = in_order(known, order)[:limit]
        return in_order(known.filter(of_few(products, rung, usual)), order)[:limit] if few else usual

    def find() -> list[Any]:
        ready = None
        if own is None and rung.shape is not None:
            ready = compiled.ready(
                offered,
                (rung.shape, unwanted.shape, limit, few),
                lambda: ranked(unwanted.opened(), rung.opened()),
                {**rung.values, **unwanted.values},
            )
        return list(ranked(unwanted, rung) if ready is None else ready)

    found = attempt(exactly if few else rung.source, find, using=offered.db) or []
    if found and len(found) < limit and has_index(offered, rung):
        narrow.remember(offered, unwanted=unwanted, asked=limit)
    return [_row(product, rung) for product in found]


def _row(product: Any, rung: Rung) -> Row:
    measured = rung.read(_taken(product, 0))
    return Row(product, rung, measured)


def candidates(
    products: QuerySet[Any],
    pools: Sequence[Pool],
    *,
    asked: Mapping[str, Any] | None = None,
    enough: int | None = None,
    few: bool = False,
) -> list[Candidate]:
    """The products of some pools, the newest first, each as all their rungs measure it; one statement.

    The pools are arrays of keys, each ranked by its own index before the products are looked at. Where the
    database does not answer for all of them, each rung's are asked for apart, and those of some are missing.

    Args:
        products: the queryset that gives the instances.
        pools: each a part of `products`.
        asked: further expressions, by name, whose values every candidate shall bring along.
        enough: of the first pool, so that nobody needs to look at the others.
        few: products there are, which shall be looked up once for all pools; if that takes too long, they are
            many, and asked for as usual.
    """
    asked, able = asked or {}, [pool for pool in pools if not breaker(pool.name).is_resting]
    for of in (products, None) if few else (None,):
        found = _together(products, able, asked, enough=enough, of=of)
        if found is not None:
            return found
    names = dict.fromkeys(pool.name for pool in able)
    parts = ([pool for pool in able if pool.name == name] for name in names if len(names) > 1)
    return _merged(candidate for part in parts for candidate in _together(products, part, asked) or ())


def _together(
    products: QuerySet[Any],
    pools: Sequence[Pool],
    asked: Mapping[str, Any],
    *,
    enough: int | None = None,
    of: QuerySet[Any] | None = None,
) -> list[Candidate] | None:
    """The candidates of some pools in one statement; None where the database does not answer."""
    if not pools:
        return []
    measured, rungs = _measured(products, pools, asked, among(pools, enough=enough, of=of))
    name = " + ".join(dict.fromkeys(pool.name for pool in pools))
    found = fetched(name if of is None else f"{name} of few", measured)
    return None if found is None else [_candidate(product, rungs, asked) for product in found]


def looked_at(products: QuerySet[Any], pools: Sequence[Pool]) -> list[Candidate]:
    """The same for who wants to know why a list is as it is: no limit of time, no breaker."""
    if not pools:
        return []
    measured, rungs = _measured(products, pools, {}, among(pools))
    return [_candidate(product, rungs, ()) for product in measured]


def _measured(
    products: QuerySet[Any],
    pools: Sequence[Pool],
    asked: Mapping[str, Any],
    in_pools: InPools,
) -> tuple[QuerySet[Any], list[Rung]]:
    """The products of some pools, the newest first, with what all the rungs of these say of them."""
    rungs = list(dict.fromkeys(pool.rung for pool in pools if pool.rung))
    measured = products.filter(in_pools)
    measured = measured.annotate(**{f"{MEASURE}asked_{name}": value for name, value in asked.items()})
    for number, rung in enumerate(rungs):
        alias = f"{MEASURE}joined_{number}"
        measured = rung.joined(measured, alias).annotate(**measures(rung, number, alias))
    return in_order(measured, [catalogue.newest_first(products.model)]), rungs


def _merged(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Each product once, with all that is said of it."""
    merged: dict[Any, Candidate] = {}
    for candidate in candidates:
        before = merged.get(candidate.product.pk, candidate)
        measured = {**before.measured, **candidate.measured}
        merged[candidate.product.pk] = replace(before, measured=measured)
    return list(merged.values())


def rank(pool: Pool, key: Any) -> int | None:
    """The place of a product in a pool, from 1; None where it is not in it; one statement."""
    return next((place for place, other in enumerate(best(pool), start=1) if other == key), None)


def given(products: QuerySet[Any], *, limit: int, asked: Mapping[str, Any] | None = None) -> list[Candidate]:
    """The first products in their own order; `asked` as in `candidates`."""
    asked = asked or {}
    annotated = products.annotate(**{f"{MEASURE}asked_{name}": value for name, value in asked.items()})
    return [_candidate(product, [], asked) for product in annotated[:limit]]


def _candidate(product: Any, rungs: Sequence[Rung], asked: Iterable[str]) -> Candidate:
    """The product with what was asked of it; the instance is left as the shop would have loaded it."""
    measured: dict[Rung, Measured] = {}
    for number, rung in enumerate(rungs):
        values = _taken(product, number)
        if values["distance"] is not None:
            measured[rung] = rung.read(values)
    known = {name: product.__dict__.pop(f"{MEASURE}asked_{name}", None) for name in asked}
    return Candidate(product, measured, known)


def _taken(product: Any, number: int) -> dict[str, Any]:
    """What a rung measured of a product, taken off the instance."""
    named = {name: f"{MEASURE}{name}_{number}" for name in ("distance", "vector")}
    return {name: product.__dict__.pop(field, None) for name, field in named.items()}
