"""Which versions can answer, best first: a rung is an active version that can rank for this list."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

import numpy as np

from shop_recs.serving import encoding
from shop_recs.serving.breaker import breaker
from shop_recs.serving.context import Context
from shop_recs.serving.rungs import Floats, NeighbourRung, Rung, VectorRung
from shop_recs.serving.versions import ActiveVersion, NeighbourVersion

logger = logging.getLogger(__name__)

_reported: set[int] = set()


def for_shopper(context: Context) -> Iterator[Rung]:
    """The rungs that can rank for the shopper with these events, best first, each made when asked for."""
    return _usable(context, _encoded)


def for_similar(context: Context) -> Iterator[Rung]:
    """The rungs that can rank by likeness to the context's products, then those that know what is popular."""
    return _usable(context, _averaged)


def of_version(context: Context, version: ActiveVersion, *, similar: bool) -> Rung | None:
    """The rung of one version, by likeness to the context's products or for its shopper; None without one."""
    return _checked(context, version, _averaged if similar else _encoded)


def _usable(context: Context, rung_of: Callable[[Context, ActiveVersion], Rung | None]) -> Iterator[Rung]:
    return (rung for version in context.versions if (rung := _checked(context, version, rung_of)))


def _checked(
    context: Context, version: ActiveVersion, rung_of: Callable[[Context, ActiveVersion], Rung | None]
) -> Rung | None:
    """The version's rung, or None where it has none for these events; a broken version is reported once.

    What the database keeps failing to rank by is passed over, so that a better one than the newest leads.
    """
    if breaker(version.algorithm).is_resting:
        return None
    try:
        return rung_of(context, version)
    except Exception:  # an encoder may fail in any way; the next rung answers
        if version.id not in _reported:
            _reported.add(version.id)
            logger.exception(
                "Version %s of %r cannot rank; the next one does.", version.id, version.algorithm
            )
        return None


def _encoded(context: Context, version: ActiveVersion) -> Rung | None:
    if version.sha256 is None:
        raise LookupError("it has no encoder")
    encoder = encoding.encoder(version.sha256)
    if encoder is None or (answer := encoder(context.history(version))) is None:
        return None
    if isinstance(version, NeighbourVersion):
        expected = min(len(version.places), encoder.history_length)
        if answer.shape != (expected,):
            raise ValueError(f"weights of shape {answer.shape}, not ({expected},)")
        return _weighted(context, version, answer) if answer.any() else None
    return VectorRung(version, query=answer, by_angle=False, personal=encoder.history_length > 0)


def _averaged(context: Context, version: ActiveVersion) -> Rung | None:
    if not version.finds_similar:
        rung = _encoded(context, version)
        return rung if rung and not rung.personal else None
    k = len(version.places)
    if not k:
        return None
    if isinstance(version, NeighbourVersion):
        return _weighted(context, version, np.full(k, 1 / k, dtype=np.float32))
    mean: Floats = version.units.mean(axis=0)
    # Inner products rank unit vectors as angles do, so a version of these needs only one index.
    by_angle = not version.unit_norm
    if not mean.any():
        return None
    return VectorRung(version, query=mean, by_angle=by_angle, use="similar", personal=True)


def _weighted(context: Context, version: NeighbourVersion, weights: Floats) -> NeighbourRung:
    """The rung in which the last events that the version knows weigh so much, and all others nothing."""
    if not np.isfinite(weights).all() or (weights < 0).any():
        raise ValueError("weights that are negative or not finite")
    places = version.places[len(version.places) - len(weights) :].tolist()
    counting = [(place, weight) for place, weight in zip(places, weights.tolist(), strict=True) if weight]
    events = [context.events[place] for place, _ in counting]
    there = [event.title is not None for event in events]
    return NeighbourRung(
        version,
        personal=True,
        products=[event.product for event in events],
        weights=[weight for _, weight in counting],
        places=[place if kept else None for (place, _), kept in zip(counting, there, strict=True)],
    )
