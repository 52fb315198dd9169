"""The shopper's own items: what they may buy again, and what they put aside and did not buy yet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from shop_recs.algorithms.base import (
    Earlier,
    Fitted,
    Floats,
    Integers,
    Progress,
    Recommender,
    TrainingData,
    require_positive,
    silent,
)
from shop_recs.algorithms.encoders import History
from shop_recs.algorithms.encoders.weights import WeightsEncoder
from shop_recs.algorithms.popular import Popular
from shop_recs.algorithms.trials import best, trial

PURCHASE = 4
"""The kind of interaction after which an item is no longer wanted as much."""
CHOICES = {
    "half_life_days": (60.0, 1.0, 4.0, 15.0, 240.0),
    # The first only decides between the items of one basket, which are equal otherwise.
    "appeal": (0.001, 0.25),
    "bought": (0.01, 1.0),
}
"""What is tried; the first stands where the log is too short for a trial."""
PRIOR_SHOPPERS = 5
"""So many shoppers of the usual sort every item is taken to have had besides its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedHistory(Fitted):
    """Ranks a visitor's own items and no others.

    Attributes:
        encoder: weighs the interactions of a history.
        appeal: `(n_items,)` float32, positive for known items, what the weights of an item are multiplied by.
        bought: the same for an item whose last interaction was a purchase.
    """

    encoder: WeightsEncoder
    appeal: Floats
    bought: float

    def scores(self, histories: Sequence[History], items: Sequence[Integers]) -> Floats:
        """The summed weights of the own items' interactions, times their appeal."""
        scores = np.zeros((len(histories), len(self.known)), dtype=np.float32)
        for row, history, own in zip(scores, histories, items, strict=True):
            weights = self.encoder(history)
            if weights is None:
                continue
            own, kinds = own[-len(weights) :], history.kinds[-len(weights) :]
            np.add.at(row, own, weights)
            # The last interaction with an item comes first from behind.
            distinct, from_end = np.unique(own[::-1], return_index=True)
            row[distinct] *= self.appeal[distinct]
            row[distinct[kinds[::-1][from_end] == PURCHASE]] *= self.bought
        scores[scores <= 0] = -np.inf
        return scores

    def history(self, items: Integers, kinds: npt.NDArray[np.int8], ages: Floats) -> History:
        return History(vectors=np.empty((len(items), 0), dtype=np.float32), kinds=kinds, ages=ages)


@dataclass(frozen=True, kw_only=True)
class OwnHistory(Recommender):
    """What a shopper had, by the weights of kinds and by recency; most of all what they did not buy yet.

    How fast the past fades, how much the popularity of an item counts and what is left of one that was bought
    is chosen on the second half of the log, among few values, by the purchases there if there are any, unless
    the options say it. A fit that resumes another reuses its choices.

    Attributes:
        half_life_days: an interaction counts half after so many days; chosen where None.
        appeal: the power of an item's popularity that its weight is multiplied by, besides the square root of
            the share of its shoppers who bought it; chosen where None.
        bought: what the weight of an item is multiplied by whose last interaction was a purchase; chosen
            where None.
        history_length: how many of a visitor's last interactions count.
    """

    finds_similar: ClassVar[bool] = False

    half_life_days: float | None = None
    appeal: float | None = None
    bought: float | None = None
    history_length: int = 500

    def __post_init__(self) -> None:
        require_positive("history_length", self.history_length, whole=True)
        for name in CHOICES:
            if getattr(self, name) is not None:
                require_positive(name, getattr(self, name))

    def fit(
        self,
        data: TrainingData,
        *,
        seed: int = 0,
        progress: Progress = silent,
        resume: Earlier | None = None,
    ) -> FittedHistory:
        """Count, after a few trials."""
        told = {name: getattr(self, name) for name in CHOICES if getattr(self, name) is not None}
        chosen = told if resume is None else {**resume.info, **told}
        progress("choosing", 0.0)
        if open_choices := [name for name in CHOICES if name not in chosen]:
            chosen = self._choose(data, open_choices, chosen, seed=seed)
        progress("choosing", 1.0)
        return self._fitted(data, **chosen)

    def _choose(
        self, data: TrainingData, names: Iterable[str], told: Mapping[str, float], *, seed: int
    ) -> dict[str, float]:
        """What foretells the next purchases best, or the next of any kind; one choice after the other."""
        chosen = {name: values[0] for name, values in CHOICES.items()} | dict(told)
        found = trial(data, seed=seed, target_kinds=[PURCHASE]) or trial(data, seed=seed)
        if found is None:
            return chosen
        _, split = found
        for name in names:
            fits = (self._fitted(split.train, **chosen | {name: value}) for value in CHOICES[name])
            chosen[name] = best(fits, split).info[name]
        return chosen

    def _fitted(
        self, data: TrainingData, half_life_days: float, appeal: float, bought: float
    ) -> FittedHistory:
        popular = Popular().fit(data)
        popularity = popular.item_vectors[:, 0] / popular.item_vectors.max()
        encoder = WeightsEncoder(
            data.kind_weights,
            half_life_days=half_life_days,
            step_decay=1.0,
            history_length=self.history_length,
        )
        return FittedHistory(
            known=popular.known,
            encoder=encoder,
            appeal=popularity ** np.float32(appeal) * np.sqrt(_share_that_bought(data)),
            bought=bought,
            info={"half_life_days": half_life_days, "appeal": appeal, "bought": bought},
        )


def _share_that_bought(data: TrainingData) -> Floats:
    """`(n_items,)` how many of those who had to do with an item bought it; 1 where nothing is ever bought."""
    pairs = data.users.astype(np.int64) * data.n_items + data.items
    had, bought = (
        np.bincount(np.unique(some) % data.n_items, minlength=data.n_items)
        for some in (pairs, pairs[data.kinds == PURCHASE])
    )
    if not bought.any():
        return np.ones(data.n_items, dtype=np.float32)
    usual = bought.sum() / had.sum()
    share: Floats = ((bought + PRIOR_SHOPPERS * usual) / (had + PRIOR_SHOPPERS)).astype(np.float32)
    return share
