"""Lists as they would be with a placement or a rule that is not stored yet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import inf
from typing import Any

from shop_recs.conf import get_product_model
from shop_recs.models import MerchandisingRule, Placement
from shop_recs.serving.asking import StoredRule, to_keys
from shop_recs.serving.catalogue import category_field
from shop_recs.serving.context import Context
from shop_recs.serving.explain import Recommendations
from shop_recs.serving.placements import Ask, Page
from shop_recs.serving.whose import NOBODY
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

    def made(self) -> Recommendations:
        """Its one list, which nobody counts as served."""
        return self.listing(self.asks[0]).made()

    def _read(self, read: Context) -> Context:
        return super()._read(self._amended(read))


@dataclass(frozen=True, slots=True)
class Tried:
    """A list before and after a rule, and whether the conditions of the rule hold for it at all."""

    before: Recommendations
    after: Recommendations
    holds: bool


def of_placement(placement: Placement, ask: Ask, onlooker: Onlooker) -> Recommendations:
    """The list of a placement that need not be stored."""

    def amended(read: Context) -> Context:
        return replace(read, stored={**read.stored, placement.slug: placement})

    page = _Draft(ask, onlooker, amended)
    page.asked = replace(page.asked, draft=placement)
    return page.made()


def of_rule(rule: MerchandisingRule, ask: Ask, onlooker: Onlooker) -> Tried:
    """What a rule, stored or not, makes of a list; it counts as enabled, in its time and for all shoppers."""
    draft = MerchandisingRule(
        **{field.attname: getattr(rule, field.attname) for field in rule._meta.concrete_fields}
    )
    draft.percent = 100
    of_category = _of_category(ask.keys, rule.categories)
    stored = StoredRule(draft, to_keys(rule.products), to_keys(rule.sources), of_category)

    def before(read: Context) -> Context:
        others = [other for other in read.rules if other.rule.pk != rule.pk or rule.pk is None]
        return replace(read, rules=others)

    def after(read: Context) -> Context:
        # As the shop has them: of the same priority the one that was made first.
        rules = sorted(
            [*before(read).rules, stored], key=lambda one: (-one.rule.priority, one.rule.pk or inf)
        )
        return replace(read, rules=rules)

    with_rule = _Draft(ask, onlooker, after)
    listing = with_rule.listing(ask)
    return Tried(
        _Draft(ask, onlooker, before).made(),
        with_rule.made(),
        holds=any(one.rule is draft for one in listing.merchandising.rules),
    )


def _precedence(stored: StoredRule) -> tuple[float, float]:
    """As the shop has it: of the same priority what was made first."""
    return -stored.rule.priority, stored.rule.pk or inf


def _of_category(seeds: Sequence[Any], categories: Sequence[str]) -> list[Any]:
    """The seeds that are of one of these categories."""
    field = category_field(get_product_model())
    if field is None or not categories or not seeds:
        return []
    own = get_product_model()._base_manager.filter(pk__in=seeds)
    return [key for key, category in own.values_list("pk", field) if str(category) in categories]
