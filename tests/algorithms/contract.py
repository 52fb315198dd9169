"""What every algorithm promises; a plug-in's own tests may subclass it and inherit all of them."""

from __future__ import annotations

import json
from functools import cache

import numpy as np
import pytest

from shop_recs.algorithms.base import (
    Cancelled,
    Fitted,
    FittedNeighbours,
    FittedVectors,
    Floats,
    NotEnoughData,
    Recommender,
    TrainingData,
)
from shop_recs.algorithms.encoders import AdditiveEncoder, History, load
from shop_recs.algorithms.splits import split_by_time
from shop_recs.training.evaluation import evaluate
from tests.algorithms.logs import log_of

SHOPPERS, TASTES, ITEMS_OF_A_TASTE, LENGTH = 120, 4, 10, 12
UNTOUCHED_ITEMS = 3


@cache
def tastes() -> TrainingData:
    """A log of shoppers who each choose, in random order, among the items of one of four tastes."""
    rng = np.random.default_rng(7)
    first_item = ITEMS_OF_A_TASTE * (np.arange(SHOPPERS) % TASTES)
    histories = [first + rng.integers(0, ITEMS_OF_A_TASTE, size=LENGTH) for first in first_item]
    kinds = [rng.integers(1, 5, size=LENGTH) for _ in histories]
    n_items = TASTES * ITEMS_OF_A_TASTE + UNTOUCHED_ITEMS
    return log_of(histories, kinds=kinds, n_items=n_items)


def history_of(fitted: Fitted, items: list[int]) -> History:
    """A visitor who bought these items, one a day, the last one just now."""
    kinds = np.full(len(items), 4, dtype=np.int8)
    ages = np.arange(len(items), dtype=np.float32)[::-1]
    return fitted.history(np.array(items, dtype=np.int64), kinds, ages)


def scores_of(fitted: Fitted, items: list[int]) -> Floats:
    """`(n_items,)` scores for that visitor."""
    row: Floats = fitted.scores([history_of(fitted, items)], [np.array(items, dtype=np.int64)])[0]
    return row


