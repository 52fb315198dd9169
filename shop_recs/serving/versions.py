"""What the context read of an active version: its facts, and what it learned of the events' products."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Places = npt.NDArray[np.int16]


@dataclass(frozen=True)
class _Version(ABC):
    """A version as its pointer showed it.

    Attributes:
        merit: NDCG@10 of its evaluation among products new to the shopper, or None without one.
        sha256: checksum of its encoder, or None where that is missing.
        packed: what it learned of the events' products, as the subclass reads it.
    """

    id: int
    algorithm: str
    item_count: int
    finds_similar: bool
    merit: float | None
    sha256: str | None
    packed: bytes

    @property
    @abstractmethod
    def for_everybody(self) -> bool:
        """It ranks the same for all shoppers."""

    @property
    @abstractmethod
    def places(self) -> Places:
        """`(k,)` the events whose products it knows, ascending."""

    @property
    @abstractmethod
    def vectors(self) -> Floats:
        """`(k, d)` the vectors of those products; d is 0 where it has none.

        Raises:
            ValueError: the stored vectors have another number of dimensions than the version says.
        """

    def of(self, place: int) -> Self:
        """What it learned of the product of one event, as if there were no other."""
        size = len(self.packed) // max(len(self.places), 1)
        kept = b"".join(
            bytes(2) + self.packed[start + 2 : start + size]
            for start, other in zip(range(0, len(self.packed), size or 1), self.places.tolist(), strict=True)
            if other == place
        )
        return replace(self, packed=kept)


@dataclass(frozen=True)
class VectorVersion(_Version):
    """A version of vectors; `packed` holds for each the place of its event, then what pgvector sends.

    Attributes:
        dimensions: of its vectors.
        unit_norm: they have length 1.
        index: what a search of its index needs, by use, `"personal"` or `"similar"`; see `training.recall`.
    """

    dimensions: int
    unit_norm: bool
    index: Mapping[str, Mapping[str, Any]]

    @property
    def for_everybody(self) -> bool:
        return self.dimensions == 1

    @cached_property
    def places(self) -> Places:
        return self._rows["place"].astype(np.int16)

    @cached_property
    def vectors(self) -> Floats:
        return self._rows["vector"].astype(np.float32)

    @cached_property
    def units(self) -> Floats:
        """`vectors` at length 1."""
        units: Floats = self.vectors / np.linalg.norm(self.vectors, axis=1, keepdims=True)
        return units

    @cached_property
    def _rows(self) -> npt.NDArray[Any]:
        row = [("place", ">i2"), ("header", ">i2", 2), ("vector", ">f4", self.dimensions)]
        rows = np.frombuffer(self.packed, dtype=np.dtype(row))
        if (rows["header"][:, 0] != self.dimensions).any():
            raise ValueError(f"its vectors do not have {self.dimensions} dimensions")
        return rows


@dataclass(frozen=True)
class NeighbourVersion(_Version):
    """A version of neighbours; `packed` holds the places of the events whose products have some."""

    @property
    def for_everybody(self) -> bool:
        return False

    @cached_property
    def places(self) -> Places:
        return np.frombuffer(self.packed, dtype=">i2").astype(np.int16)

    @property
    def vectors(self) -> Floats:
        return np.empty((len(self.places), 0), dtype=np.float32)


ActiveVersion = VectorVersion | NeighbourVersion
