"""Splits of a log into a part to learn from and cases to be judged by."""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt
import pytest

from shop_recs.algorithms.base import SECONDS_PER_DAY, FittedVectors, NotEnoughData, TrainingData
from shop_recs.algorithms.encoders.fold_in import FoldInEncoder
from shop_recs.algorithms.splits import Split, leave_one_out, split_by_time
from tests.algorithms.logs import log_of

DAY = 86_400.0


def days(*numbers: float) -> npt.NDArray[np.float64]:
    return DAY * np.array(numbers)


@pytest.fixture
def log() -> TrainingData:
    """Two shoppers with a past before day 4 and a future after it, and one who comes later."""
    return log_of(
        [[0, 1, 2, 3, 0], [1, 2, 1], [0, 3]],
        times=[days(0, 1, 5, 5, 6), days(1, 2, 7), days(5, 6)],
        kinds=[np.array([1, 4, 1, 4, 4]), np.array([4, 4, 4]), np.array([4, 4])],
        n_items=5,
    )


def targets_by_user(split: Split) -> dict[int, list[int]]:
    return {int(user): split.targets[split.cases == case].tolist() for case, user in enumerate(split.users)}


def seen_by_user(split: Split) -> dict[int, list[int]]:
    cases, rows = split.seen(slice(0, len(split)))
    items = split.log.items[rows]
    return {int(user): items[cases == case].tolist() for case, user in enumerate(split.users)}


def test_learning_ends_where_judging_begins(log: TrainingData) -> None:
    split = split_by_time(log, cut=4 * DAY)
    assert split.train.times.tolist() == days(0, 1, 1, 2).tolist()
    assert split.train.now == 4 * DAY
    assert split.nows.tolist() == [4 * DAY, 4 * DAY]


def test_the_targets_are_what_shoppers_with_a_history_chose_after_the_cut(log: TrainingData) -> None:
    split = split_by_time(log, cut=4 * DAY)
    assert targets_by_user(split) == {0: [0, 2], 1: [1]}
    assert seen_by_user(split) == {0: [0, 1], 1: [1, 2]}


def test_a_target_that_no_model_can_know_is_counted_apart(log: TrainingData) -> None:
    assert split_by_time(log, cut=4 * DAY).cold_targets == 1


def test_a_target_is_new_where_the_history_does_not_have_it(log: TrainingData) -> None:
    split = split_by_time(log, cut=4 * DAY)
    assert dict(zip(split.targets.tolist(), split.new().tolist(), strict=True)) == {
        0: False,
        2: True,
        1: False,
    }


def test_targets_can_be_limited_to_kinds(log: TrainingData) -> None:
    assert targets_by_user(split_by_time(log, cut=4 * DAY, target_kinds=[4])) == {0: [0], 1: [1]}


def test_targets_can_be_limited_to_the_first_basket(log: TrainingData) -> None:
    assert targets_by_user(split_by_time(log, cut=4 * DAY, basket_seconds=0)) == {0: [2], 1: [1]}
    assert targets_by_user(split_by_time(log, cut=4 * DAY, basket_seconds=DAY)) == {0: [0, 2], 1: [1]}


def test_without_a_cut_the_last_part_of_the_log_is_held_out() -> None:
    split = split_by_time(log_of([[0, 1] * 50] * 2), fraction=0.1)
    assert len(split.train) == 180


def test_weights_decay_from_the_cut() -> None:
    log = log_of([[0, 1], [1, 0]], times=[days(0, 4), days(2, 5)])
    ages = (log.now - log.times) / DAY
    decayed = dataclasses.replace(log, weights=(0.5**ages).astype(np.float32), half_life_days=1.0)
    split = split_by_time(decayed, cut=3 * DAY)
    assert split.train.weights == pytest.approx([0.5**3, 0.5])


def test_the_cases_are_a_sample_that_the_seed_decides() -> None:
    log = log_of([[0, 1, 0]] * 50)
    draws = [split_by_time(log, cut=2 * DAY, max_cases=10, seed=seed).users.tolist() for seed in (1, 1, 2)]
    assert len(draws[0]) == 10
    assert draws[0] == draws[1] != draws[2]


def test_a_log_without_a_shopper_who_came_back_cannot_be_split() -> None:
    log = log_of([[0], [1]], times=[days(0), days(9)])
    with pytest.raises(NotEnoughData, match="have 0 shoppers"):
        split_by_time(log, cut=5 * DAY)


def test_a_share_that_is_none_is_refused(log: TrainingData) -> None:
    with pytest.raises(ValueError, match=r"0\.1 holds out the last tenth"):
        split_by_time(log, fraction=1.0)


def test_leaving_one_out_asks_for_the_last_item() -> None:
    split = leave_one_out(log_of([[0, 1, 2, 3], [3, 2, 1, 0]]), strict=False)
    assert targets_by_user(split) == {0: [3], 1: [0]}
    assert seen_by_user(split) == {0: [0, 1, 2], 1: [3, 2, 1]}
    assert split.train is not split.log
    assert split.train.items.tolist() == [0, 1, 2, 3, 2, 1]
    assert split.discovery_only


def test_a_strict_leave_one_out_does_not_learn_from_the_item_before_the_last() -> None:
    split = leave_one_out(log_of([[0, 1, 2, 3], [3, 2, 1, 0]]))
    assert split.train.items.tolist() == [0, 1, 3, 2]
    assert seen_by_user(split) == {0: [0, 1, 2], 1: [3, 2, 1]}


def test_leaving_one_out_does_not_tell_when_the_target_happened() -> None:
    split = leave_one_out(log_of([[0, 1, 0], [1, 0, 1]], times=[days(0, 1, 9), days(0, 3, 8)]))
    assert split.nows.tolist() == days(1, 3).tolist()


def test_histories_are_the_last_known_items_with_their_ages() -> None:
    log = log_of([[0, 1, 2, 1, 0], [0, 1, 2, 2, 0]], kinds=[np.array([1, 2, 3, 4, 1])] * 2)
    split = split_by_time(log, cut=3.5 * DAY)
    fitted = FittedVectors(
        item_vectors=np.arange(3, dtype=np.float32)[:, None] + 1.0,
        known=np.array([True, True, False]),
        encoder=FoldInEncoder(
            np.eye(1, dtype=np.float32),
            np.ones(8, dtype=np.float32),
            alpha=1.0,
            half_life_days=90.0,
            step_decay=1.0,
            history_length=2,
        ),
    )
    (first, second), items = split.histories(fitted, slice(0, 2))
    assert [own.tolist() for own in items] == [[1, 1], [0, 1]]
    assert first.vectors.ravel().tolist() == [2.0, 2.0]
    assert first.kinds.tolist() == [2, 4]
    assert first.ages.tolist() == [2.5, 0.5]
    assert second.vectors.ravel().tolist() == [1.0, 2.0]


def test_chunks_cover_the_cases_in_order() -> None:
    log = log_of([[0, 1, 0]] * 30, n_items=1_000_000)
    split = split_by_time(log, cut=2 * DAY)
    chunks = list(split.chunks())
    assert len(chunks) > 1
    assert [case for chunk in chunks for case in range(30)[chunk]] == list(range(30))
    assert np.concatenate([split.targets_of(chunk) for chunk in chunks]).tolist() == list(range(30))


def test_a_past_of_very_many_half_lives_overflows_nothing() -> None:
    log = dataclasses.replace(log_of([[0, 1], [1, 2]]), half_life_days=0.001)
    earlier = log.select(log.times >= 0, now=log.now - 30 * SECONDS_PER_DAY)
    assert np.isfinite(earlier.weights).all()
