"""A stand-in for the app that does nothing: the demo shop as it was before."""

from __future__ import annotations

from typing import Any


def record_view(*args: Any, **details: Any) -> bool:
    """Record nothing."""
    return False


record_cart = record_purchase = record_view