class AlgorithmContract:
    """Tests of one algorithm; a subclass has a fixture `algorithm`, quick to fit on `tastes()`.

    It tests what all fits have; `VectorsContract` and `NeighboursContract` add what theirs have.
    """

    personal = True
    """Whether the list depends on the history."""

    def learned(self, fitted: Fitted) -> list[bytes]:
        """All that was learned, bit for bit."""
        raise NotImplementedError

    @pytest.fixture
    def fitted(self, algorithm: Recommender) -> Fitted:
        return _fit(algorithm)

    def test_known_items_are_those_of_the_log(self, fitted: Fitted) -> None:
        known = len(fitted.known) - UNTOUCHED_ITEMS
        assert len(fitted.known) == tastes().n_items
        assert fitted.known.tolist() == [True] * known + [False] * UNTOUCHED_ITEMS

    def test_the_same_seed_gives_the_same_bits(self, algorithm: Recommender, fitted: Fitted) -> None:
        again = algorithm.fit(tastes(), seed=3)
        assert self.learned(again) == self.learned(fitted)
        assert again.encoder.dumps() == fitted.encoder.dumps()

    def test_the_log_is_left_as_it_was(self, algorithm: Recommender, fitted: Fitted) -> None:
        columns = ("users", "items", "kinds", "times", "weights", "kind_weights")
        before = tastes.__wrapped__()
        assert all((getattr(before, name) == getattr(tastes(), name)).all() for name in columns)

    def test_a_stored_encoder_answers_the_same(self, fitted: Fitted) -> None:
        stored = load(fitted.encoder.name, fitted.encoder.dumps())
        history = history_of(fitted, [1, 2, 3])
        np.testing.assert_array_equal(stored(history), fitted.encoder(history))
        assert stored.history_length == fitted.encoder.history_length

    def test_a_damaged_encoder_is_refused(self, fitted: Fitted) -> None:
        content = fitted.encoder.dumps()
        with pytest.raises(ValueError, match=r"not the content|no vector|damaged|not an ONNX"):
            load(fitted.encoder.name, content[: len(content) // 2 - 1])

    def test_a_longer_history_than_it_looks_at_is_no_error(self, fitted: Fitted) -> None:
        items = [1, 2] * (fitted.encoder.history_length + 1)
        query = fitted.encoder(history_of(fitted, items))
        assert query is not None
        assert np.isfinite(query).all()
        assert (scores_of(fitted, items) > -np.inf).any()

    def test_of_a_long_history_the_last_counts(self, fitted: Fitted) -> None:
        last = np.resize([1, 2], fitted.encoder.history_length).tolist()
        np.testing.assert_allclose(
            scores_of(fitted, [25, 25, 30, *last]), scores_of(fitted, last), rtol=1e-4, atol=1e-6
        )

    def test_an_empty_history_has_no_answer_unless_all_are_answered_alike(self, fitted: Fitted) -> None:
        assert (fitted.encoder(history_of(fitted, [])) is None) == self.personal

    def test_the_visitors_taste_ranks_first(self, fitted: Fitted) -> None:
        if not self.personal:
            pytest.skip("the list is the same for everybody")
        for taste in range(TASTES):
            items = np.arange(ITEMS_OF_A_TASTE) + taste * ITEMS_OF_A_TASTE
            scores = scores_of(fitted, items[:3].tolist())
            scores[items[:3]] = -np.inf
            assert set(np.argsort(-scores)[:5]) <= set(items)

    def test_what_nobody_had_is_not_ranked(self, fitted: Fitted) -> None:
        assert np.isneginf(scores_of(fitted, [1, 2])[~fitted.known]).all()

    def test_what_it_tells_an_administrator_is_json(self, fitted: Fitted) -> None:
        json.dumps(dict(fitted.info), allow_nan=False)

    def test_a_fit_resumes_one_on_a_part_of_the_log(self, algorithm: Recommender) -> None:
        split = split_by_time(tastes())
        part = algorithm.fit(split.train, seed=3)
        whole = algorithm.fit(tastes(), seed=3, resume=part)
        again = algorithm.fit(tastes(), seed=3, resume=part)
        assert self.learned(whole) == self.learned(again)
        assert whole.known.sum() == len(np.unique(tastes().items))

    def test_it_can_be_evaluated(self, algorithm: Recommender) -> None:
        split = split_by_time(tastes())
        figures = evaluate(algorithm.fit(split.train), split, baselines=False)
        assert 0 < figures["all"]["hit_rate@10"] <= 1

    def test_progress_is_reported_and_can_cancel(self, algorithm: Recommender) -> None:
        reports: list[tuple[str, float]] = []

        def cancel(phase: str, fraction: float) -> None:
            reports.append((phase, fraction))
            raise Cancelled

        with pytest.raises(Cancelled):
            algorithm.fit(tastes(), progress=cancel)
        assert reports
        assert 0.0 <= reports[0][1] <= 1.0

    def test_an_empty_log_says_what_is_missing(self, algorithm: Recommender) -> None:
        nothing = tastes().select(np.zeros(len(tastes()), dtype=bool))
        with pytest.raises(NotEnoughData, match=r"have 0 .*need"):
            algorithm.fit(nothing)


class VectorsContract(AlgorithmContract):
    """Tests of an algorithm that learns a vector for each item."""

    def learned(self, fitted: Fitted) -> list[bytes]:
        assert isinstance(fitted, FittedVectors)
        return [fitted.item_vectors.tobytes()]

    def test_the_query_has_the_dimensions_of_the_items(self, fitted: FittedVectors) -> None:
        query = fitted.encoder(history_of(fitted, [1]))
        assert query is not None
        assert query.shape == fitted.item_vectors.shape[1:]
        assert query.dtype == np.float32

    def test_where_the_query_is_a_sum_its_parts_add_up_to_it(self, fitted: FittedVectors) -> None:
        if not isinstance(fitted.encoder, AdditiveEncoder):
            pytest.skip("its query is no sum over the interactions")
        history = history_of(fitted, [1, 5, 2, 1])
        added = fitted.encoder.parts(history).sum(axis=0)
        np.testing.assert_allclose(added, fitted.encoder(history), rtol=1e-3, atol=1e-5)

    def test_similar_items_share_a_taste(self, algorithm: Recommender, fitted: FittedVectors) -> None:
        if not algorithm.finds_similar:
            pytest.skip("the vectors do not say what is alike")
        known = fitted.item_vectors[fitted.known]
        unit = known / np.linalg.norm(known, axis=1, keepdims=True)
        alike = unit @ unit.T
        np.fill_diagonal(alike, -np.inf)
        same_taste = np.argmax(alike, axis=1) // ITEMS_OF_A_TASTE == np.arange(len(known)) // ITEMS_OF_A_TASTE
        assert same_taste.mean() >= 0.9

    def test_unit_norm_says_the_truth(self, fitted: FittedVectors) -> None:
        lengths = np.linalg.norm(fitted.item_vectors[fitted.known], axis=1)
        assert np.allclose(lengths, 1.0, atol=1e-4) == fitted.unit_norm

    def test_a_resumed_fit_has_vectors_of_the_same_length(self, algorithm: Recommender) -> None:
        part = algorithm.fit(split_by_time(tastes()).train, seed=3)
        whole = algorithm.fit(tastes(), seed=3, resume=part)
        assert isinstance(part, FittedVectors)
        assert isinstance(whole, FittedVectors)
        assert whole.item_vectors.shape == part.item_vectors.shape


class NeighboursContract(AlgorithmContract):
    """Tests of an algorithm that learns neighbours for each item."""

    def learned(self, fitted: Fitted) -> list[bytes]:
        assert isinstance(fitted, FittedNeighbours)
        columns = (fitted.offsets, fitted.neighbours, fitted.pair_scores, fitted.support)
        return [column.tobytes() for column in columns]

    def test_there_is_a_weight_for_each_interaction(self, fitted: FittedNeighbours) -> None:
        weights = fitted.encoder(history_of(fitted, [1, 5, 2]))
        assert weights is not None
        assert weights.shape == (3,)
        assert weights.dtype == np.float32
        assert (np.diff(weights) >= 0).all()

    def test_neighbours_share_a_taste_and_the_best_come_first(self, fitted: FittedNeighbours) -> None:
        items = np.repeat(np.arange(len(fitted.known)), np.diff(fitted.offsets))
        assert (items // ITEMS_OF_A_TASTE == fitted.neighbours // ITEMS_OF_A_TASTE).all()
        assert (np.diff(fitted.pair_scores)[np.diff(items) == 0] <= 0).all()
        assert (np.diff(fitted.offsets)[fitted.known] > 0).all()

    def test_no_item_is_its_own_neighbour_nor_neighbour_twice(self, fitted: FittedNeighbours) -> None:
        items = np.repeat(np.arange(len(fitted.known)), np.diff(fitted.offsets))
        pairs = set(zip(items.tolist(), fitted.neighbours.tolist(), strict=True))
        assert len(pairs) == len(items)
        assert all(item != neighbour for item, neighbour in pairs)

    def test_support_counts_the_shoppers_who_had_both(self, fitted: FittedNeighbours) -> None:
        log = tastes()
        had = [set(log.users[log.items == item].tolist()) for item in range(log.n_items)]
        items = np.repeat(np.arange(log.n_items), np.diff(fitted.offsets))
        both = [len(had[i] & had[j]) for i, j in zip(items, fitted.neighbours, strict=True)]
        assert fitted.support.tolist() == both

    def test_a_list_is_the_weighted_sum_of_neighbours(self, fitted: FittedNeighbours) -> None:
        dense = np.zeros((len(fitted.known), len(fitted.known)), dtype=np.float32)
        items = np.repeat(np.arange(len(fitted.known)), np.diff(fitted.offsets))
        dense[items, fitted.neighbours] = fitted.pair_scores
        own = [3, 14, 3, 8]
        expected = fitted.encoder(history_of(fitted, own)) @ dense[own]
        scores = scores_of(fitted, own)
        np.testing.assert_allclose(np.where(np.isneginf(scores), 0, scores), expected, rtol=1e-5)


@cache
def _fit(algorithm: Recommender) -> Fitted:
    """One fit serves all tests that only look at it; algorithms are equal where their options are."""
    return algorithm.fit(tastes(), seed=3)
