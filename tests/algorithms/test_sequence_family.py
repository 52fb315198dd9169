"""Every sequence model learns what comes next, which a model without order cannot know."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from shop_recs.algorithms.als import ALS
from shop_recs.algorithms.base import FittedVectors, Recommender
from shop_recs.algorithms.bert4rec import BERT4Rec
from shop_recs.algorithms.caser import Caser
from shop_recs.algorithms.gru4rec import GRU4Rec
from shop_recs.algorithms.sasrec import SASRec
from shop_recs.algorithms.xlnet4rec import XLNet4Rec
from tests.algorithms.contract import history_of
from tests.algorithms.logs import log_of, walks

pytestmark = pytest.mark.training

ITEMS = 40
SMALL = {"dimensions": 16, "max_epochs": 20, "patience": 6, "dropout": 0.1, "learning_rate": 1e-2}
FAMILY = [
    SASRec(**SMALL, blocks=1),
    BERT4Rec(**SMALL, blocks=1),
    XLNet4Rec(**SMALL, blocks=1),
    GRU4Rec(**SMALL),
    Caser(**SMALL),
]


@cache
def fitted_on_walks(algorithm: Recommender) -> FittedVectors:
    """Shoppers go 2 to 8 steps through a circle of items, each from anywhere: all are equally popular."""
    histories = [walk[: 2 + number % 7] for number, walk in enumerate(walks(shoppers=400, n_items=ITEMS))]
    return algorithm.fit(log_of(histories), seed=1)


def next_items_found(fitted: FittedVectors, *, length: int) -> float:
    """How often the item after a walk of some length heads the list."""
    walked = (np.arange(ITEMS)[:, None] + np.arange(length)) % ITEMS
    found = []
    for items in walked:
        scores = fitted.item_vectors @ fitted.encoder(history_of(fitted, items.tolist()))
        scores[items] = -np.inf
        found.append(scores.argmax() == (items[-1] + 1) % ITEMS)
    return float(np.mean(found))


@pytest.mark.parametrize("length", [1, 2, 7])
@pytest.mark.parametrize("algorithm", FAMILY, ids=lambda algorithm: type(algorithm).__name__)
def test_it_learns_which_item_comes_next(algorithm, length):
    assert next_items_found(fitted_on_walks(algorithm), length=length) >= 0.8


def test_without_order_the_item_before_is_as_good_as_the_next():
    without = ALS(factors=16, alpha=0.5, regularization=1.0)
    assert next_items_found(fitted_on_walks(without), length=1) < 0.75


@pytest.mark.parametrize(
    ("model", "option", "value"),
    [
        (BERT4Rec, "masked", 1.0),
        (BERT4Rec, "masked", -0.1),
        (BERT4Rec, "masked", True),
        (BERT4Rec, "heads", 3),
        (XLNet4Rec, "blocks", 0),
        (GRU4Rec, "layers", 0),
        (GRU4Rec, "hidden", 1.5),
        (Caser, "window", 0),
        (Caser, "horizontal", -1),
        (Caser, "vertical", "many"),
    ],
)
def test_a_wrong_option_is_named(model, option, value):
    with pytest.raises(ValueError, match=f"{option} must"):
        model(**{option: value})
