"""A model's weights as plain arrays, from which a later fit can go on."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from shop_recs.algorithms.base import Fitted
from shop_recs.algorithms.sequence.batches import Rows
from shop_recs.algorithms.sequence.model import SequenceModel

State = dict[str, npt.NDArray[Any]]

ITEMS = "items.weight"


def state_of(model: SequenceModel, vocabulary: Rows) -> State:
    """The weights by name, and the log's index of each row of the item table."""
    weights = {name: tensor.numpy().copy() for name, tensor in model.state_dict().items()}
    return {**weights, "vocabulary": vocabulary}


def restore(model: SequenceModel, earlier: Fitted, vocabulary: Rows) -> bool:
    """Copy the weights of an earlier fit of the same items; items new since then keep their random vectors.

    Returns:
        False, with nothing copied, where the earlier fit was made with other options.
    """
    own, given = state_of(model, vocabulary), dict(earlier.state)
    if _shapes(own) != _shapes(given):
        return False
    _, rows, given_rows = np.intersect1d(vocabulary, given.pop("vocabulary"), return_indices=True)
    items = own[ITEMS]
    items[rows] = given[ITEMS][given_rows]
    weights = {**given, ITEMS: items}
    model.load_state_dict({name: torch.tensor(array) for name, array in weights.items()})
    return True


def _shapes(state: State) -> dict[str, tuple[int, ...]]:
    """The shapes of what does not grow with the catalogue."""
    grows = (ITEMS, "vocabulary")
    return {name: array.shape[1:] if name in grows else array.shape for name, array in state.items()}
