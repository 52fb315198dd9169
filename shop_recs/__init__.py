"""Recommendations for Django shops, inside the shop's own PostgreSQL."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from shop_recs.serving import Ask, recommend, recommend_page, recommended_for_you, similar_items
    from shop_recs.tracking.feedback import hide, not_interested, show_again
    from shop_recs.tracking.impressions import record_impressions
    from shop_recs.tracking.record import record_cart, record_favourite, record_purchase, record_view

__version__ = "0.1.0"

# Imported on first use: importing the package must not touch the app registry.
_PUBLIC = {
    "Ask": "shop_recs.serving",
    "recommend": "shop_recs.serving",
    "recommend_page": "shop_recs.serving",
    "recommended_for_you": "shop_recs.serving",
    "similar_items": "shop_recs.serving",
    "record_impressions": "shop_recs.tracking.impressions",
    "record_view": "shop_recs.tracking.record",
    "record_favourite": "shop_recs.tracking.record",
    "record_cart": "shop_recs.tracking.record",
    "record_purchase": "shop_recs.tracking.record",
    "hide": "shop_recs.tracking.feedback",
    "not_interested": "shop_recs.tracking.feedback",
    "show_again": "shop_recs.tracking.feedback",
}

__all__ = [
    "Ask",
    "hide",
    "not_interested",
    "recommend",
    "recommend_page",
    "recommended_for_you",
    "record_cart",
    "record_favourite",
    "record_impressions",
    "record_purchase",
    "record_view",
    "show_again",
    "similar_items",
]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'shop_recs' has no attribute {name!r}")
    return getattr(import_module(_PUBLIC[name]), name)
