"""Every algorithm that comes with the package keeps the contract."""

from __future__ import annotations

from typing import Any

import pytest

from shop_recs.algorithms.base import Recommender
from shop_recs.registry import algorithm_names, recommender
from tests.algorithms.contract import AlgorithmContract

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
    "als": {"factors": 16, "alpha": 0.5, "regularization": 1.0},
    "sasrec": SEQUENCE,
    "bert4rec": SEQUENCE,
    "xlnet4rec": SEQUENCE,
    "gru4rec": SEQUENCE,
    "caser": SEQUENCE,
}


def test_every_configured_algorithm_is_tested_here() -> None:
    assert sorted(algorithm_names()) == sorted(QUICK)


class TestPopular(AlgorithmContract):
    personal = False

    @pytest.fixture
    def algorithm(self) -> Recommender:
        return recommender("popular", QUICK["popular"])


@pytest.mark.training
class TestALS(AlgorithmContract):
    @pytest.fixture
    def algorithm(self) -> Recommender:
        return recommender("als", QUICK["als"])


@pytest.mark.training
class TestSequenceFamily(AlgorithmContract):
    @pytest.fixture(params=[name for name, options in QUICK.items() if options is SEQUENCE])
    def algorithm(self, request: pytest.FixtureRequest) -> Recommender:
        return recommender(request.param, QUICK[request.param])
