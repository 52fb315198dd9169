"""A network sees what its objective allows, and never the event that it is asked about."""

from __future__ import annotations

import pytest
import torch

from shop_recs.algorithms.sasrec import SASRec
from shop_recs.algorithms.sequence.batches import batch_of, sequences_of
from tests.algorithms.logs import log_of

pytestmark = pytest.mark.training

D, LENGTH = 16, 8
CAUSAL = [SASRec(dimensions=D, blocks=2)]


def objective_of(recommender):
    torch.manual_seed(0)
    return recommender.objective(length=LENGTH, dropout=0.0).eval()


@pytest.fixture
def batch():
    """Windows of 8, 3 and 1 events; each history goes on."""
    log = sequences_of(log_of([range(9), range(9, 13), [13, 14]]))
    return batch_of(log, log.starts, log.positions)


def events(seed=0):
    return torch.randn(3, LENGTH, D, generator=torch.Generator().manual_seed(seed))


@torch.no_grad()
@pytest.mark.parametrize("recommender", CAUSAL)
def test_a_causal_network_sees_no_later_event(recommender):
    network, x = objective_of(recommender).network, events()
    before, changed = network(x), x.clone()
    changed[:, 5:] = events(seed=1)[:, 5:]
    after = network(changed)
    torch.testing.assert_close(after[:, :5], before[:, :5])
    assert (after[:, 5:] - before[:, 5:]).abs().amax(dim=2).min() > 1e-4


@torch.no_grad()
@pytest.mark.parametrize("recommender", CAUSAL)
def test_a_causal_network_foresees_what_follows_each_event(recommender, batch):
    objective, following = objective_of(recommender), batch.rows + 1
    states, rows = objective(events(), batch, following)
    assert rows.tolist() == following.tolist()
    assert len(states) == len(rows)
    torch.testing.assert_close(
        states[torch.cumsum(batch.lengths, dim=0) - 1],
        objective.last(events(), batch.lengths),
        atol=1e-5,
        rtol=1e-4,
    )


@torch.no_grad()
@pytest.mark.parametrize("recommender", CAUSAL)
def test_padding_changes_nothing(recommender, batch):
    objective, x = objective_of(recommender), events()
    together = objective.last(x, batch.lengths)
    for row, length in enumerate(batch.lengths.tolist()):
        alone = objective.last(x[row : row + 1, :length], torch.tensor([length]))
        torch.testing.assert_close(together[row : row + 1], alone, atol=1e-5, rtol=1e-4)
