"""Which versions can answer, best first: a rung is an active version with a query vector for this list."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from shop_recs.serving import encoding
from shop_recs.serving.context import ActiveVersion, Context

logger = logging.getLogger(__name__)

Floats = npt.NDArray[np.float32]

_reported: set[int] = set()


@dataclass(frozen=True, slots=True)
class Rung:
    """One way to rank: the vectors of a version by their distance from a query vector.

    Attributes:
        version: the version, pinned for the whole list.
        query: `(dimensions,)` float32.
        by_angle: rank by cosine instead of the inner product.
        personal: the query vector depends on the events; otherwise all shoppers get the same.
    """

    version: ActiveVersion
    query: Floats
    by_angle: bool
    personal: bool


def for_shopper(context: Context) -> Iterator[Rung]:
    """The rungs that can rank for the shopper with these events, best first, each made when asked for."""
    return _usable(context, _encoded)


def for_similar(context: Context) -> Iterator[Rung]:
    """The rungs that can rank by likeness to the context's products, then those that know what is popular."""
    return _usable(context, _averaged)


def _usable(context: Context, rung_of: Callable[[Context, ActiveVersion], Rung | None]) -> Iterator[Rung]:
    return (rung for version in context.versions if (rung := _checked(context, version, rung_of)))


def _checked(
    context: Context, version: ActiveVersion, rung_of: Callable[[Context, ActiveVersion], Rung | None]
) -> Rung | None:
    """The version's rung, or None where it has none for these events; a broken version is reported once."""
    try:
        rung = rung_of(context, version)
        if rung is not None and rung.query.shape != (version.dimensions,):
            raise ValueError(f"a query vector of shape {rung.query.shape}, not ({version.dimensions},)")
        if rung is not None and not np.isfinite(rung.query).all():
            raise ValueError("a query vector that is not finite")
    except Exception:  # an encoder may fail in any way; the next rung answers
        if version.id not in _reported:
            _reported.add(version.id)
            logger.exception(
                "Version %s of %r cannot rank; the next one does.", version.id, version.algorithm
            )
        return None
    return rung


def _encoded(context: Context, version: ActiveVersion) -> Rung | None:
    if version.sha256 is None:
        raise LookupError("it has no encoder")
    encoder = encoding.encoder(version.sha256)
    if encoder is None:
        return None
    query = encoder(context.history(version))
    if query is None:
        return None
    return Rung(version, query, by_angle=False, personal=encoder.history_length > 0)


def _averaged(context: Context, version: ActiveVersion) -> Rung | None:
    if not version.finds_similar:
        rung = _encoded(context, version)
        return rung if rung and not rung.personal else None
    if not len(version.vectors):
        return None
    mean: Floats = version.units.mean(axis=0)
    # Inner products rank unit vectors as angles do, so a version of these needs only one index.
    return Rung(version, mean, by_angle=not version.unit_norm, personal=True) if mean.any() else None
