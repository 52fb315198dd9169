"""Items that nobody has seen get a vector of their features, in the space of all others."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from shop_recs.algorithms.base import ItemFeature
from shop_recs.algorithms.encoders import History
from shop_recs.algorithms.sasrec import SASRec
from shop_recs.algorithms.sequence.features import ItemFeatures, codes_of
from tests.algorithms.logs import log_of

pytestmark = pytest.mark.training

TASTES, OF_A_TASTE = 4, 10
SEEN = TASTES * OF_A_TASTE
UNSEEN = [40, 41, 42, 43]
"""Items without interactions, one of each taste; the 44th has no feature, the 45th a value of its own."""
SMALL = {"dimensions": 16, "max_epochs": 8, "dropout": 0.1}


def feature(name, codes, size):
    return ItemFeature(name, np.asarray(codes, dtype=np.int32), size)


def tastes(*, shelves=None):
    """Shoppers of one taste each; every taste has a shelf of its own."""
    rng = np.random.default_rng(3)
    histories = [OF_A_TASTE * (n % TASTES) + rng.integers(OF_A_TASTE, size=10) for n in range(160)]
    shelves = [0, 1, 2, 3] if shelves is None else shelves
    codes = [shelves[item // OF_A_TASTE] for item in range(SEEN)] + [*shelves, -1, 7]
    return replace(log_of(histories, n_items=46), features=(feature("shelf", codes, 8),))


@pytest.fixture(scope="module")
def fitted():
    return SASRec(**SMALL).fit(tastes(), seed=1)


def ranked(fitted, items):
    history = History(
        fitted.item_vectors[items], np.full(len(items), 4, dtype=np.int8), np.zeros(len(items), np.float32)
    )
    scores = np.where(fitted.known, fitted.item_vectors @ fitted.encoder(history), -np.inf)
    return np.argsort(-scores)


def test_an_item_nobody_has_seen_is_recommended_to_those_of_its_taste(fitted):
    for taste, item in enumerate(UNSEEN):
        own = [OF_A_TASTE * taste, OF_A_TASTE * taste + 1]
        assert item in ranked(fitted, own)[: OF_A_TASTE + 1]
        assert not set(UNSEEN) - {item} & set(ranked(fitted, own)[: OF_A_TASTE + 1].tolist())


def test_it_is_similar_to_those_that_share_its_features(fitted):
    cosines = fitted.item_vectors[UNSEEN] @ fitted.item_vectors[:SEEN].T
    nearest = np.argsort(-cosines, axis=1)[:, :5] // OF_A_TASTE
    assert (nearest == np.arange(TASTES)[:, None]).all()


def test_what_has_no_feature_that_others_taught_stays_unknown(fitted):
    assert fitted.known.tolist() == [True] * (SEEN + TASTES) + [False, False]
    np.testing.assert_allclose(np.linalg.norm(fitted.item_vectors[fitted.known], axis=1), 1.0, atol=1e-5)


def test_a_visitor_of_an_item_nobody_has_seen_is_shown_its_like(fitted):
    assert set(ranked(fitted, [UNSEEN[2]])[:5] // OF_A_TASTE) <= {2, 4}


def test_features_without_values_change_nothing_but_the_draw():
    log = tastes()
    empty = replace(log, features=(feature("brand", [-1] * log.n_items, 0),))
    fitted = SASRec(**{**SMALL, "max_epochs": 1}).fit(empty)
    assert fitted.known.tolist() == [True] * SEEN + [False] * 6


def test_a_resumed_fit_keeps_what_a_value_meant_although_its_number_changed(fitted):
    renumbered = tastes(shelves=[6, 2, 0, 1])
    resumed = SASRec(**SMALL).fit(renumbered, resume=fitted)
    assert resumed.info["validation_ndcg"] is None
    cosines = (resumed.item_vectors * fitted.item_vectors).sum(axis=1)
    assert cosines[[*range(SEEN), *UNSEEN]].min() > 0.8


def test_codes_are_numbered_across_features_from_one():
    log = log_of([[0, 1, 2], [2, 0, 1]], n_items=5)
    log = replace(log, features=(feature("a", [0, 1, -1, 1, 2], 3), feature("b", [1, 1, 0, -1, 0], 2)))
    assert codes_of(log).tolist() == [[1, 5], [2, 5], [0, 4], [2, 0], [0, 4]]
    assert codes_of(replace(log, features=())).shape == (5, 0)


def test_in_training_some_items_do_without_their_identity_unless_they_have_nothing_else():
    features = ItemFeatures(np.array([[1, 2], [0, 0]]), dimensions=4, std=1.0)
    items = torch.tensor([0, 1]).repeat(2_000)
    identities = torch.full((4_000, 4), 100.0)
    told = features(identities, items) - features.told(features.codes[items])
    bare = (told.abs() < 1.0).all(dim=1)
    assert bare[::2].float().mean() == pytest.approx(0.1, abs=0.03)
    assert not bare[1::2].any()
    features.eval()
    assert (features(identities, items) > 50.0).all()
