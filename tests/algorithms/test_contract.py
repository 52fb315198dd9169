"""Every algorithm that comes with the package keeps the contract."""

from __future__ import annotations

from typing import Any

import pytest

from shop_recs.algorithms.base import Recommender
from shop_recs.algorithms.item_knn import SIMILARITIES
from shop_recs.registry import algorithm_names, recommender
from tests.algorithms.contract import NeighboursContract, VectorsContract

SEQUENCE: dict[str, Any] = {
    "dimensions": 16,
    "max_epochs": 10,
    "learning_rate": 1e-2,
    "batch_tokens": 256,
    "history_length": 20,
    "dropout": 0.2,
}
QUICK: dict[str, dict[str, Any]] = {
    "popular": {},
    "als": {"factors": 8, "alpha": 0.5, "regularization": 1.0},
    "item_knn": {},
    "user_knn": {"shoppers": 20, "step_decay": 0.8},
    "svd": {"factors": 4},
    "ease": {"step_decay": 0.8},
    "sasrec": SEQUENCE,
    "bert4rec": SEQUENCE,
    "xlnet4rec": SEQUENCE,
    "gru4rec": SEQUENCE,
    "caser": SEQUENCE,
}


def test_every_configured_algorithm_is_tested_here() -> None:
    assert sorted(algorithm_names()) == sorted(QUICK)


class TestPopular(VectorsContract):
    personal = False

    @pytest.fixture
    def algorithm(self) -> Recommender:
        return recommender("popular", QUICK["popular"])


@pytest.mark.training
class TestALS(VectorsContract):
    @pytest.fixture
    def algorithm(self) -> Recommender:
        return recommender("als", QUICK["als"])


@pytest.mark.training
class TestSequenceFamily(VectorsContract):
    @pytest.fixture(params=[name for name, options in QUICK.items() if options is SEQUENCE])
    def algorithm(self, request: pytest.FixtureRequest) -> Recommender:
        return recommender(request.param, QUICK[request.param])


@pytest.mark.training
class TestSVD(VectorsContract):
    @pytest.fixture
    def algorithm(self) -> Recommender:
        return recommender("svd", QUICK["svd"])


@pytest.mark.training
class TestNeighbours(NeighboursContract):
    @pytest.fixture(params=["item_knn", "user_knn", "ease"])
    def algorithm(self, request: pytest.FixtureRequest) -> Recommender:
        return recommender(request.param, QUICK[request.param])


@pytest.mark.training
class TestSimilarities(NeighboursContract):
    @pytest.fixture(params=SIMILARITIES)
    def algorithm(self, request: pytest.FixtureRequest) -> Recommender:
        return recommender("item_knn", {"similarity": request.param, "neighbours": 5, "step_decay": 0.8})
