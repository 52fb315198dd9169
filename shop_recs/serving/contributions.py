"""What each event of a history adds to the scores of products: exactly, or by leaving the event out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np

from shop_recs.algorithms.encoders import AdditiveEncoder, Encoder, History
from shop_recs.models import ItemNeighbour
from shop_recs.serving import encoding
from shop_recs.serving.context import Context
from shop_recs.serving.rungs import Floats, Measured, NeighbourRung, Rung, VectorRung


class Method(StrEnum):
    """How it is known what an event adds."""

    EXACT = "exact"
    """The score is a sum over the events; these are its terms."""
    LEFT_OUT = "left_out"
    """The score less the score without the event. These do not sum up to the score."""


@dataclass(frozen=True, slots=True)
class Contributions:
    """What events add to scores.

    Attributes:
        method: how it is known.
        places: `(k,)` of the events among those of the context; None where the product was deleted since.
        amounts: `(n, k)` by product and event.
    """

    method: Method
    places: list[int | None]
    amounts: Floats

    def of(self, number: int) -> dict[int | None, float]:
        """What the events add to the score of one product, by place, those that change it most first."""
        added: dict[int | None, float] = {}
        for place, amount in zip(self.places, self.amounts[number].tolist(), strict=True):
            added[place] = added.get(place, 0.0) + amount
        return dict(sorted(added.items(), key=lambda pair: -abs(pair[1])))


def contributions(
    rung: Rung, context: Context, products: Sequence[tuple[Any, Measured]], *, using: str
) -> Contributions | None:
    """What the events of the context add to what the rung says of some products, given by their keys.

    None where the rung does not rank by the events, or where it ranks the events' own products.
    """
    if isinstance(rung, NeighbourRung):
        return _of_pairs(rung, [key for key, _ in products], using=using)
    if not isinstance(rung, VectorRung) or not rung.personal:
        return None
    vectors = np.array([measured.vector for _, measured in products], dtype=np.float32)
    vectors = vectors.reshape(-1, rung.version.dimensions)
    if rung.by_angle:
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True) * np.linalg.norm(rung.query)
        vectors /= lengths
    method, parts = _parts(rung, context)
    return Contributions(method, rung.version.places.tolist(), vectors @ parts.T)


def weights(rung: Rung, context: Context) -> dict[int, float]:
    """How much each event weighs for a rung, by its place, where the rung weighs events."""
    if isinstance(rung, NeighbourRung):
        pairs = zip(rung.places, rung.weights, strict=True)
        return {place: weight for place, weight in pairs if place is not None}
    if not isinstance(rung, VectorRung) or not rung.personal:
        return {}
    places = rung.version.places.tolist()
    if _is_average(rung):
        return dict.fromkeys(places, 1 / len(places))
    weighed = _encoder(rung).weights(context.history(rung.version))
    return {} if weighed is None else dict(zip(places, weighed.tolist(), strict=True))


def _parts(rung: VectorRung, context: Context) -> tuple[Method, Floats]:
    """`(k, d)` what each event that the version knows adds to the query vector."""
    version = rung.version
    if _is_average(rung):
        return Method.EXACT, version.units / np.float32(len(version.places))
    encoder, history = _encoder(rung), context.history(version)
    if isinstance(encoder, AdditiveEncoder):
        return Method.EXACT, encoder.parts(history)
    return Method.LEFT_OUT, rung.query - _without_each(encoder, history, rung.query)


def _is_average(rung: VectorRung) -> bool:
    """Whether the query is the mean direction of products, and was not encoded."""
    return np.array_equal(rung.query, rung.version.units.mean(axis=0))


def _encoder(rung: VectorRung) -> Encoder:
    encoder = encoding.encoder(str(rung.version.sha256))
    assert encoder is not None  # it made the query
    return encoder


def _without_each(encoder: Encoder, history: History, query: Floats) -> Floats:
    """`(k, d)` the query vectors of the history without each of its interactions; zeros without an answer."""
    rest = np.tile(query, (len(history), 1))
    for place in range(max(len(history) - encoder.history_length, 0), len(history)):
        kept = np.arange(len(history)) != place
        answer = encoder(History(history.vectors[kept], history.kinds[kept], history.ages[kept]))
        rest[place] = 0 if answer is None else answer
    return rest


def _of_pairs(rung: NeighbourRung, keys: Sequence[Any], *, using: str) -> Contributions:
    """The weight of each event times the score of its pair with the product; one statement."""
    pairs = ItemNeighbour.objects.using(using).filter(
        version=rung.version.id, product__in=rung.products, neighbour__in=keys
    )
    scores = {(row.product_id, row.neighbour_id): row.score for row in pairs}
    amounts = [
        [
            weight * scores.get((seen, key), 0.0)
            for seen, weight in zip(rung.products, rung.weights, strict=True)
        ]
        for key in keys
    ]
    return Contributions(Method.EXACT, list(rung.places), np.array(amounts, dtype=np.float32))
