"""Filters that keep a known share of the products, told to the planner or hidden from it."""

from __future__ import annotations

from typing import Any

from django.db.models import Func, IntegerField, QuerySet, TextField
from django.db.models.functions import Cast

LENGTH = 20
"""Products asked for of what a filter keeps."""

SHARES = (0.5, 0.1, 0.01, 0.001)
LEAST, HASHES = -(2**31), 2**32


def scattered(products: QuerySet[Any], share: float) -> QuerySet[Any]:
    """About this share of the products, by a hash of the key, which the planner takes for a third of them."""
    hashed = Func(Cast("pk", TextField()), function="hashtext", output_field=IntegerField())
    kept: QuerySet[Any] = products.alias(_hash=hashed).filter(_hash__lt=LEAST + round(share * HASHES))
    return kept
