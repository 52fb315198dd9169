"""The tables; one file per concern."""

from shop_recs.models.checkpoints import TrainingCheckpoint
from shop_recs.models.feedback import Feedback, FeedbackKind
from shop_recs.models.imports import ImportCheckpoint
from shop_recs.models.impressions import Impression
from shop_recs.models.interactions import (
    KIND_NAMES,
    CartAddition,
    Favourite,
    Interaction,
    Kind,
    Purchase,
    View,
)
from shop_recs.models.neighbours import ItemNeighbour
from shop_recs.models.placements import Exclusion, Placement, PlacementKind
from shop_recs.models.rules import Action, MerchandisingRule
from shop_recs.models.scores import ItemScore, RepeatInterval
from shop_recs.models.vectors import ItemVector
from shop_recs.models.versions import ActiveModel, EncoderArtefact, JudgedFit, ModelVersion
from shop_recs.models.visitors import Visitor

__all__ = [
    "KIND_NAMES",
    "Action",
    "ActiveModel",
    "CartAddition",
    "EncoderArtefact",
    "Exclusion",
    "Favourite",
    "Feedback",
    "FeedbackKind",
    "ImportCheckpoint",
    "Impression",
    "Interaction",
    "ItemNeighbour",
    "ItemScore",
    "ItemVector",
    "JudgedFit",
    "Kind",
    "MerchandisingRule",
    "ModelVersion",
    "Placement",
    "PlacementKind",
    "Purchase",
    "RepeatInterval",
    "TrainingCheckpoint",
    "View",
    "Visitor",
]
