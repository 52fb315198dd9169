"""The read side: lists of the shop's own products, ranked in its own database."""

from shop_recs.serving.answer import recommended_for_you, similar_items
from shop_recs.serving.explain import Recommendation, Recommendations
from shop_recs.serving.placements import Ask, recommend, recommend_page

__all__ = [
    "Ask",
    "Recommendation",
    "Recommendations",
    "recommend",
    "recommend_page",
    "recommended_for_you",
    "similar_items",
]
