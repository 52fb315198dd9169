"""What the lists of a page ask of the context: their placements, the rules for them, what they blend."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from typing import Any, TypeVar

from django.core.exceptions import ValidationError
from django.db.backends.base.base import BaseDatabaseWrapper

from shop_recs.conf import get_product_model, settings
from shop_recs.models import MerchandisingRule, Placement
from shop_recs.serving import catalogue, reactions
from shop_recs.serving.lookup import key_type
from shop_recs.serving.whose import NOBODY, of_named
from shop_recs.tracking.identity import Shopper

_Row = TypeVar("_Row", Placement, MerchandisingRule)


@dataclass(frozen=True, slots=True)
class StoredRule:
    """A rule as the context read it.

    Attributes:
        rule: enabled, and within its time.
        products: keys of its products.
        sources: keys of the products that a list must start from.
        of_category: keys of the page's seeds that are of one of its categories.
    """

    rule: MerchandisingRule
    products: Sequence[Any] = ()
    sources: Collection[Any] = ()
    of_category: Collection[Any] = ()

    def __str__(self) -> str:
        return self.rule.name


@dataclass(frozen=True, slots=True)
class Asked:
    """The lists of a page, as far as the context can tell something of them.

    Attributes:
        slugs: of the placements.
        seeds: keys of all products that its lists start from.
        fatigue_of: whose impressions count where a placement has a fatigue.
        draft: a placement that is not stored, and counts as if it were.
        instead: id of a version to serve instead of its algorithm's active one, to compare the two.
    """

    slugs: Sequence[str] = ()
    seeds: Sequence[Any] = ()
    fatigue_of: Shopper = NOBODY
    draft: Placement | None = None
    instead: int | None = None


NOTHING = Asked()

_SHOWN = """CASE WHEN %(fatigue)s OR EXISTS (
    SELECT FROM shop_recs_placement WHERE slug = ANY(%(slugs)s::text[]) AND fatigue > 0
) THEN {shown} END"""

_OF_PAGE = """(
    SELECT json_agg(placement) FROM shop_recs_placement AS placement
    WHERE placement.slug = ANY(%(slugs)s::text[])
), (
    SELECT json_agg(rule ORDER BY rule.priority DESC, rule.id)
    FROM (
        SELECT rule.*, {seeds_of_category} AS of_category
        FROM shop_recs_merchandisingrule AS rule
        WHERE rule.enabled AND (rule.placements = '[]' OR rule.placements ?| %(slugs)s::text[])
          AND (rule.starts_at IS NULL OR rule.starts_at <= statement_timestamp())
          AND (rule.ends_at IS NULL OR rule.ends_at > statement_timestamp())
    ) AS rule
)"""

_SEEDS_OF_CATEGORY = """ARRAY(
    SELECT seed.{key} FROM {table} AS seed
    WHERE rule.categories <> '[]' AND seed.{key} = ANY(%(seeds)s::{key_type}[])
      AND rule.categories ? (seed.{category})::text
)"""


def shown(asked: Asked) -> str:
    """SQL of how often products were shown, where somebody is there and a placement may want to know."""
    if asked.fatigue_of == NOBODY or not asked.slugs:
        return "NULL"
    return _SHOWN.format(shown=reactions.shown(of_named(asked.fatigue_of)))


def of_page(connection: BaseDatabaseWrapper) -> str:
    """SQL of the rows of placements and of rules."""
    quote, meta = connection.ops.quote_name, get_product_model()._meta
    category = catalogue.columns().get(str(settings.PRODUCT_FIELDS["category"]))
    names = {"table": quote(meta.db_table), "key": quote(str(meta.pk.column))}
    seeds = _SEEDS_OF_CATEGORY.format(**names, category=quote(category or ""), key_type=key_type(connection))
    none = f"ARRAY[]::{key_type(connection)}[]"
    return _OF_PAGE.format(seeds_of_category=seeds if category else none)


def rule(row: dict[str, Any]) -> StoredRule:
    made_of = made(MerchandisingRule, row)
    keys = (made_of.products, made_of.sources, row["of_category"])
    return StoredRule(made_of, *map(to_keys, keys))


def to_keys(values: Sequence[Any]) -> list[Any]:
    """Keys as the product's model has them, of what JSON has of them; without what is none."""
    keys = []
    for value in values:
        with suppress(ValidationError):
            keys.append(get_product_model()._meta.pk.to_python(value))
    return keys


def made(model: type[_Row], row: Mapping[str, Any]) -> _Row:
    """The instance of a row, which has further columns while a newer release is rolled out."""
    return model(**{field.attname: row[field.attname] for field in model._meta.concrete_fields})


def blended(asked: Asked) -> list[str]:
    """Sources that placements of the settings blend, or that come with every installation."""
    return ["bought_together", "also_bought", *chain(*(one.blend for one in without_rows(asked)))]


def without_rows(asked: Asked) -> Iterator[Placement]:
    """The placements of which no row of the database tells."""
    for slug in asked.slugs:
        if entry := settings.PLACEMENTS.get(slug):
            yield Placement.of_settings(slug, entry)
    if asked.draft:
        yield asked.draft
