"""Logs of any size that look like a shop's: sessions, tastes, popular and rare products."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from shop_recs.algorithms.base import KINDS, SECONDS_PER_DAY, TrainingData

TASTES, TASTES_OF_A_SHOPPER = 40, 3
EVENTS_OF_A_SESSION, SECONDS_BETWEEN = 5, 40.0
DAYS = 180
KIND_SHARES = {1: 0.8, 2: 0.03, 3: 0.1, 4: 0.07}
KIND_WEIGHTS = {1: 1.0, 2: 2.0, 3: 3.0, 4: 5.0}

Rows = npt.NDArray[np.int64]


def shop_log(
    interactions: int, *, items: int, shoppers: int, seed: int = 0, every_item: bool = False
) -> TrainingData:
    """A log in which a session stays with one taste of its shopper.

    How popular a product and how busy a shopper is are log-normal, the length of a session is geometric, and
    sessions are spread evenly over half a year.

    Args:
        interactions: how many there are.
        items: products of the catalogue; the rarest may have no interaction.
        shoppers: of whom some may never have come.
        seed: the same for the same log.
        every_item: all products have an interaction; there must be several times as many of these.
    """
    rng = np.random.default_rng(seed)
    lengths = rng.geometric(1 / EVENTS_OF_A_SESSION, size=interactions)
    session = np.repeat(np.arange(interactions), lengths)[:interactions]
    activity = rng.lognormal(sigma=1.2, size=shoppers)
    shopper = rng.choice(shoppers, size=interactions, p=activity / activity.sum())
    tastes = rng.integers(TASTES, size=(shoppers, TASTES_OF_A_SHOPPER))
    taste = tastes[shopper, rng.integers(TASTES_OF_A_SHOPPER, size=interactions)]
    begin = rng.uniform(0.0, DAYS * SECONDS_PER_DAY, size=interactions)
    place = np.arange(interactions) - np.searchsorted(session, session)
    item = _items_of(taste[session], items=items, rng=rng)
    if every_item:
        _spare_for_unseen(item, items=items)
    log = training_data(
        shopper[session],
        item,
        rng.choice(list(KIND_SHARES), size=interactions, p=list(KIND_SHARES.values())),
        1.7e9 + begin[session] + SECONDS_BETWEEN * place,
        kind_weights=KIND_WEIGHTS,
        half_life_days=90.0,
    )
    return replace(log, items=np.unique(item).astype(np.int32)[log.items], n_items=items)


def training_data(
    users: npt.NDArray[Any],
    items: npt.NDArray[Any],
    kinds: npt.NDArray[Any],
    times: npt.NDArray[Any],
    *,
    kind_weights: dict[int, float] | None = None,
    half_life_days: float = np.inf,
) -> TrainingData:
    """A log in any order and of any keys, sorted and weighted as training reads it from the database."""
    weights = np.ones(KINDS, dtype=np.float32)
    for kind, weight in (kind_weights or {}).items():
        weights[kind] = weight
    user_keys, users = np.unique(users, return_inverse=True)
    item_keys, items = np.unique(items, return_inverse=True)
    order = np.lexsort((np.arange(len(users)), times, users))
    kinds, times = kinds[order].astype(np.int8), times[order]
    decay = 0.5 ** ((times.max() - times) / SECONDS_PER_DAY / half_life_days)
    return TrainingData(
        users=users[order].astype(np.int32),
        items=items[order].astype(np.int32),
        kinds=kinds,
        times=times,
        weights=(weights[kinds] * decay).astype(np.float32),
        n_users=len(user_keys),
        n_items=len(item_keys),
        now=float(times.max()),
        kind_weights=weights,
        half_life_days=half_life_days,
    )


def _items_of(tastes: Rows, *, items: int, rng: np.random.Generator) -> Rows:
    """For every taste one of its products, the popular ones more often."""
    heap = np.cumsum(rng.lognormal(sigma=1.5, size=items))
    edges = np.concatenate([[0.0], heap])[np.linspace(0, items, TASTES + 1).astype(np.int64)]
    return np.searchsorted(heap, rng.uniform(edges[tastes], edges[tastes + 1]))


def _spare_for_unseen(item: Rows, *, items: int) -> None:
    """Give each product that nobody chose an interaction with a popular one of about the same taste."""
    counts = np.bincount(item, minlength=items)
    unseen, often = np.flatnonzero(counts == 0), np.flatnonzero(counts[item] >= 5)
    # Products of a taste lie side by side, so both in their order meet within it.
    often = often[item[often].argsort(kind="stable")]
    item[often[np.linspace(0, len(often) - 1, len(unseen)).astype(np.int64)]] = unseen
