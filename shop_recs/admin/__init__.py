"""The pages for administrators; one file per concern."""

from shop_recs.admin.interactions import InteractionAdmin, VisitorAdmin
from shop_recs.admin.placements import PlacementAdmin
from shop_recs.admin.reactions import FeedbackAdmin, ImpressionAdmin
from shop_recs.admin.rules import MerchandisingRuleAdmin
from shop_recs.admin.versions import ModelVersionAdmin

__all__ = [
    "FeedbackAdmin",
    "ImpressionAdmin",
    "InteractionAdmin",
    "MerchandisingRuleAdmin",
    "ModelVersionAdmin",
    "PlacementAdmin",
    "VisitorAdmin",
]
