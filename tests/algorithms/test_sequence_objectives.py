"""A network sees what its objective allows, and never the event that it is asked about."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from shop_recs.algorithms.bert4rec import BERT4Rec
from shop_recs.algorithms.caser import Caser
from shop_recs.algorithms.gru4rec import GRU4Rec
from shop_recs.algorithms.sasrec import SASRec
from shop_recs.algorithms.sequence.batches import batch_of, batches, sequences_of
from shop_recs.algorithms.xlnet4rec import XLNet4Rec
from tests.algorithms.logs import log_of

pytestmark = pytest.mark.training

D, LENGTH = 16, 8
CAUSAL = [SASRec(dimensions=D, blocks=2), GRU4Rec(dimensions=D, layers=2), Caser(dimensions=D)]
MASKED = [BERT4Rec(dimensions=D, blocks=2, masked=0.5), XLNet4Rec(dimensions=D, blocks=2)]


def named(member):
    return type(member).__name__


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
@pytest.mark.parametrize("recommender", CAUSAL, ids=named)
def test_a_causal_network_sees_no_later_event(recommender):
    network, x = objective_of(recommender).network, events()
    before, changed = network(x), x.clone()
    changed[:, 5:] = events(seed=1)[:, 5:]
    after = network(changed)
    torch.testing.assert_close(after[:, :5], before[:, :5])
    assert (after[:, 5:] - before[:, 5:]).abs().amax(dim=2).min() > 1e-4


@torch.no_grad()
@pytest.mark.parametrize("recommender", CAUSAL, ids=named)
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
@pytest.mark.parametrize("recommender", [*CAUSAL, *MASKED], ids=named)
def test_padding_changes_nothing(recommender, batch):
    objective, x = objective_of(recommender), events()
    together = objective.last(x, batch.lengths)
    for row, length in enumerate(batch.lengths.tolist()):
        alone = objective.last(x[row : row + 1, :length], torch.tensor([length]))
        torch.testing.assert_close(together[row : row + 1], alone, atol=1e-5, rtol=1e-4)


def learned(objective, x, batch):
    """States by the row that they foresee, the same events asked at every call."""
    torch.manual_seed(26)
    states, rows = objective(x, batch, batch.rows + 1)
    return list(zip(rows.tolist(), states, strict=True))


def changed_at(x, batch, row):
    """The events with another one in place of that of a row of the log."""
    changed, at = x.clone(), torch.nonzero(batch.valid)[batch.rows.tolist().index(row)]
    changed[at[0], at[1]] = events(seed=1)[at[0], at[1]]
    return changed


@torch.no_grad()
@pytest.mark.parametrize("recommender", MASKED, ids=named)
def test_an_event_that_is_asked_is_not_seen_by_its_query(recommender, batch):
    objective, x = objective_of(recommender), events()
    before = learned(objective, x, batch)
    inside = [row for row, _ in before if row in batch.rows[:8]]
    assert len(inside) >= 4
    for row in inside:
        after = learned(objective, changed_at(x, batch, row), batch)
        for (asked, state), (_, changed) in zip(before, after, strict=True):
            if asked == row:
                torch.testing.assert_close(changed, state)


@torch.no_grad()
@pytest.mark.parametrize("recommender", MASKED, ids=named)
def test_a_window_is_cut_anywhere_and_asked_for_what_follows(recommender):
    objective, rng = objective_of(recommender), np.random.default_rng(0)
    log = sequences_of(log_of([range(9), range(9, 13), [13, 14]]))
    asked = []
    for _ in range(100):
        drawn = batches(log, length=LENGTH, tokens=100, rng=rng, cut=objective.cuts_windows)
        asked.append([row for batch in drawn for row in asked_of(objective, batch)])
    assert all(len(rows) == len(set(rows)) for rows in asked)
    assert {max(row for row in rows if row < 9) for rows in asked} == set(range(1, 9))
    assert {row for rows in asked for row in rows} == set(range(15)) - {13}


def asked_of(objective, batch):
    """Rows that are to be foreseen from a batch of any events."""
    return objective(torch.randn(*batch.items.shape, D), batch, batch.rows + 1)[1].tolist()


@torch.no_grad()
@pytest.mark.parametrize("recommender", MASKED, ids=named)
def test_the_event_after_a_window_is_always_asked(recommender, batch):
    objective = objective_of(recommender)
    assert all({8, 12, 14} <= set(asked_of(objective, batch)) for _ in range(20))


@pytest.mark.parametrize("recommender", [*CAUSAL, *MASKED], ids=named)
def test_only_windows_that_are_asked_as_a_whole_are_cut(recommender):
    assert objective_of(recommender).cuts_windows == (recommender in MASKED)


@torch.no_grad()
@pytest.mark.parametrize("recommender", MASKED, ids=named)
def test_what_is_served_sees_the_whole_history(recommender, batch):
    objective, x = objective_of(recommender), events()
    before = objective.last(x, batch.lengths)
    for row in range(8):
        after = objective.last(changed_at(x, batch, row), batch.lengths)
        assert (after[0] - before[0]).abs().max() > 1e-4
        torch.testing.assert_close(after[1:], before[1:])


@torch.no_grad()
def test_of_two_events_in_random_order_one_is_foreseen_from_the_other_and_not_both(batch):
    objective, x = objective_of(XLNet4Rec(dimensions=D, blocks=2)), events()
    before = dict(learned(objective, x, batch))
    asked = [row for row in before if row in batch.rows[:8]]
    sees = {
        (row, other): (state - before[row]).abs().max() > 1e-5
        for other in asked
        for row, state in learned(objective, changed_at(x, batch, other), batch)
    }
    assert all(sees[row, other] != sees[other, row] for row in asked for other in asked if row != other)


@torch.no_grad()
def test_a_recurrent_network_remembers_as_one_fed_event_by_event():
    network, x = objective_of(GRU4Rec(dimensions=D, hidden=24)).network, events()
    cell = torch.nn.GRUCell(D, 24)
    cell.load_state_dict({name.removesuffix("_l0"): w for name, w in network.units.state_dict().items()})
    remembered = torch.zeros(3, 24)
    for step in range(LENGTH):
        remembered = cell(x[:, step], remembered)
        torch.testing.assert_close(network(x)[:, step], x[:, step] + network.outward(remembered))


@torch.no_grad()
def test_filters_find_in_each_window_what_they_find_in_it_alone():
    network, x = objective_of(Caser(dimensions=D, window=3, horizontal=4, vertical=2)).network, events()
    padded = torch.cat([torch.zeros(3, 2, D), x], dim=1)
    for step in range(LENGTH):
        picture = padded[:, step : step + 3]  # (3, window, D)
        found = []
        for height, filters in enumerate(network.horizontal, start=1):
            runs = torch.stack([picture[:, at : at + height] for at in range(4 - height)])
            answers = torch.einsum("pbhd,fdh->pbf", runs, filters.weight) + filters.bias
            found.append(answers.relu().amax(dim=0))
        weights = network.vertical.weight[:, 0, :, 0]  # (vertical, window)
        sums = torch.einsum("bwd,vw->bvd", picture, weights) + network.vertical.bias[:, None]
        expected = x[:, step] + network.outward(torch.cat([*found, sums.flatten(1)], dim=1))
        torch.testing.assert_close(network(x)[:, step], expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("recommender", [*CAUSAL, *MASKED], ids=named)
def test_every_weight_gets_a_finite_gradient(recommender, batch):
    objective = objective_of(recommender).train()
    for _ in range(5):
        states, _ = objective(events(), batch, batch.rows + 1)
        states.square().sum().backward()
    assert all(weight.grad.isfinite().all() for weight in objective.parameters())
