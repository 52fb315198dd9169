"""The two lists that every shop has, whatever its placements: for the shopper, and like some products."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db.models import Manager, QuerySet
from django.http import HttpRequest

from shop_recs.serving import eligible
from shop_recs.serving.explain import Recommendations
from shop_recs.serving.placements import FOR_YOU, SIMILAR, Ask, Page


def recommended_for_you(
    request: HttpRequest,
    *,
    limit: int | None = None,
    products: QuerySet[Any] | Manager[Any] | None = None,
    product: Any = None,
    exclude: Iterable[Any] = (),
    using: str | None = None,
) -> Recommendations:
    """Products for whoever makes this request, by his last events; the very latest counts.

    The list of the placement `recommended-for-you`. Two statements: the context and the ranking; a third
    where the first rung fills less than the list.

    Args:
        request: whose history counts.
        limit: products at most; by default as the placement says.
        products: the queryset to choose from, taken as it is; by default the available products.
        product: the product of the current page, which is left out.
        exclude: further products or keys to leave out.
        using: alias of the database to read from, a replica say; by default that of `products`, or as the
            router says.

    Returns:
        The shop's own instances in order; see `Recommendations`.

    Raises:
        TypeError: `products` is no queryset of product instances.
        ValueError: `products` cannot be ranked any more (it is sliced, combined …), or `limit` is negative.
    """
    here = [] if product is None else [product]
    ask = Ask(FOR_YOU, products=products, limit=limit, exclude=[*here, *exclude])
    return Page(request, [ask], using=using).answer(ask)


def similar_items(
    product_or_products: Any,
    *,
    request: HttpRequest | None = None,
    limit: int | None = None,
    products: QuerySet[Any] | Manager[Any] | None = None,
    exclude: Iterable[Any] = (),
    using: str | None = None,
) -> Recommendations:
    """Products like one product, or like several taken together.

    The list of the placement `similar-items`. Two statements, and a third where the first rung fills less
    than the list. What is merely popular or new is called similar only where it is of the same category.

    Args:
        product_or_products: one product or several; they are not in the list.
        request: with it the shopper's cart is left out, and what he hides; without it the list is the same
            for everybody.
        limit: products at most; by default as the placement says.
        products: the queryset to choose from, taken as it is; by default the available products.
        exclude: further products or keys to leave out.
        using: alias of the database to read from, a replica say; by default that of `products`, or as the
            router says.

    Returns:
        The shop's own instances in order; see `Recommendations`.

    Raises:
        TypeError: a seed is no product, or `products` is no queryset of product instances.
        ValueError: `products` cannot be ranked any more (it is sliced, combined …), or `limit` is negative.
    """
    seeds = list(eligible.seeds(product_or_products).values())
    ask = Ask(SIMILAR, seeds, products=products, limit=limit, exclude=exclude)
    return Page(request, [ask], using=using).answer(ask)
