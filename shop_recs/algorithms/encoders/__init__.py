"""The serving half of the algorithms: a history in, one query vector out; numpy and onnxruntime only."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from importlib import import_module
from typing import ClassVar, Self

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class History:
    """A visitor's last interactions with items that have a vector, oldest first.

    Attributes:
        vectors: `(k, d)` float32, the items' vectors.
        kinds: `(k,)` int8.
        ages: `(k,)` float32, days before now, never negative, non-increasing.
    """

    vectors: npt.NDArray[np.float32]
    kinds: npt.NDArray[np.int8]
    ages: npt.NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.vectors)

    def last(self, count: int) -> History:
        """The last `count` of them."""
        if len(self) <= count:
            return self
        return History(self.vectors[-count:], self.kinds[-count:], self.ages[-count:])


class Encoder(ABC):
    """Maps a history to a query vector; small, stateless, loadable without torch or implicit."""

    name: ClassVar[str]
    """Stored beside the content; `load` finds the class by it."""

    history_length: int
    """How many of the last interactions it looks at."""

    @abstractmethod
    def __call__(self, history: History) -> npt.NDArray[np.float32] | None:
        """The query vector `(d,)` float32, or None where the history says nothing (it is empty, say)."""

    def weights(self, history: History) -> npt.NDArray[np.float32] | None:
        """`(k,)` how much each interaction counts; None where the encoder does not weigh them one by one."""
        return None

    @abstractmethod
    def dumps(self) -> bytes:
        """The encoder as bytes, without pickle."""

    @classmethod
    @abstractmethod
    def loads(cls, content: bytes) -> Self:
        """The encoder from what `dumps` returned.

        Raises:
            ValueError: the content is damaged or of another encoder.
        """


class AdditiveEncoder(Encoder):
    """An encoder whose query vector is a sum over the interactions, so that every score is one, too."""

    @abstractmethod
    def parts(self, history: History) -> npt.NDArray[np.float32]:
        """`(k, d)` float32, what each interaction of the history adds to its query vector.

        They sum up to the query vector, and so their inner products with an item's vector to its score. All
        are zero where the history says nothing; a part is zero where its interaction does not count.
        """


ENCODERS = {
    "constant": "shop_recs.algorithms.encoders.constant.ConstantEncoder",
    "fold-in": "shop_recs.algorithms.encoders.fold_in.FoldInEncoder",
    "onnx": "shop_recs.algorithms.encoders.onnx.OnnxEncoder",
    "weighted-sum": "shop_recs.algorithms.encoders.weights.WeightedSumEncoder",
    "weights": "shop_recs.algorithms.encoders.weights.WeightsEncoder",
}
"""Name to class. A shop adds its own in `AppConfig.ready()`: web processes never import an algorithm."""


def load(name: str, content: bytes) -> Encoder:
    """The encoder stored under `name`; its module is imported on first use.

    Raises:
        ValueError: the name is unknown or the content damaged.
    """
    if name not in ENCODERS:
        raise ValueError(f"unknown encoder {name!r}; known are {', '.join(sorted(ENCODERS))}")
    module, _, attribute = ENCODERS[name].rpartition(".")
    encoder: type[Encoder] = getattr(import_module(module), attribute)
    return encoder.loads(content)
