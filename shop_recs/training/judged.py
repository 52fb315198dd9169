"""Keeps the fit that a version was judged by: the next one is judged beside it, and may start from it."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from shop_recs.algorithms import encoders
from shop_recs.algorithms.base import ITEMS, Fitted, FittedNeighbours, FittedVectors
from shop_recs.models import JudgedFit, ModelVersion

logger = logging.getLogger(__name__)

LARGEST_BYTES = 400_000_000
"""A row of PostgreSQL cannot be sent with much more; a larger fit is not kept."""

STATE = "state."
"""What the names of the arrays in `Fitted.state` begin with."""

Arrays = dict[str, npt.NDArray[Any]]


def keep(version_id: int, fitted: Fitted, product_keys: Sequence[Any], *, until: float) -> None:
    """Store the fit of a version on the log before `until`, Unix seconds."""
    content = dumps(fitted, product_keys)
    if len(content) > LARGEST_BYTES:
        logger.warning("The next version cannot be compared with %s: %s bytes", version_id, len(content))
        return
    JudgedFit.objects.update_or_create(pk=version_id, defaults={"until": until, "content": content})


def recall(version: ModelVersion, product_keys: Sequence[Any], *, before: float) -> Fitted:
    """The fit that a version was judged by, by the item indices of today.

    Args:
        version: whose.
        product_keys: the key of each item index.
        before: the moment from which on it must not have seen the log, Unix seconds.

    Raises:
        LookupError: there is none that could be judged on the log from then on.
    """
    kept = JudgedFit.objects.filter(version=version).first()
    if kept is None:
        raise LookupError(f"what {version} was judged by is not kept")
    if kept.until > before:
        raise LookupError(f"{version} has seen a part of what is to be foretold")
    try:
        return loads(bytes(kept.content), product_keys)
    except ValueError as error:
        raise LookupError(f"what {version} was judged by cannot be read any more: {error}") from error


def dumps(fitted: Fitted, product_keys: Sequence[Any]) -> bytes:
    """What ranks in a fit and what another can start from, as bytes without pickle.

    Args:
        fitted: vectors or neighbours.
        product_keys: the key of each item index.
    """
    arrays: dict[str, Any] = {
        "keys": np.array([str(key).encode() for key in product_keys]),
        "known": fitted.known,
        "encoder_name": np.array(fitted.encoder.name),
        "encoder": np.frombuffer(fitted.encoder.dumps(), dtype=np.uint8),
        "info": np.array(json.dumps(dict(fitted.info))),
        **{STATE + name: array for name, array in fitted.state.items()},
    }
    if isinstance(fitted, FittedVectors):
        arrays["known_vectors"] = fitted.item_vectors[fitted.known]
    elif isinstance(fitted, FittedNeighbours):
        for name in ("offsets", "neighbours", "pair_scores", "support"):
            arrays[name] = getattr(fitted, name)
    else:
        raise TypeError(f"only vectors and neighbours can be kept, not {type(fitted).__name__}")
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def loads(content: bytes, product_keys: Sequence[Any]) -> Fitted:
    """The fit from what `dumps` returned, by other item indices; products gone since are left out.

    Raises:
        ValueError: the content is damaged, or no such encoder is known any more.
    """
    with np.load(io.BytesIO(content), allow_pickle=False) as stored:
        arrays: Arrays = dict(stored)
    place_of = {str(key).encode(): place for place, key in enumerate(product_keys)}
    places = np.array([place_of.get(key, -1) for key in arrays["keys"].tolist()], dtype=np.int64)
    known = np.zeros(len(product_keys), dtype=np.bool_)
    known[places[arrays["known"] & (places >= 0)]] = True
    shared: dict[str, Any] = {
        "known": known,
        "encoder": encoders.load(str(arrays["encoder_name"]), arrays["encoder"].tobytes()),
        "info": json.loads(str(arrays["info"])),
        "state": _state(arrays, places),
    }
    if "known_vectors" in arrays:
        return FittedVectors(item_vectors=_vectors(arrays, places, n_items=len(product_keys)), **shared)
    return FittedNeighbours(**_neighbours(arrays, places, len(product_keys)), **shared)


def _state(arrays: Arrays, places: npt.NDArray[np.int64]) -> Arrays:
    """What another fit can start from, items by their index of today, -1 for those that are gone."""
    state = {name.removeprefix(STATE): array for name, array in arrays.items() if name.startswith(STATE)}
    if ITEMS in state:
        state[ITEMS] = places[state[ITEMS]]
    return state


def _vectors(arrays: Arrays, places: npt.NDArray[np.int64], *, n_items: int) -> npt.NDArray[np.float32]:
    stored = arrays["known_vectors"]
    vectors = np.zeros((n_items, stored.shape[1]), dtype=np.float32)
    places = places[arrays["known"]]
    vectors[places[places >= 0]] = stored[places >= 0]
    return vectors


def _neighbours(arrays: Arrays, places: npt.NDArray[np.int64], n_items: int) -> Any:
    """The pairs of products that are both still there, by the item of today."""
    items = places[np.repeat(np.arange(len(places)), np.diff(arrays["offsets"]))]
    neighbours = places[arrays["neighbours"]]
    kept = np.flatnonzero((items >= 0) & (neighbours >= 0))
    kept = kept[np.argsort(items[kept], kind="stable")]
    return {
        "offsets": np.searchsorted(items[kept], np.arange(n_items + 1)),
        "neighbours": neighbours[kept].astype(np.int32),
        "pair_scores": arrays["pair_scores"][kept],
        "support": arrays["support"][kept],
    }
