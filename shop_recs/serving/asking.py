"""What the lists of a page ask of the context: their placements, the rules for them, what they blend."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from typing import Any, TypeVar

from django.core.exceptions import ValidationError

from shop_recs.conf import get_product_model, settings
from shop_recs.models import MerchandisingRule, Placement
from shop_recs.serving.kinds import USUAL
from shop_recs.serving.whose import NOBODY
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

USUALLY_BLENDED = sorted({name for usual in USUAL.values() for name in usual.blend})
"""What placements blend that do not say what."""


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
    """Sources that placements of the settings blend."""
    return list(chain(*(one.blend or USUAL[one.kind].blend for one in without_rows(asked))))


def without_rows(asked: Asked) -> Iterator[Placement]:
    """The placements of which no row of the database tells."""
    for slug in asked.slugs:
        if entry := settings.PLACEMENTS.get(slug):
            yield Placement.of_settings(slug, entry)
    if asked.draft:
        yield asked.draft
