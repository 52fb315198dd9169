"""The exponent of growth, and the logs that it is measured on."""

from __future__ import annotations

import math

import numpy as np
import pytest

from benchmarks.growth import exponent
from shop_recs.bench.log import shop_log


@pytest.mark.parametrize("power", [0.5, 1.0, 2.0])
def test_the_exponent_is_the_power_by_which_time_grows(power: float) -> None:
    assert exponent({size: 3.0 * size**power for size in (0.25, 0.5, 1.0, 4.0)}) == pytest.approx(power)


def test_one_size_tells_nothing_of_growth() -> None:
    assert math.isnan(exponent({1.0: 5.0}))


def test_a_generated_log_has_the_size_asked_for_and_is_the_same_every_time() -> None:
    log, again = (shop_log(5_000, items=400, shoppers=250, seed=1) for _ in range(2))
    assert len(log) == 5_000
    assert log.n_items == 400
    assert log.n_users <= 250
    np.testing.assert_array_equal(log.items, again.items)


def test_products_of_a_generated_log_are_unequally_popular() -> None:
    counts = np.sort(np.bincount(shop_log(20_000, items=500, shoppers=500).items))
    assert counts[-50:].sum() > 3 * counts[:250].sum()


def test_a_session_of_a_generated_log_stays_with_one_taste() -> None:
    log = shop_log(20_000, items=400, shoppers=1_000)
    neighbours = (np.diff(log.users) == 0) & (np.diff(log.times) == 40.0)
    apart = np.abs(np.diff(log.items.astype(np.int64)))[neighbours]
    assert neighbours.sum() > 5_000
    assert np.mean(apart <= 10) > 0.95
