"""The graphs by which vectors are searched: which a version needs, and in what order the vectors go in."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from shop_recs.algorithms.base import FittedVectors, Floats
from shop_recs.conf import settings

ANCHORS = 256
"""Vectors drawn to tell directions apart."""

LONGEST = 0.1
"""Share of the vectors that goes in first."""

ITEMS_AT_ONCE = 65_536
TINY = np.finfo(np.float32).tiny


def is_large(fitted: FittedVectors) -> bool:
    """Whether there are too many vectors to look at all of them for each list."""
    return bool(np.count_nonzero(fitted.known) >= settings.EXACT_BELOW)


def operators(fitted: FittedVectors, *, finds_similar: bool) -> list[str]:
    """The operator class of each graph: one for each of the ways in which the products are ranked.

    Args:
        fitted: the vectors and the encoder; on unit vectors both ways are one.
        finds_similar: whether products like one another are asked for.
    """
    by_angle = finds_similar and not fitted.unit_norm
    by_inner_product = fitted.encoder.history_length > 0 or (finds_similar and fitted.unit_norm)
    return ["vector_ip_ops"] * by_inner_product + ["vector_cosine_ops"] * by_angle


def insertion_order(vectors: Floats, *, seed: int = 0) -> npt.NDArray[np.intp]:
    """The permutation of `(n, d)` vectors by which a graph over them is best built.

    Every search by the inner product passes through the longest vectors, so these are connected first, and
    all others to them. Of each part, those of the same direction follow one another: what they are compared
    with is still in the processor's cache.

    Args:
        vectors: to be put in order.
        seed: draws what directions are told apart by.
    """
    lengths = np.linalg.norm(vectors, axis=1)
    drawn = np.random.default_rng(seed).permutation(len(vectors))[:ANCHORS]
    anchors = (vectors[drawn] / np.maximum(lengths[drawn, None], TINY)).T
    starts = range(0, len(vectors), ITEMS_AT_ONCE)
    directions = [(vectors[start : start + ITEMS_AT_ONCE] @ anchors).argmax(axis=1) for start in starts]
    return np.lexsort((np.concatenate(directions), lengths < np.quantile(lengths, 1 - LONGEST)))
