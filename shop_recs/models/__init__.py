"""The tables; one file per concern."""

from shop_recs.models.checkpoints import TrainingCheckpoint
from shop_recs.models.imports import ImportCheckpoint
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
from shop_recs.models.vectors import ItemVector
from shop_recs.models.versions import ActiveModel, EncoderArtefact, JudgedFit, ModelVersion
from shop_recs.models.visitors import Visitor

__all__ = [
    "KIND_NAMES",
    "ActiveModel",
    "CartAddition",
    "EncoderArtefact",
    "Favourite",
    "ImportCheckpoint",
    "Interaction",
    "ItemNeighbour",
    "ItemVector",
    "JudgedFit",
    "Kind",
    "ModelVersion",
    "Purchase",
    "TrainingCheckpoint",
    "View",
    "Visitor",
]
