"""Histories become windows and batches without losing or mixing anything."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from shop_recs.algorithms.sequence.batches import UNKNOWN_GAP, batch_of, batches, sequences_of, windows
from tests.algorithms.logs import log_of

pytestmark = pytest.mark.training

LENGTHS = [0, 1, 2, 7, 8, 9, 40]


@pytest.fixture
def sequences():
    rng = np.random.default_rng(0)
    return sequences_of(log_of([rng.integers(0, 30, size=n) for n in LENGTHS], n_items=50))


def covered(starts, lengths):
    return np.sort(np.concatenate([np.arange(s, s + n) for s, n in zip(starts, lengths, strict=True)]))


@pytest.mark.parametrize("seed", range(5))
def test_windows_hold_every_event_that_has_a_next_one_exactly_once(sequences, seed):
    starts, lengths = windows(sequences, length=8, rng=np.random.default_rng(seed))
    last = sequences.stops[sequences.stops > sequences.starts] - 1
    expected = np.setdiff1d(np.arange(sum(LENGTHS)), last)
    assert covered(starts, lengths).tolist() == expected.tolist()
    assert len(sequences) == len(expected)


def test_no_window_is_longer_than_asked_or_empty(sequences):
    _, lengths = windows(sequences, length=8, rng=np.random.default_rng(0))
    assert lengths.max() <= 8
    assert lengths.min() >= 1


def test_long_histories_are_cut_elsewhere_in_every_epoch(sequences):
    rng = np.random.default_rng(0)
    cuts = {tuple(windows(sequences, length=8, rng=rng)[0].tolist()) for _ in range(10)}
    assert len(cuts) > 3


def test_an_epoch_has_every_event_once(sequences):
    made = batches(sequences, length=8, tokens=16, rng=np.random.default_rng(0))
    rows = np.concatenate([batch.rows for batch in made])
    starts, lengths = windows(sequences, length=8, rng=np.random.default_rng(1))
    assert np.sort(rows).tolist() == covered(starts, lengths).tolist()


def test_cut_windows_still_cover_the_epoch(sequences):
    made = list(batches(sequences, length=8, tokens=16, rng=np.random.default_rng(0), cut=True))
    assert sum(batch.covered for batch in made) == len(sequences)
    assert sum(len(batch.rows) for batch in made) < len(sequences)
    assert all(batch.covered >= len(batch.rows) for batch in made)


def test_a_window_is_cut_after_any_of_its_events_alike():
    sequences, rng = sequences_of(log_of([range(5)] * 1000)), np.random.default_rng(0)
    made = batches(sequences, length=8, tokens=64, rng=rng, cut=True)
    _, counts = np.unique(np.concatenate([batch.lengths for batch in made]), return_counts=True)
    assert counts.sum() == 1000
    assert counts.tolist() == pytest.approx([250] * 4, abs=45)


def test_an_epoch_of_cut_windows_has_as_many_steps():
    rng = np.random.default_rng(0)
    sequences = sequences_of(log_of([rng.integers(0, 30, size=n) for n in rng.integers(2, 60, size=2000)]))
    whole, cut = (
        len(list(batches(sequences, length=50, tokens=2048, rng=rng, cut=cut))) for cut in (False, True)
    )
    assert cut == pytest.approx(whole, rel=0.1)


def test_batches_keep_to_the_budget_of_events():
    rng = np.random.default_rng(0)
    log = log_of([rng.integers(0, 30, size=n) for n in rng.integers(2, 60, size=300)])
    made = list(batches(sequences_of(log), length=50, tokens=256, rng=rng))
    sizes = [len(batch.rows) for batch in made]
    assert max(sizes) <= 256
    assert np.mean(sizes) > 200


@pytest.mark.parametrize("cut", [False, True], ids=["whole windows", "cut windows"])
def test_little_of_a_batch_is_padding(cut):
    rng = np.random.default_rng(0)
    log = log_of([rng.integers(0, 30, size=n) for n in rng.integers(2, 60, size=2000)])
    made = list(batches(sequences_of(log), length=50, tokens=2048, rng=rng, cut=cut))
    padded = sum(batch.items.numel() for batch in made)
    assert sum(len(batch.rows) for batch in made) > 0.85 * padded


def test_a_batch_is_padded_on_the_right():
    sequences = sequences_of(log_of([[5, 6, 7], [8, 9]], kinds=[[1, 3, 4], [2, 4]]))
    batch = batch_of(sequences, np.array([0, 3]), np.array([2, 1]))
    assert sequences.vocabulary[batch.items[0]].tolist() == [5, 6]
    assert sequences.vocabulary[batch.items[1, 0].item()] == 8
    assert batch.rows.tolist() == [0, 1, 3]
    assert batch.kinds[0].tolist() == [1, 3]
    assert batch.valid.tolist() == [[True, True], [True, False]]


def test_the_gap_before_a_window_is_unknown():
    sequences = sequences_of(log_of([[1, 2, 3, 4]], times=[[0.0, 86_400.0, 86_400.0, 3 * 86_400.0]]))
    batch = batch_of(sequences, np.array([1]), np.array([2]))
    assert batch.gaps.tolist() == [[UNKNOWN_GAP, 0.0]]


def test_what_follows_is_the_next_event():
    sequences = sequences_of(log_of([[5, 6, 7], [8, 9]]))
    followers = sequences.followers(np.array([0, 1, 3]), rng=np.random.default_rng(0))
    assert followers.tolist() == [1, 2, 4]


def test_what_follows_a_line_of_an_order_is_the_next_line_or_any_of_the_next_order():
    sequences = sequences_of(log_of([[1, 2, 3, 4, 5, 6]], times=[[10.0, 10.0, 20.0, 20.0, 20.0, 30.0]]))
    rng = np.random.default_rng(0)
    drawn = [sequences.followers(np.arange(5), rng=rng).tolist() for _ in range(50)]
    by_line = [set(rows) for rows in zip(*drawn, strict=True)]
    assert by_line == [{1, 2, 3, 4}, {2, 3, 4}, {3, 4, 5}, {4, 5}, {5}]
    assert len(sequences) == 5


def test_a_shopper_of_one_moment_teaches_nothing():
    sequences = sequences_of(log_of([[1, 2, 3], [4, 5]], times=[[10.0, 10.0, 10.0], [10.0, 20.0]]))
    assert sequences.positions.tolist() == [0, 1]
    starts, lengths = windows(sequences, length=8, rng=np.random.default_rng(0))
    assert covered(starts, lengths).tolist() == [3]


def test_an_event_weighs_as_much_as_its_kind():
    weights = np.array([1, 1, 2, 3, 4, 1, 1, 1], dtype=np.float32)
    sequences = sequences_of(log_of([[1, 2, 3]], kinds=[[1, 3, 4]], kind_weights=weights))
    assert sequences.weights.tolist() == [1.0, 3.0, 4.0]


def test_events_of_all_kinds_but_the_last_may_count_less():
    sequences = sequences_of(log_of([[1, 2, 3]], kinds=[[1, 3, 3]]), other_kinds=0.25)
    assert sequences.weights.tolist() == [0.25, 1.0, 1.0]


def test_an_event_weighs_less_the_older_it_is():
    log = log_of([[1, 2]], times=[[0.0, 86_400.0]])
    sequences = sequences_of(replace(log, weights=np.array([0.5, 1.0], dtype=np.float32)))
    assert sequences.weights.tolist() == [0.5, 1.0]
