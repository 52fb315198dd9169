"""Early stopping is judged on events that training never sees, against all items, pessimistically."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from shop_recs.algorithms.sequence.batches import sequences_of
from shop_recs.algorithms.sequence.validation import hold_out, ndcg
from tests.algorithms.logs import log_of, walks

pytestmark = pytest.mark.training


class Scored(nn.Module):
    """Gives every item the same fixed score whatever the history was."""

    def __init__(self, scores):
        super().__init__()
        self.scores = torch.tensor(scores, dtype=torch.float32)[:, None]

    def table(self):
        return self.scores

    def after(self, batch):
        return torch.ones(len(batch.lengths), 1)


def ndcg_of(scores, history):
    """Of the last event of the only shopper."""
    _, held_out = hold_out(sequences_of(log_of([history])), rng=np.random.default_rng(0))
    return ndcg(Scored(scores), held_out, length=50)


def test_the_first_place_is_worth_one_and_the_third_a_half():
    assert ndcg_of([0.0, 1.0, 2.0, 9.0], [0, 1, 2, 3]) == pytest.approx(1.0)
    assert ndcg_of([1.0, 9.0, 8.0, 7.0], [0, 1, 2, 3, 3]) == pytest.approx(0.5)


def test_items_seen_before_do_not_compete_with_a_new_one():
    assert ndcg_of([9.0, 8.0, 1.0], [0, 1, 2]) == pytest.approx(1.0)


def test_a_repeated_item_competes_with_all():
    assert ndcg_of([9.0, 8.0, 1.0], [0, 1, 2, 2]) == pytest.approx(0.5)


def test_a_tie_counts_against_the_model():
    assert ndcg_of([5.0, 5.0, 5.0], [0, 1, 2, 2]) == pytest.approx(0.5)


def test_beyond_the_tenth_place_nothing_is_gained():
    scores = [*np.linspace(2.0, 3.0, 11), 1.0]
    assert ndcg_of(scores, [*range(12), 11]) == 0.0


def test_held_back_events_are_the_last_ones_and_leave_the_log():
    sequences = sequences_of(log_of(walks(shoppers=40, length=6)))
    rest, held_out = hold_out(sequences, rng=np.random.default_rng(0), users=8)
    assert len(held_out.users) == 8
    assert np.flatnonzero(rest.stops < sequences.stops).tolist() == held_out.users.tolist()
    assert held_out.targets.tolist() == (sequences.stops[held_out.users] - 1).tolist()
    assert len(rest) == len(sequences) - 8


def test_an_order_is_held_back_as_a_whole():
    sequences = sequences_of(log_of([[1, 2, 3, 4]], times=[[10.0, 20.0, 20.0, 20.0]]))
    rest, held_out = hold_out(sequences, rng=np.random.default_rng(0))
    assert rest.stops.tolist() == [1]
    assert held_out.targets.tolist() == [1, 2, 3]


def test_what_a_shopper_chose_before_is_judged_only_where_nothing_is_new():
    days = [[10.0, 20.0, 30.0, 30.0]] * 2
    _, held_out = hold_out(
        sequences_of(log_of([[1, 2, 3, 1], [1, 2, 2, 1]], times=days)), rng=np.random.default_rng(0)
    )
    assert held_out.targets.tolist() == [2]
    _, held_out = hold_out(sequences_of(log_of([[1, 2, 2, 1]], times=days[:1])), rng=np.random.default_rng(0))
    assert held_out.targets.tolist() == [2, 3]


def test_of_many_lines_a_sample_is_judged():
    sequences = sequences_of(log_of([range(30)], times=[[0.0] * 10 + [1.0] * 20]))
    _, held_out = hold_out(sequences, rng=np.random.default_rng(0), targets=5)
    assert len(set(held_out.targets.tolist())) == 5
    assert held_out.users.tolist() == [0] * 5


def test_at_most_a_quarter_of_the_shoppers_lose_their_last_event():
    sequences = sequences_of(log_of(walks(shoppers=40, length=6)))
    assert len(hold_out(sequences, rng=np.random.default_rng(0))[1].users) == 10
