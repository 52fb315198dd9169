"""Weights of an earlier fit find their items again, whatever has become of the catalogue."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from shop_recs.algorithms.base import ITEMS
from shop_recs.algorithms.sasrec import SASRec
from shop_recs.algorithms.sequence.state import restore, state_of

pytestmark = pytest.mark.training


@dataclass(frozen=True)
class Stored:
    """What is left of an earlier fit."""

    state: dict
    info: dict


def model(codes, **options):
    return SASRec(**{"dimensions": 8, "blocks": 1, **options})._model(
        np.asarray(codes), length=10, dropout=0.0
    )


def test_items_keep_their_rows_new_ones_are_random_and_those_gone_are_dropped():
    earlier, later = model(np.zeros((3, 0))), model(np.zeros((4, 0)))
    fresh = later.items.weight.detach().clone()
    state = {**state_of(earlier, np.array([0, 1, 2])), ITEMS: np.array([5, -1, 1])}
    assert restore(later, Stored(state, {}), np.array([1, 3, 5, 6]))
    rows = later.items.weight.detach()
    assert rows[[0, 2]].equal(earlier.items.weight.detach()[[2, 0]])
    assert rows[[1, 3]].equal(fresh[[1, 3]])
    assert later.kinds.weight.equal(earlier.kinds.weight)


def test_a_value_starts_from_what_its_items_had_for_it():
    earlier = model([[1, 3], [2, 3], [2, 4]])
    later = model([[2, 5], [1, 4], [1, 4], [3, 0]])
    assert restore(later, Stored(state_of(earlier, np.arange(3)), {}), np.arange(4))
    had, has = (one.features.values.weight.detach() for one in (earlier, later))
    assert has[[2, 1, 5]].equal(had[[1, 2, 3]])
    assert np.allclose(has[4], (had[3] + had[4]) / 2)
    assert not has[0].any()
    assert later.features.codes.tolist()[0] == [2, 5]


@pytest.mark.parametrize("other", [{"blocks": 2}, {"dimensions": 4}])
def test_nothing_is_copied_from_another_network(other):
    later, earlier = model(np.zeros((3, 0))), model(np.zeros((3, 0)), **other)
    before = later.items.weight.detach().clone()
    assert not restore(later, Stored(state_of(earlier, np.arange(3)), {}), np.arange(3))
    assert later.items.weight.equal(before)
