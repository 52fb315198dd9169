"""The closed form against a dense inverse, and the bound on memory."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from shop_recs.algorithms import ease
from shop_recs.algorithms.ease import EASE
from tests.algorithms.contract import tastes
from tests.algorithms.logs import log_of

pytestmark = pytest.mark.training


@pytest.mark.parametrize("rows_at_once", [1_000, 7])
def test_the_weights_are_those_of_the_closed_form(rows_at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ease, "ROWS_AT_ONCE", rows_at_once)
    log = log_of([[0, 1, 2], [0, 1], [1, 2, 4], [4, 5, 9], [4, 5], [9, 0, 5]], n_items=11)
    had = np.zeros((log.n_users, log.n_items))
    had[log.users, log.items] = 1
    had /= np.sqrt(had.sum(axis=1, keepdims=True))
    items = np.flatnonzero(had.any(axis=0))
    gram = had[:, items].T @ had[:, items]
    precision = np.linalg.inv(gram + 0.7 * np.diagonal(gram).mean() * np.eye(len(items)))
    expected = np.zeros((11, 11))
    expected[np.ix_(items, items)] = np.maximum(0, -precision / np.diagonal(precision))

    fitted = EASE(regularization=0.7, neighbours=11, step_decay=1.0, trend=0).fit(log)
    dense = np.zeros((11, 11))
    dense[np.repeat(np.arange(11), np.diff(fitted.offsets)), fitted.neighbours] = fitted.pair_scores
    np.testing.assert_allclose(dense, expected, rtol=1e-4, atol=1e-6)


def test_a_catalogue_too_large_for_memory_is_refused_with_the_option_to_change() -> None:
    with pytest.raises(
        ValueError, match=r"needs .* of 40 products and gigabytes allows 1e-06; set it higher"
    ):
        EASE(gigabytes=1e-6).fit(tastes())


def test_a_resumed_fit_reuses_the_choice() -> None:
    part = EASE(step_decay=0.55).fit(tastes())
    assert EASE().fit(tastes(), resume=part).info["step_decay"] == 0.55


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"regularization": 0}, "regularization must be a positive number"),
        ({"neighbours": 2.5}, "neighbours must be a positive integer"),
        ({"gigabytes": -1}, "gigabytes must be a positive number"),
        ({"step_decay": 1.5}, "step_decay must be at most 1"),
    ],
)
def test_a_wrong_option_is_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        EASE(**options)
