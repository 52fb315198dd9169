"""What every algorithm promises; a plug-in's own tests may subclass it and inherit all of them."""

from __future__ import annotations

import json
from functools import cache

import numpy as np
import pytest

from shop_recs.algorithms.base import Cancelled, FittedVectors, NotEnoughData, Recommender, TrainingData
from shop_recs.algorithms.encoders import History, load
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


def history_of(fitted: FittedVectors, items: list[int]) -> History:
    """A visitor who bought these items, one a day, the last one just now."""
    return History(
        vectors=fitted.item_vectors[items],
        kinds=np.full(len(items), 4, dtype=np.int8),
        ages=np.arange(len(items), dtype=np.float32)[::-1],
    )


class AlgorithmContract:
    """Tests of one algorithm; a subclass has a fixture `algorithm`, quick to fit on `tastes()`."""

    personal = True
    """Whether the list depends on the history."""

    @pytest.fixture
    def fitted(self, algorithm: Recommender) -> FittedVectors:
        return _fit(algorithm)

    def test_known_items_are_those_of_the_log(self, fitted: FittedVectors) -> None:
        assert (
            fitted.known.tolist()
            == [True] * (len(fitted.known) - UNTOUCHED_ITEMS) + [False] * UNTOUCHED_ITEMS
        )
        assert fitted.item_vectors.shape[0] == tastes().n_items

    def test_the_same_seed_gives_the_same_bits(self, algorithm: Recommender, fitted: FittedVectors) -> None:
        again = algorithm.fit(tastes(), seed=3)
        assert again.item_vectors.tobytes() == fitted.item_vectors.tobytes()
        assert again.encoder.dumps() == fitted.encoder.dumps()

    def test_the_log_is_left_as_it_was(self, algorithm: Recommender, fitted: FittedVectors) -> None:
        columns = ("users", "items", "kinds", "times", "weights", "kind_weights")
        before = tastes.__wrapped__()
        assert all((getattr(before, name) == getattr(tastes(), name)).all() for name in columns)

    def test_a_stored_encoder_answers_the_same(self, fitted: FittedVectors) -> None:
        stored = load(fitted.encoder.name, fitted.encoder.dumps())
        history = history_of(fitted, [1, 2, 3])
        np.testing.assert_array_equal(stored(history), fitted.encoder(history))
        assert stored.history_length == fitted.encoder.history_length

    def test_a_damaged_encoder_is_refused(self, fitted: FittedVectors) -> None:
        content = fitted.encoder.dumps()
        with pytest.raises(ValueError, match=r"not the content|no vector|damaged|not an ONNX"):
            load(fitted.encoder.name, content[: len(content) // 2 - 1])

    def test_the_query_has_the_dimensions_of_the_items(self, fitted: FittedVectors) -> None:
        query = fitted.encoder(history_of(fitted, [1]))
        assert query is not None
        assert query.shape == fitted.item_vectors.shape[1:]
        assert query.dtype == np.float32

    def test_a_longer_history_than_it_looks_at_is_no_error(self, fitted: FittedVectors) -> None:
        query = fitted.encoder(history_of(fitted, [1, 2] * (fitted.encoder.history_length + 1)))
        assert query is not None
        assert np.isfinite(query).all()

    def test_an_empty_history_has_no_answer_unless_all_are_answered_alike(
        self, fitted: FittedVectors
    ) -> None:
        assert (fitted.encoder(history_of(fitted, [])) is None) == self.personal

    def test_the_visitors_taste_ranks_first(self, fitted: FittedVectors) -> None:
        if not self.personal:
            pytest.skip("the list is the same for everybody")
        for taste in range(TASTES):
            items = np.arange(ITEMS_OF_A_TASTE) + taste * ITEMS_OF_A_TASTE
            query = fitted.encoder(history_of(fitted, items[:3].tolist()))
            scores = np.where(fitted.known, fitted.item_vectors @ query, -np.inf)
            scores[items[:3]] = -np.inf
            assert set(np.argsort(-scores)[:5]) <= set(items)

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

    def test_what_it_tells_an_administrator_is_json(self, fitted: FittedVectors) -> None:
        json.dumps(dict(fitted.info), allow_nan=False)

    def test_a_fit_resumes_one_on_a_part_of_the_log(self, algorithm: Recommender) -> None:
        split = split_by_time(tastes())
        part = algorithm.fit(split.train, seed=3)
        whole = algorithm.fit(tastes(), seed=3, resume=part)
        again = algorithm.fit(tastes(), seed=3, resume=part)
        assert whole.item_vectors.tobytes() == again.item_vectors.tobytes()
        assert whole.item_vectors.shape == part.item_vectors.shape
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


@cache
def _fit(algorithm: Recommender) -> FittedVectors:
    """One fit serves all tests that only look at it; algorithms are equal where their options are."""
    return algorithm.fit(tastes(), seed=3)
