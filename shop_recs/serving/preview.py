"""Lists as they would be with a placement or a rule that is not stored yet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from shop_recs.conf import get_product_model
from shop_recs.models import MerchandisingRule, Placement
from shop_recs.serving.context import NOBODY, Context, StoredRule
from shop_recs.serving.explain import Recommendations
from shop_recs.serving.placements import Ask, Page
from shop_recs.serving.retrieve import category_field
from shop_recs.tracking.identity import Shopper


@dataclass(frozen=True, slots=True)
class Onlooker:
    """Who looks at a preview.

    Attributes:
        shopper: whose history counts.
        segment: theirs.
    """

    shopper: Shopper = NOBODY
    segment: str = ""


class _Draft(Page):
    """A page for which the database says something else than it does."""

    def __init__(self, ask: Ask, onlooker: Onlooker, amended: Callable[[Context], Context]) -> None:
        super().__init__(None, [ask])
        self.shopper = onlooker.shopper
        self.segment = onlooker.segment
        self._amended = amended

    def _read(self, read: Context) -> Context:
        return super()._read(self._amended(read))


def of_placement(placement: Placement, ask: Ask, onlooker: Onlooker) -> Recommendations:
    """The list of a placement that need not be stored."""

    def amended(read: Context) -> Context:
        return replace(read, stored={**read.stored, placement.slug: placement})

    return _Draft(ask, onlooker, amended).answer(ask)


def of_rule(
    rule: MerchandisingRule, products: Sequence[Any], sources: Sequence[Any], ask: Ask, onlooker: Onlooker
) -> tuple[Recommendations, Recommendations]:
    """The list before and after a rule, which counts as enabled, in its time and for all shoppers.

    Args:
        rule: stored or not.
        products: keys of its products.
        sources: keys of the products that a list must start from.
    """
    of_category = _of_category(ask.keys, rule.categories)
    draft = MerchandisingRule(
        **{field.attname: getattr(rule, field.attname) for field in rule._meta.concrete_fields}
    )
    draft.percent = 100
    stored = StoredRule(draft, products, sources, of_category)

    def before(read: Context) -> Context:
        others = [other for other in read.rules if other.rule.pk != rule.pk or rule.pk is None]
        return replace(read, rules=others)

    def after(read: Context) -> Context:
        rules = [*before(read).rules, stored]
        return replace(read, rules=sorted(rules, key=lambda other: -other.rule.priority))

    return _Draft(ask, onlooker, before).answer(ask), _Draft(ask, onlooker, after).answer(ask)


def _of_category(seeds: Sequence[Any], categories: Sequence[str]) -> list[Any]:
    """The seeds that are of one of these categories."""
    field = category_field(get_product_model())
    if field is None or not categories or not seeds:
        return []
    own = get_product_model()._base_manager.filter(pk__in=seeds)
    return [key for key, category in own.values_list("pk", field) if str(category) in categories]
