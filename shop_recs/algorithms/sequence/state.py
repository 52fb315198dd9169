"""A model's weights as plain arrays, from which a later fit can go on."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from shop_recs.algorithms.base import ITEMS, Earlier
from shop_recs.algorithms.sequence.batches import Rows
from shop_recs.algorithms.sequence.model import SequenceModel

State = dict[str, npt.NDArray[Any]]

IDENTITIES = "items.weight"
CODES, VALUES = "features.codes", "features.values.weight"


def state_of(model: SequenceModel, vocabulary: Rows) -> State:
    """The weights by name, and the log's index of each row of the item table."""
    weights = {name: tensor.numpy(force=True).copy() for name, tensor in model.state_dict().items()}
    return {**weights, ITEMS: vocabulary}


def restore(model: SequenceModel, earlier: Earlier, vocabulary: Rows) -> bool:
    """Copy the weights of an earlier fit; what is new since then keeps its random vectors.

    Returns:
        False, with nothing copied, where the earlier fit was made with other options.
    """
    own, given = state_of(model, vocabulary), dict(earlier.state)
    if _shapes(own) != _shapes(given):
        return False
    _, rows, given_rows = np.intersect1d(vocabulary, given[ITEMS], return_indices=True)
    merged = {name: array for name, array in given.items() if name != ITEMS}
    merged[IDENTITIES] = own[IDENTITIES].copy()
    merged[IDENTITIES][rows] = given[IDENTITIES][given_rows]
    if CODES in own:
        merged[CODES] = own[CODES]
        merged[VALUES] = _values(own, given, rows=rows, given_rows=given_rows)
    model.load_state_dict({name: torch.tensor(array) for name, array in merged.items()})
    return True


def _values(own: State, given: State, *, rows: Rows, given_rows: Rows) -> npt.NDArray[np.float32]:
    """Vectors of the features' values: the mean of what the items that have a value now had for it then.

    Values carry numbers, not names, and a new brand moves the numbers of all behind it.
    """
    codes, given_codes = own[CODES][rows].ravel(), given[CODES][given_rows].ravel()
    both = (codes > 0) & (given_codes > 0)
    sums = np.zeros(own[VALUES].shape)
    np.add.at(sums, codes[both], given[VALUES][given_codes[both]])
    counts = np.bincount(codes[both], minlength=len(sums))[:, None]
    means = sums / np.maximum(counts, 1)
    values: npt.NDArray[np.float32] = np.where(counts, means, own[VALUES]).astype(np.float32)
    return values


def _shapes(state: State) -> dict[str, tuple[int, ...]]:
    """The shapes of what does not grow with the catalogue."""
    grows = (ITEMS, IDENTITIES, CODES, VALUES)
    return {name: array.shape[1:] if name in grows else array.shape for name, array in state.items()}
