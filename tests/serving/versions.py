"""Publishes vectors made by hand, as a training would leave them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from shop_recs.algorithms.encoders import Encoder
from shop_recs.algorithms.encoders.constant import ConstantEncoder
from shop_recs.algorithms.encoders.fold_in import FoldInEncoder
from shop_recs.models import ActiveModel, EncoderArtefact, ItemVector, ModelVersion
from shop_recs.training import partitions
from shop_recs.training.contents import vector_rows

OPERATORS = ("vector_ip_ops", "vector_cosine_ops")


def publish_vectors(
    algorithm: str,
    products: Sequence[Any],
    vectors: np.ndarray,
    *,
    encoder: Encoder | None = None,
    finds_similar: bool = True,
    unit_norm: bool = False,
    indexed: bool = False,
) -> ModelVersion:
    """A ready and active version with one vector `(d,)` for each product."""
    vectors = np.asarray(vectors, dtype=np.float32)
    version = ModelVersion.objects.create(
        algorithm=algorithm,
        status=ModelVersion.Status.READY,
        dimensions=vectors.shape[1],
        item_count=len(vectors),
        finds_similar=finds_similar,
        unit_norm=unit_norm,
    )
    partitions.create(ItemVector, version.pk)
    partitions.load(ItemVector, version.pk, vector_rows([product.pk for product in products], vectors))
    if indexed:
        partitions.index(version.pk, dimensions=vectors.shape[1], operators=OPERATORS)
    partitions.attach(ItemVector, version.pk)
    content = (encoder or fold_in(vectors)).dumps()
    EncoderArtefact.objects.create(
        version=version,
        name=(encoder or FoldInEncoder).name,
        content=content,
        sha256=hashlib.sha256(content).hexdigest(),
    )
    ActiveModel.objects.update_or_create(algorithm=algorithm, defaults={"version": version})
    return version


def publish_popularity(
    products: Sequence[Any], scores: Sequence[float] | None = None, *, indexed: bool = False
) -> ModelVersion:
    """A `popular` version; without scores the first product is the most popular."""
    scores = list(range(len(products), 0, -1)) if scores is None else list(scores)
    return publish_vectors(
        "popular",
        products,
        np.array(scores, dtype=np.float32)[:, None],
        encoder=ConstantEncoder(np.ones(1, dtype=np.float32)),
        finds_similar=False,
        indexed=indexed,
    )


def fold_in(vectors: np.ndarray) -> FoldInEncoder:
    """The encoder that ALS would leave with these vectors."""
    dimensions = vectors.shape[1]
    return FoldInEncoder(
        vectors.T @ vectors + np.eye(dimensions, dtype=np.float32),
        np.ones(8, dtype=np.float32),
        alpha=10.0,
        half_life_days=np.inf,
        step_decay=0.9,
        history_length=50,
    )
