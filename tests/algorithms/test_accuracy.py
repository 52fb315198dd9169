"""Least squares on real logs reaches what it was measured at."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.accuracy import run
from benchmarks.logs import PROTOCOLS
from shop_recs.algorithms.als import ALS

pytestmark = [pytest.mark.training, pytest.mark.real_data]


@pytest.mark.parametrize(
    ("log", "least"),
    [
        ("online-retail", {"all": 0.2488, "discovery": 0.0848}),
        ("movielens-1m", {"discovery": 0.125}),
    ],
)
def test_a_real_log_is_foretold_as_well_as_ever(
    log: str, least: dict[str, float], shop_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchmarks.logs.FOLDER", shop_data)
    protocol = PROTOCOLS[log]
    figures = run(ALS(), protocol.test(protocol.read()), seed=0, baselines=True)
    for part, ndcg in least.items():
        assert figures[part]["ndcg@10"] >= ndcg
        assert figures[part]["ndcg@10"] > figures["baselines"]["popular"][part]["ndcg@10"]
