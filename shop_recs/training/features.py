"""What the shop says of its products, as a code for each value: categories, brands, ranges of prices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from django.db.models import DecimalField, F, FloatField, IntegerField, QuerySet

from shop_recs.algorithms.base import ItemFeature
from shop_recs.conf import get_product_model, settings

RANGES = 20
"""Ranges, each of about as many products, that a number is put into."""


def read() -> tuple[ItemFeature, ...]:
    """The fields of `ITEM_FEATURES` for all products of the shop, in the order of their keys."""
    names = tuple(settings.ITEM_FEATURES)
    # Not by a manager of the shop's, which might leave some out. Of several values the last is taken.
    rows = QuerySet(get_product_model()).order_by("pk").values_list("pk", *names) if names else ()
    values = {key: rest for key, *rest in rows}.values()
    return tuple(
        (ranges if _is_number(name) else categories)(name, column)
        for name, column in zip(names, zip(*values, strict=True), strict=True)
    )


def ranges(name: str, values: Sequence[Any]) -> ItemFeature:
    """Numbers in ranges of about equally many items; what is no finite number is missing."""
    numbers = np.array([np.nan if value is None else float(value) for value in values])
    finite = np.isfinite(numbers)
    if not finite.any():
        return ItemFeature(name, np.full(len(numbers), -1, dtype=np.int32), 0)
    edges = np.unique(np.quantile(numbers[finite], np.arange(1, RANGES) / RANGES))
    codes = np.where(finite, np.searchsorted(edges, numbers, side="right"), -1)
    return ItemFeature(name, codes.astype(np.int32), len(edges) + 1)


def categories(name: str, values: Sequence[Any]) -> ItemFeature:
    """Values as they are; empty ones are missing, as are those of a single item: they tell of no other."""
    texts = ["" if value is None else str(value).strip() for value in values]
    found, places, counts = np.unique(texts, return_inverse=True, return_counts=True)
    kept = (counts > 1) & (found != "")
    codes = np.where(kept, np.cumsum(kept) - 1, -1)[places]
    return ItemFeature(name, codes.astype(np.int32), int(kept.sum()))


def _is_number(name: str) -> bool:
    """Whether the field measures something: no key, and no number that stands for a choice."""
    field = F(name).resolve_expression(QuerySet(get_product_model()).query).output_field
    measures = isinstance(field, IntegerField | FloatField | DecimalField)
    return measures and not (field.primary_key or field.choices)
