"""The read side: lists of the shop's own products, ranked in its own database."""

from shop_recs.serving.answer import recommended_for_you, similar_items
from shop_recs.serving.explain import Recommendation, Recommendations

__all__ = ["Recommendation", "Recommendations", "recommended_for_you", "similar_items"]
