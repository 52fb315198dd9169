"""Which products may be in a list: what the shop offers, less what this shopper need not see."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import BooleanField, Func, Manager, Model, Q, QuerySet
from django.db.models.query import ModelIterable
from django.http import HttpRequest
from django.utils.module_loading import import_string

from shop_recs.conf import get_product_model, settings
from shop_recs.models import Kind
from shop_recs.serving.compiled import Placeholder
from shop_recs.serving.lookup import IsListed, ListedPosition
from shop_recs.serving.reactions import IsHidden
from shop_recs.serving.whose import NOBODY, of_shopper
from shop_recs.tracking.identity import Shopper

if TYPE_CHECKING:
    from shop_recs.serving.context import Event

_Products = TypeVar("_Products", bound=QuerySet[Any])

CART_LASTS = timedelta(days=30)
"""What was carted longer ago no longer counts as in the cart, where the shop does not say what is."""


_IN_LOG = """EXISTS (
    SELECT 1 FROM shop_recs_interaction AS seen
    WHERE seen.product_id = {key} AND {of_shopper} AND ({asked})
)"""
_BOUGHT = "seen.kind = {purchase}"
_CARTED = """seen.kind = {cart} AND seen.occurred_at > greatest(
    now() - interval '{days} days',
    (SELECT max(occurred_at) FROM shop_recs_interaction WHERE {of_shopper} AND kind = {purchase})
)"""


class InLog(Func):
    """Whether the shopper bought the product or put it into the cart: whichever of these is asked.

    `EXISTS`, where `IN` would do: the planner prices the hashed subquery of an `IN` once per product, and so
    rather sorts the whole catalogue than walks the vectors' index.
    """

    output_field = BooleanField()

    def __init__(self, key: Any, *, shopper: Shopper, asked: Sequence[str]) -> None:
        super().__init__(key)
        self.shopper = shopper
        self.asked = asked

    def as_sql(  # type: ignore[override]
        self, compiler: Any, connection: BaseDatabaseWrapper, **extra: Any
    ) -> tuple[str, tuple[Any, ...]]:
        key, parameters = compiler.compile(self.source_expressions[0])
        condition, whom = of_shopper(self.shopper)
        asked = " OR ".join(self.asked).format(
            of_shopper=condition,
            purchase=Kind.PURCHASE.value,
            cart=Kind.CART.value,
            days=CART_LASTS.days,
        )
        statement = _IN_LOG.format(key=key, of_shopper=condition, asked=asked)
        return statement, (*parameters, *whom * (1 + asked.count(condition)))


def available() -> QuerySet[Any]:
    """The products that may be shown, by `SHOP_RECS["AVAILABLE"]`."""
    products: QuerySet[Any] = get_product_model()._default_manager.all()
    rule = settings.AVAILABLE
    if isinstance(rule, str):
        filtered: QuerySet[Any] = import_string(rule)(products)
        return filtered
    return products.filter(**rule)


def in_order(keys: Sequence[Any]) -> QuerySet[Any]:
    """The available products with these keys, in this order."""
    return available().filter(pk__in=keys).order_by(ListedPosition(keys))


def candidates(products: QuerySet[Any] | Manager[Any] | None) -> QuerySet[Any]:
    """The products to rank: the caller's own queryset as it is, or else the available ones.

    Raises:
        TypeError: it is no queryset of product instances.
        ValueError: it is a queryset that cannot be ranked any more.
    """
    if products is None:
        return available()
    queryset = products.all() if isinstance(products, Manager) else products
    model = get_product_model()
    if not isinstance(queryset, QuerySet) or not issubclass(queryset.model, model):
        raise TypeError(f"products must be a queryset of {model._meta.label}, not {type(products).__name__}")
    if queryset._iterable_class is not ModelIterable:
        raise TypeError("products must give product instances; leave values() and values_list() out")
    if problem := _unrankable(queryset):
        raise ValueError(
            f"products is {problem} and cannot be ranked any more; write "
            f"{model.__name__}.objects.filter(pk__in=queryset.values('pk')) instead"
        )
    return queryset


def unwanted(
    keys: Iterable[Any] = (),
    *,
    shopper: Shopper = NOBODY,
    request: HttpRequest | None = None,
    bought: bool = False,
    carted: bool = False,
    feedback_of: Shopper = NOBODY,
    events: Sequence[Event] | None = None,
) -> Unwanted:
    """What a list leaves out.

    Args:
        keys: products, or their keys.
        shopper: whose log is asked.
        request: whose cart counts, where the shop says what is in it.
        bought: leave out what was ever bought.
        carted: leave out what is in the cart.
        feedback_of: leave out what this shopper hides.
        events: all that the shopper did, where that is known; then the log is not asked again.
    """
    cart = import_string(settings.CART)(request) if carted and settings.CART and request else ()
    carted = carted and settings.CART is None
    if events is not None:
        shopper, keys = NOBODY, [*keys, *_in_events(events, bought=bought, carted=carted)]
    asked = (*([_BOUGHT] if bought else []), *([_CARTED] if carted else []))
    key = get_product_model()._meta.pk.get_prep_value
    return Unwanted(
        list({key(key_of(product)) for product in (*keys, *cart)}),
        shopper=shopper if asked else NOBODY,
        asked=asked if shopper != NOBODY else (),
        feedback_of=feedback_of,
    )


def _in_events(events: Sequence[Event], *, bought: bool, carted: bool) -> Iterator[Any]:
    """The keys that `InLog` would find, had it only these events."""
    purchases = [event for event in events if event.kind == Kind.PURCHASE]
    since = min([CART_LASTS.days, *(event.age for event in purchases)])
    for event in events:
        in_cart = event.kind == Kind.CART and event.age < since
        if (carted and in_cart) or (bought and event.kind == Kind.PURCHASE):
            yield event.product


@dataclass(frozen=True, slots=True)
class Unwanted:
    """What a shopper need not see.

    Attributes:
        keys: of products.
        shopper: who did with products what is asked; nobody, where that is known to be none.
        asked: what it is.
        feedback_of: who hides products.
    """

    keys: Any
    shopper: Shopper
    asked: tuple[str, ...]
    feedback_of: Shopper

    def taken_from(self, products: _Products) -> _Products:
        """`products` without these."""
        conditions: list[Any] = [IsListed(self.keys)] if self.keys else []
        if self.feedback_of != NOBODY:
            conditions.append(IsHidden("pk", shopper=self.feedback_of))
        if self.shopper != NOBODY:
            conditions.append(InLog("pk", shopper=self.shopper, asked=self.asked))
        return products.filter(*(~Q(condition) for condition in conditions)) if conditions else products

    @property
    def shape(self) -> Hashable:
        """What statements have in common that differ in `values` alone."""
        somebody = [(one != NOBODY, one.user_id is None) for one in (self.shopper, self.feedback_of)]
        return bool(self.keys), self.asked, *somebody

    @property
    def values(self) -> dict[str, Any]:
        """The values of the placeholders in a statement of `opened`."""
        named = {"unwanted": self.keys}
        for name, one in (("shopper", self.shopper), ("feedback_of", self.feedback_of)):
            named |= {f"{name}_user": one.user_id, f"{name}_visitor": one.visitor_id}
        return named

    def opened(self) -> Unwanted:
        """The same with placeholders for its values."""
        return replace(
            self,
            keys=Placeholder("unwanted") if self.keys else [],
            shopper=_opened("shopper", self.shopper),
            feedback_of=_opened("feedback_of", self.feedback_of),
        )


NOTHING = Unwanted([], shopper=NOBODY, asked=(), feedback_of=NOBODY)


def _opened(name: str, shopper: Shopper) -> Shopper:
    if shopper == NOBODY:
        return NOBODY
    user: Any = None if shopper.user_id is None else Placeholder(f"{name}_user")
    visitor: Any = Placeholder(f"{name}_visitor")
    return Shopper(visitor_id=visitor, user_id=user)


def seeds(product_or_products: Any) -> dict[Any, Any]:
    """The products that a list of similar ones starts from, by key and in order.

    Raises:
        TypeError: one of them is no product.
    """
    model = get_product_model()
    products = listed(product_or_products)
    if wrong := [product for product in products if not isinstance(product, model)]:
        raise TypeError(f"similar items need instances of {model._meta.label}, not {wrong[0]!r:.100}")
    return {product.pk: product for product in products}


def listed(product_or_products: Any) -> list[Any]:
    """One product, or several of them or of their keys, as a list."""
    return [product_or_products] if isinstance(product_or_products, Model) else list(product_or_products)


def key_of(product: Any) -> Any:
    """The key of a product that is given as an instance or by its key."""
    return getattr(product, "pk", product)


def _unrankable(queryset: QuerySet[Any]) -> str | None:
    query = queryset.query
    if query.is_sliced:
        return "sliced"
    if query.combinator:
        return f"made by {query.combinator}()"
    return "distinct on some fields" if query.distinct_fields else None
