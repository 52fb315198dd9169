"""The sample of candidates is drawn with the probabilities that the loss corrects for."""

from __future__ import annotations

import numpy as np
import pytest

from shop_recs.algorithms.sequence.candidates import Sampler

pytestmark = pytest.mark.training

COUNTS = np.array([0, 3, 1, 400, 7, 7, 50, 2, 2, 12, 90, 1])


@pytest.fixture(params=[0.0, 0.5, 1.0])
def sampler(request):
    return Sampler(COUNTS, size=5, power=request.param)


def test_a_draw_has_the_asked_number_of_distinct_items(sampler):
    rng = np.random.default_rng(0)
    for _ in range(50):
        items, _ = sampler.draw(rng)
        assert len(np.unique(items)) == 5


def test_a_sum_over_the_sample_estimates_the_sum_over_the_catalogue_without_bias(sampler):
    rng = np.random.default_rng(0)
    values = rng.exponential(size=len(COUNTS))
    draws = [sampler.draw(rng) for _ in range(4000)]
    estimates = [(values[items] * stands_for).sum() for items, stands_for in draws]
    error = np.std(estimates) / np.sqrt(len(estimates))
    assert np.mean(estimates) == pytest.approx(values.sum(), abs=4 * error)


def test_popular_items_are_drawn_more_often_and_stand_for_less():
    items, stands_for = Sampler(COUNTS, size=5, power=0.5).draw(np.random.default_rng(0))
    assert (np.diff(stands_for[np.argsort(COUNTS[items])]) <= 0).all()
    assert 3 in items


def test_without_a_power_all_items_are_equally_likely():
    assert Sampler(COUNTS, size=5, power=0.0).probabilities == pytest.approx(5 / 12)
