"""What a sequence model is asked: in training about events of the log, in serving about the one to come."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Tensor, nn

from shop_recs.algorithms.sequence.batches import Batch, Rows


class Objective(nn.Module, ABC):
    """A network between embedded events and states, from which an event is foreseen.

    Attributes:
        cuts_windows: it learns from windows that end after a random event of them. What sees a whole window
            at once would learn nothing of short histories otherwise.
    """

    cuts_windows: ClassVar[bool] = False

    @abstractmethod
    def forward(self, x: Tensor, batch: Batch, following: Rows) -> tuple[Tensor, Rows]:
        """What is to be learned from a batch.

        Args:
            x: `(B, L, d)` the batch's events, embedded.
            batch: the windows that they come from.
            following: `(T,)` the log's row that follows each of `batch.rows`.

        Returns:
            `(N, d)` states, and `(N,)` the row of the event that each should foresee, not having seen it.
        """

    @abstractmethod
    def last(self, x: Tensor, lengths: Tensor) -> Tensor:
        """`(B, d)` states from which validation and serving foresee the event after each history.

        Args:
            x: `(B, L, d)` embedded events, padded on the right.
            lengths: `(B,)` int64, events of each history.
        """


class NextEvent(Objective):
    """Every event of a window foresees what follows it, by a network and by all that happened so far.

    The sum of the events so far, which no network learns easily, is what foresees repeated purchases, and
    baskets whose order means nothing.

    Args:
        network: `(B, L, d) -> (B, L, d)` in which no event sees a later one, so that padding on the right is
            never looked at.
        dimensions: the d of it.
    """

    def __init__(self, network: nn.Module, *, dimensions: int) -> None:
        super().__init__()
        self.network = network
        self.of_network = nn.Parameter(torch.ones(dimensions))
        self.of_sum = nn.Parameter(torch.ones(dimensions))

    def forward(self, x: Tensor, batch: Batch, following: Rows) -> tuple[Tensor, Rows]:
        return self._states(x)[batch.valid], following

    def last(self, x: Tensor, lengths: Tensor) -> Tensor:
        return at(self._states(x), lengths - 1)

    def _states(self, x: Tensor) -> Tensor:
        # Divided by the root of their number, unrelated events add up to the length of one.
        counts = torch.arange(1, x.shape[1] + 1, device=x.device)[:, None]
        states: Tensor = self.network(x) * self.of_network + x.cumsum(dim=1) / counts.sqrt() * self.of_sum
        return states


def at(states: Tensor, places: Tensor) -> Tensor:
    """`(B, d)` the state at one place `(B,)` of each row of `states` `(B, L, d)`."""
    return states.gather(1, places[:, None, None].expand(-1, 1, states.shape[2])).squeeze(1)
