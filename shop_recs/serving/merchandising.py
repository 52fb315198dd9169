"""The merchandising rules that are in force for a list, and what they make of its products."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import prod
from typing import Any

from django.db.models import Exists, F, OuterRef, QuerySet

from shop_recs.models import Action, MerchandisingRule
from shop_recs.serving.arrangement import Cap, Quota
from shop_recs.serving.asking import StoredRule
from shop_recs.serving.filters import passing
from shop_recs.serving.retrieve import Row
from shop_recs.tracking.failures import quietly
from shop_recs.tracking.identity import Shopper

FACTORS = {Action.BOOST: 2.0, Action.BURY: 0.5}
"""What a rule without a factor of its own multiplies by."""


@dataclass(frozen=True, slots=True)
class Situation:
    """Where a list stands, as far as the conditions of rules ask.

    Attributes:
        placement: its slug.
        seeds: keys that it starts from.
        category: that the caller asked for, as its key; empty without.
        segment: of the shopper.
        shopper: who looks.
    """

    placement: str
    seeds: Collection[Any]
    category: str
    segment: str
    shopper: Shopper


def in_force(rules: Iterable[StoredRule], situation: Situation, products: QuerySet[Any]) -> Merchandising:
    """The rules whose conditions hold, the higher priority first; without those that cannot be applied.

    Args:
        rules: the higher priority first.
        situation: of the list.
        products: that the list chooses from.
    """
    holding = (stored for stored in rules if _holds(stored, situation))
    return Merchandising([stored for stored in holding if _works(stored, products)])


@dataclass(frozen=True)  # without slots, for what is found once
class Merchandising:
    """What some rules want of one list.

    Attributes:
        rules: the higher priority first.
    """

    rules: Sequence[StoredRule] = field(default_factory=list)

    def of(self, *actions: Action) -> Iterator[StoredRule]:
        """The rules that do one of these."""
        return (stored for stored in self.rules if stored.rule.action in actions)

    @cached_property
    def ranks(self) -> bool:
        """Whether any rule asks for more than to leave products out."""
        return any(stored.rule.action != Action.HIDE for stored in self.rules)

    def visible(self, products: QuerySet[Any]) -> QuerySet[Any]:
        """`products` without what some rule hides."""
        for stored in self.of(Action.HIDE):
            products = without(products, stored)
        return products

    @cached_property
    def pins(self) -> dict[int, Any]:
        """Key of the product of a place, by place; the next place is free where one is taken already."""
        pins: dict[int, Any] = {}
        for stored in self.of(Action.PIN):
            place = stored.rule.position or 1
            for product in stored.products:
                while place in pins:
                    place += 1
                if product not in pins.values():
                    pins[place] = product
        return pins

    @property
    def caps(self) -> list[Cap]:
        return [Cap(stored.rule.at_most or 1, _value(stored)) for stored in self.of(Action.CAP)]

    def below_caps(self, products: QuerySet[Any], chosen: Sequence[Row]) -> QuerySet[Any]:
        """The products of which a list with these rows may still have some."""
        for stored in self.of(Action.CAP):
            counts = Counter(row.known.get(_value(stored)) for row in chosen)
            full = [value for value, count in counts.items() if count >= (stored.rule.at_most or 1)]
            if full := [value for value in full if value is not None]:
                products = products.exclude(**{f"{stored.rule.per}__in": full})
        return products

    @property
    def quotas(self) -> list[Quota]:
        return [Quota(stored.rule.share or 0.0, _member(stored)) for stored in self.of(Action.SHARE)]

    def wanted(self) -> Iterator[StoredRule]:
        """The rules whose products shall be looked at although no rung ranks them high."""
        return self.of(Action.BOOST, Action.SHARE)

    def wants(self, row: Row) -> bool:
        """Whether a row may be in the list for a rule alone."""
        pinned = row.product.pk in self.pins.values()
        return pinned or any(row.known.get(_member(stored)) for stored in self.wanted())

    def asked(self, products: QuerySet[Any]) -> dict[str, Any]:
        """What the ranking statement must say of a product for the rules, as expressions by name."""
        members = {
            _member(stored): _among(products, stored)
            for stored in self.of(Action.BOOST, Action.BURY, Action.SHARE)
        }
        return members | {_value(stored): F(stored.rule.per) for stored in self.of(Action.CAP)}

    def adjusted(self, rows: Iterable[Row]) -> list[Row]:
        """The rows with the factors of the rules, in the order that these give.

        The worth of a row is one over its place, so that a factor of 2 brings what would be tenth to the
        fifth place, and one of 0.5 what would be fifth to the tenth.
        """
        best_first = sorted(rows, key=lambda row: -row.worth)
        factored = [self._with_factors(row, place) for place, row in enumerate(best_first, start=1)]
        # Of equals what was lifted comes first and what was lowered last, or neither would reach its place.
        return sorted(factored, key=lambda row: (-row.worth, -prod(row.factors.values())))

    def named(self, rows: Iterable[Row]) -> list[Row]:
        """The rows of a list, with the rules by which they are in it and what these write on them."""
        if not self.rules:
            return list(rows)
        pins = {pk: stored for stored in self.of(Action.PIN) for pk in stored.products}
        favour = list(self.of(Action.BOOST, Action.SHARE))
        named = []
        for row in rows:
            by = [pins[row.product.pk]] if row.product.pk in pins else []
            by += [stored for stored in favour if row.known.get(_member(stored))]
            label = next((stored.rule.label for stored in by if stored.rule.label), "")
            placed = "pinned" if row.rung is None and row.product.pk in pins else row.placed
            named.append(replace(row, rules=tuple(map(str, by)), label=label, placed=placed))
        return named

    def _with_factors(self, row: Row, place: int) -> Row:
        factors = dict(row.factors)
        for stored in self.of(Action.BOOST, Action.BURY):
            if row.known.get(_member(stored)):
                usual = FACTORS[Action(stored.rule.action)]
                factors[str(stored)] = usual if stored.rule.factor is None else stored.rule.factor
        return replace(row, worth=prod(factors.values()) / place, factors=factors)


NO_RULES = Merchandising()


def belonging(products: QuerySet[Any], stored: StoredRule) -> QuerySet[Any]:
    """The products of a rule among `products`."""
    if stored.rule.filter:
        return passing(products, stored.rule.filter, of=f"rule {stored.rule.name!r}")
    return products.filter(pk__in=stored.products)


def without(products: QuerySet[Any], stored: StoredRule) -> QuerySet[Any]:
    """`products` less those of a rule."""
    if not stored.rule.filter:
        return products.exclude(pk__in=stored.products)
    if isinstance(stored.rule.filter, Mapping):
        return products.exclude(**stored.rule.filter)
    return products.exclude(_among(products, stored))


def _among(products: QuerySet[Any], stored: StoredRule) -> Exists:
    own = belonging(products.model._default_manager.using(products.db), stored)
    return Exists(own.filter(pk=OuterRef("pk")))


def _member(stored: StoredRule) -> str:
    return f"of_rule_{stored.rule.pk}"


def _value(stored: StoredRule) -> str:
    return f"value_of_rule_{stored.rule.pk}"


def _holds(stored: StoredRule, situation: Situation) -> bool:
    rule = stored.rule
    of_category = situation.category in map(str, rule.categories) or _any(situation.seeds, stored.of_category)
    return (
        (not rule.placements or situation.placement in rule.placements)
        and (not stored.sources or _any(situation.seeds, stored.sources))
        and (not rule.categories or of_category)
        and (not rule.segments or situation.segment in rule.segments)
        and (rule.percent >= 100 or _bucket(rule, situation.shopper) < rule.percent)
    )


def _works(stored: StoredRule, products: QuerySet[Any]) -> bool:
    """Whether a rule can be applied: what it names may have gone from the shop since it was saved."""
    with quietly(f"apply the rule {stored.rule.name!r}"):
        if stored.rule.action == Action.CAP:
            products.order_by(stored.rule.per)
        elif stored.rule.filter:
            belonging(products, stored)
            _among(products, stored)
        return True
    return False


def _any(keys: Collection[Any], others: Collection[Any]) -> bool:
    return not set(keys).isdisjoint(others)


def _bucket(rule: MerchandisingRule, shopper: Shopper) -> int:
    """0 to 99, always the same for a shopper and a rule; 100 for a shopper whom nobody knows."""
    whom = shopper.user_id or shopper.visitor_id
    if whom is None:
        return 100
    digest = hashlib.sha256(f"{rule.pk}:{whom}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % 100
