"""Early stopping is judged on events that training never sees, against all items, pessimistically."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from shop_recs.algorithms.base import NotEnoughData, silent
from shop_recs.algorithms.sasrec import SASRec
from shop_recs.algorithms.sequence.batches import sequences_of
from shop_recs.algorithms.sequence.model import SequenceModel
from shop_recs.algorithms.sequence.trainer import Trainer
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


@pytest.mark.parametrize("scores", [[np.nan] * 4, [0.0, 1.0, 2.0, np.nan], [0.0, 1.0, np.inf, np.nan]])
def test_a_target_without_a_score_gains_nothing(scores):
    assert ndcg_of(scores, [0, 1, 2, 3]) == 0.0


def test_a_competitor_without_a_score_counts_against_the_model():
    assert ndcg_of([np.nan, 1.0, 9.0, 7.0], [0, 1, 2, 3, 3]) == pytest.approx(0.5)


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


class Diverging(Trainer):
    """Its weights are no numbers any more after some epochs."""

    finite = 0

    def _epoch(self):
        super()._epoch()
        if self.epoch >= self.finite:
            for weight in self.averaged.parameters():
                weight.data.fill_(torch.nan)


def diverging(*, after):
    """A trainer of a small model and what it is judged by; its weights diverge after so many epochs."""
    options, rng = SASRec(dimensions=8, blocks=1, patience=2), np.random.default_rng(0)
    sequences, held_out = hold_out(sequences_of(log_of(walks(shoppers=40, length=6))), rng=rng)
    model = SequenceModel(options.objective(length=6, dropout=0.0), n_items=40, dimensions=8, dropout=0.0)
    trainer = Diverging(model, sequences, options=options, length=6, epochs=5, rng=rng, progress=silent)
    trainer.finite = after
    return trainer, held_out


@pytest.mark.parametrize("judged", [True, False], ids=["judged", "not judged"])
def test_a_network_that_diverges_leaves_its_best_weights(judged):
    trainer, held_out = diverging(after=2)
    outcome = trainer.run(held_out if judged else None)
    assert 1 <= outcome.epochs <= 2
    assert all(weight.isfinite().all() for weight in trainer.model.parameters())


def test_a_network_that_never_was_finite_is_an_error():
    trainer, held_out = diverging(after=0)
    with pytest.raises(ValueError, match=r"diverged.* lower learning_rate than 0.006"):
        trainer.run(held_out)


def test_what_the_held_back_events_leave_must_be_enough_to_learn_from():
    log = log_of([range(121)], times=[[0.0] * 120 + [86_400.0]])
    with pytest.raises(NotEnoughData, match=r"have 0 interactions .* held back to judge by, need 1"):
        SASRec().fit(log)
