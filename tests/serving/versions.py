"""Publishes vectors and neighbours made by hand, as a training would leave them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from shop_recs.algorithms.base import FittedNeighbours
from shop_recs.algorithms.encoders import Encoder
from shop_recs.algorithms.encoders.constant import ConstantEncoder
from shop_recs.algorithms.encoders.fold_in import FoldInEncoder
from shop_recs.algorithms.encoders.weights import WeightsEncoder
from shop_recs.models import ActiveModel, EncoderArtefact, ItemNeighbour, ItemVector, ModelVersion
from shop_recs.training import partitions
from shop_recs.training.contents import neighbour_rows, vector_rows

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
    return _activated(version, encoder or fold_in(vectors))


def publish_neighbours(
    algorithm: str,
    products: Sequence[Any],
    fitted: FittedNeighbours,
    *,
    encoder: Encoder | None = None,
    finds_similar: bool = True,
) -> ModelVersion:
    """A ready and active version of these neighbours."""
    version = ModelVersion.objects.create(
        algorithm=algorithm,
        status=ModelVersion.Status.READY,
        pair_count=len(fitted.neighbours),
        item_count=np.count_nonzero(fitted.known),
        finds_similar=finds_similar,
    )
    partitions.create(ItemNeighbour, version.pk)
    partitions.load(ItemNeighbour, version.pk, neighbour_rows(fitted, [product.pk for product in products]))
    partitions.attach(ItemNeighbour, version.pk)
    return _activated(version, encoder or fitted.encoder)


def neighbours(pairs: Mapping[int, Mapping[int, float]], *, n_items: int) -> FittedNeighbours:
    """Neighbours by item index: `{0: {1: 0.9, 2: 0.5}}`; the newest event of a history weighs most."""
    own = [sorted(pairs.get(item, {}).items(), key=lambda pair: -pair[1]) for item in range(n_items)]
    rows = [pair for of_item in own for pair in of_item]
    return FittedNeighbours(
        offsets=np.cumsum([0, *map(len, own)]),
        neighbours=np.array([neighbour for neighbour, _ in rows], dtype=np.int32),
        pair_scores=np.array([score for _, score in rows], dtype=np.float32),
        support=np.ones(len(rows), dtype=np.int32),
        known=np.array([bool(of_item) for of_item in own]),
        encoder=WeightsEncoder(
            np.ones(8, dtype=np.float32), half_life_days=1.0, step_decay=1.0, history_length=50
        ),
    )


def _activated(version: ModelVersion, encoder: Encoder) -> ModelVersion:
    """The version, with its encoder stored and the pointer moved to it."""
    content = encoder.dumps()
    EncoderArtefact.objects.create(
        version=version,
        name=encoder.name,
        content=content,
        sha256=hashlib.sha256(content).hexdigest(),
    )
    ActiveModel.objects.update_or_create(algorithm=version.algorithm, defaults={"version": version})
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
