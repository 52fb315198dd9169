"""A training starts from what the active version learned, unless there is a reason not to."""

from __future__ import annotations

import numpy as np
import pytest

from shop_recs.algorithms.base import ITEMS, FittedVectors
from shop_recs.algorithms.encoders.constant import ConstantEncoder
from shop_recs.models import JudgedFit, ModelVersion
from shop_recs.training import child, judged, runner
from shop_recs.training.lease import acquire


@pytest.fixture
def train(log, plugins):
    """Train the counting algorithm here; returns how many fits led to the version, and its warm starts."""

    def run(**options):
        held = acquire("counting")
        assert child.run(held, **options) == child.Ending.PUBLISHED
        info = ModelVersion.objects.get(pk=held.version_id).info
        return info["fits"], info["warm_starts"]

    return run


AFRESH = (2, 0)
"""The fit that is judged, and from it the one on everything."""


def test_each_training_starts_from_the_fit_that_judged_the_one_before(train):
    assert [train(), train(), train()] == [AFRESH, (3, 1), (4, 2)]


def test_every_so_many_th_training_starts_afresh(train, configure):
    configure(FULL_TRAINING_EVERY=3)
    assert [train() for _ in range(5)] == [AFRESH, (3, 1), (4, 2), AFRESH, (3, 1)]


def test_all_start_afresh_where_the_setting_says_so(train, configure):
    configure(FULL_TRAINING_EVERY=1)
    assert [train(), train()] == [AFRESH, AFRESH]


def test_other_options_start_afresh(train, configure):
    train()
    backend = "tests.training.plugins.Counting"
    configure(ALGORITHMS={"counting": {"BACKEND": backend, "OPTIONS": {"dimensions": 3}}})
    assert train() == AFRESH


def test_what_saw_a_part_of_what_is_to_be_foretold_is_no_start(train, configure):
    train()
    configure(HOLDOUT=0.2)
    assert train() == AFRESH


def test_one_can_ask_for_a_full_training(train):
    train()
    assert train(full=True) == AFRESH
    assert train() == (3, 1)


def test_the_process_hears_of_it(train):
    train()
    assert runner.train("counting", full=True).info["warm_starts"] == 0
    assert runner.train("counting").info["warm_starts"] == 1


def test_without_a_start_the_version_can_still_be_trained(train):
    train()
    JudgedFit.objects.all().delete()
    assert train() == AFRESH


def test_products_keep_their_place_in_the_state_by_their_keys():
    fitted = FittedVectors(
        item_vectors=np.ones((4, 2), dtype=np.float32),
        known=np.array([True, True, False, True]),
        encoder=ConstantEncoder(np.ones(2, dtype=np.float32)),
        info={"epochs": 3, "validation_ndcg": None},
        state={ITEMS: np.array([0, 1, 3]), "weights": np.float32([[1, 2], [3, 4], [5, 6]])},
    )
    recalled = judged.loads(judged.dumps(fitted, [10, 20, 30, 40]), [5, 20, 40, 50])
    assert recalled.state[ITEMS].tolist() == [-1, 1, 2]
    np.testing.assert_array_equal(recalled.state["weights"], fitted.state["weights"])
    assert recalled.info == fitted.info
