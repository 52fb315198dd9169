"""An encoder that answers every visitor alike."""

from __future__ import annotations

from typing import ClassVar, Self

import numpy as np
import numpy.typing as npt

from shop_recs.algorithms.encoders import Encoder, History


class ConstantEncoder(Encoder):
    """The same query vector for everybody, also for a visitor without a history.

    Args:
        vector: `(d,)` the query vector.
    """

    name: ClassVar[str] = "constant"
    history_length = 0

    def __init__(self, vector: npt.NDArray[np.float32]) -> None:
        self.vector = np.asarray(vector, dtype=np.float32)

    def __call__(self, history: History) -> npt.NDArray[np.float32]:
        return self.vector

    def dumps(self) -> bytes:
        return self.vector.astype("<f4").tobytes()

    @classmethod
    def loads(cls, content: bytes) -> Self:
        if not content or len(content) % 4:
            raise ValueError(f"{len(content)} bytes are no vector of 4-byte floats")
        return cls(np.frombuffer(content, dtype="<f4"))
