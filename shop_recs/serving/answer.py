"""The lists: from the request down to the ranking statement and back, at most three statements each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from django.db.models import Manager, QuerySet
from django.http import HttpRequest

from shop_recs.conf import settings
from shop_recs.serving import context, ladder, retrieve, rules
from shop_recs.serving.context import NOBODY, Context
from shop_recs.serving.explain import Recommendations, explained
from shop_recs.serving.retrieve import Row
from shop_recs.serving.rungs import Rung
from shop_recs.tracking.identity import shopper_of


def recommended_for_you(
    request: HttpRequest,
    *,
    limit: int = 12,
    products: QuerySet[Any] | Manager[Any] | None = None,
    product: Any = None,
    exclude: Iterable[Any] = (),
) -> Recommendations:
    """Products for whoever makes this request, by his last events; the very latest counts.

    Two statements: the context and the ranking; a third where the first rung fills less than the list.

    Args:
        limit: products at most.
        products: the queryset to choose from, taken as it is; by default the available products.
        product: the product of the current page, which is left out.
        exclude: further products or keys to leave out.

    Returns:
        The shop's own instances in order; see `Recommendations`.

    Raises:
        TypeError: `products` is no queryset of product instances.
        ValueError: `products` cannot be ranked any more (it is sliced, combined …), or `limit` is negative.
    """
    candidates = rules.candidates(products)
    shopper = shopper_of(request)
    seen = context.of_shopper(shopper, using=candidates.db)
    here = [] if product is None else [product]
    candidates = rules.leave_out(
        candidates,
        [*here, *exclude, *seen.viewed_lately(settings.EXCLUDE_VIEWED)],
        shopper=NOBODY if seen.only_looks else shopper,
        request=request,
        bought=settings.EXCLUDE_PURCHASED,
    )
    return explained(_climb(candidates, ladder.for_shopper(seen), seen, limit=limit), seen)


def similar_items(
    product_or_products: Any,
    *,
    request: HttpRequest | None = None,
    limit: int = 12,
    products: QuerySet[Any] | Manager[Any] | None = None,
    exclude: Iterable[Any] = (),
) -> Recommendations:
    """Products like one product, or like several taken together.

    Two statements, and a third where the first rung fills less than the list.

    Args:
        product_or_products: one product or several; they are not in the list.
        request: with it the shopper's cart is left out; without it the list is the same for everybody.
        limit: products at most.
        products: the queryset to choose from, taken as it is; by default the available products.
        exclude: further products or keys to leave out.

    Returns:
        The shop's own instances in order; see `Recommendations`.

    Raises:
        TypeError: a seed is no product, or `products` is no queryset of product instances.
        ValueError: `products` cannot be ranked any more (it is sliced, combined …), or `limit` is negative.
    """
    seeds = rules.seeds(product_or_products)
    candidates = rules.leave_out(
        rules.candidates(products),
        [*seeds, *exclude],
        shopper=NOBODY if request is None else shopper_of(request),
        request=request,
        bought=False,
    )
    seen = context.of_products(list(seeds), using=candidates.db)
    # What is merely popular or new is called similar only where it is of the same category.
    rows = _climb(candidates, ladder.for_similar(seen), seen, limit=limit, same_category=True)
    return explained(rows, seen, similar_to=seeds)


def _climb(
    candidates: QuerySet[Any],
    rungs: Iterator[Rung],
    seen: Context,
    *,
    limit: int,
    same_category: bool = False,
) -> list[Row]:
    """The best rung's products, then those of all other rungs in one more statement, without repeats.

    With `same_category`, what the best rung does not know shares a category with what was seen.
    """
    if limit < 0:
        raise ValueError(f"limit is {limit}; a list has 0 products or more")
    best = next(rungs, None) if limit else None
    rows: list[Row] = []
    if best and best.personal:
        rows = retrieve.nearest(candidates, best, seen, limit=limit)
    if limit == len(rows):
        return rows
    others = retrieve.of_same_category(candidates, seen) if same_category else candidates
    if best and not best.personal:
        rows = retrieve.nearest(others, best, seen, limit=limit)
    if (missing := limit - len(rows)) > 0:
        others = others.exclude(pk__in=[row.product.pk for row in rows])
        rows += retrieve.remaining(others, list(rungs), seen, limit=missing)
    return rows
