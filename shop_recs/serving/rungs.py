"""The ways to rank: each knows which products it knows, and measures them in SQL."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from django.db.models import (
    BinaryField,
    BooleanField,
    F,
    FilteredRelation,
    FloatField,
    Func,
    OrderBy,
    Q,
    QuerySet,
)
from django.db.models.expressions import BaseExpression
from pgvector import Vector

from shop_recs.models import Kind
from shop_recs.serving.compiled import Given, Placeholder
from shop_recs.serving.lookup import IsNeighbour, NeighbourDistance
from shop_recs.serving.versions import ActiveVersion, NeighbourVersion, VectorVersion

_Products = TypeVar("_Products", bound=QuerySet[Any])

Floats = npt.NDArray[np.float32]

VECTORS = "shop_recs_vectors"


WIDTH = 100
"""Of a search in the index of a version that was published before its index was measured."""

SCANNED_AT_LEAST, SCANNED_SHARE = 2_000, 50
"""A search that few products pass ends after these, or a fiftieth of the catalogue if that is more."""


class SearchOn(Func):
    """Always true; makes a search of the index go on until enough rows have passed the filters.

    It ends where to measure all that pass the filters costs less than to search on; what is missing then is
    filled up so.

    A condition without columns is evaluated before the scan begins, and `set_config(…, true)` lasts until the
    transaction ends: with this statement, unless the shop opened one. So none need be opened for it.
    """

    template = (
        "(SELECT set_config('hnsw.ef_search', '%(width)d', true) || "
        "set_config('hnsw.max_scan_tuples', '%(most)d', true) || "
        "set_config('hnsw.iterative_scan', 'strict_order', true)) IS NOT NULL"
    )
    output_field = BooleanField()


@dataclass(frozen=True, slots=True)
class Measured:
    """What a rung says of a product it knows.

    Attributes:
        score: higher is better.
        vector: the product's, where the rung ranks by vectors and for each shopper.
        place: of the event that adds most to the score, where the rung knows.
        kind: what the shopper did with the product itself, where that is the reason.
    """

    score: float
    vector: Floats | None = None
    place: int | None = None
    kind: Kind | None = None


class Rung(ABC):
    """One way to rank.

    Attributes:
        personal: the ranking depends on the events; otherwise all shoppers get the same.
    """

    personal: bool

    @property
    @abstractmethod
    def source(self) -> str:
        """The name that a list gives for what this rung ranked."""

    @property
    def version_id(self) -> int | None:
        """The model version behind it, where there is one."""
        return None

    @abstractmethod
    def known(self, products: _Products) -> _Products:
        """The products that it knows, with what measures them joined."""

    @property
    def relation(self) -> str:
        """What `known` joins; empty for nothing."""
        return ""

    def joined(self, products: _Products, alias: str) -> _Products:
        """All products, with what measures those that it knows joined as `alias`."""
        return products

    @abstractmethod
    def measures(self, alias: str) -> Mapping[str, BaseExpression | F]:
        """`distance`, by which less is better and NULL is unknown, and whatever else `read` wants.

        Args:
            alias: under which `known` or `joined` joined it; empty where it is asked for itself.
        """

    @abstractmethod
    def read(self, values: Mapping[str, Any]) -> Measured:
        """What the values of `measures` say of a product that it knows."""

    def best_first(self, distance: str) -> OrderBy:
        """The order of the products that it knows: by `distance`, or as an index has them."""
        return F(distance).asc()

    @property
    def shape(self) -> Hashable:
        """What rungs have in common whose statements differ in `values` alone; None if they differ more."""
        return None

    @property
    def values(self) -> Mapping[str, Any]:
        """The values of the placeholders in a statement of `opened`."""
        return {}

    def opened(self) -> Rung:
        """The same with placeholders for its values."""
        return self


@dataclass(frozen=True, eq=False)
class VersionRung(Rung):
    """Ranks by what a model version learned.

    Attributes:
        version: pinned for the whole list.
    """

    version: ActiveVersion
    personal: bool

    @property
    def source(self) -> str:
        return self.version.algorithm

    @property
    def version_id(self) -> int:
        return self.version.id


@dataclass(frozen=True, eq=False)
class VectorRung(VersionRung):
    """Ranks by the distance of a product's vector from a query vector.

    Attributes:
        query: `(dimensions,)` float32.
        by_angle: rank by cosine instead of the inner product.
        use: what the query is for, `"personal"` or `"similar"`.
        indexed: let the index give the order.
    """

    version: VectorVersion
    query: Floats
    by_angle: bool
    use: str = "personal"
    indexed: bool = False

    def __post_init__(self) -> None:
        if self.query.shape != (self.version.dimensions,):
            raise ValueError(f"a query vector of shape {self.query.shape}, not ({self.version.dimensions},)")
        if not np.isfinite(self.query).all():
            raise ValueError("a query vector that is not finite")

    @property
    def relation(self) -> str:
        return VECTORS

    @property
    def width(self) -> int:
        """Of a search in its index."""
        width: int = self.version.index.get(self.use, {}).get("ef_search", WIDTH)
        return width

    def known(self, products: _Products) -> _Products:
        searched = [self._search()] if self.indexed else []
        return products.filter(*searched, shop_recs_vectors__version=self.version.id)

    def _search(self) -> SearchOn:
        most = max(SCANNED_AT_LEAST, self.version.item_count // SCANNED_SHARE)
        return SearchOn(width=self.width, most=most)

    def joined(self, products: _Products, alias: str) -> _Products:
        of_version = Q(shop_recs_vectors__version=self.version.id)
        return products.annotate(**{alias: FilteredRelation(VECTORS, condition=of_version)})

    def measures(self, alias: str) -> dict[str, BaseExpression | F]:
        vector = f"{alias}__vector" if alias else "vector"
        # An index serves the very expression it was built on, and that names the number of dimensions.
        cast = f"::vector({self.version.dimensions})" if self.indexed else ""
        operator = "<=>" if self.by_angle else "<#>"
        distance = Func(
            vector,
            Given(self._query, "vector"),
            template="%(expressions)s",
            arg_joiner=f"{cast} {operator} ",
            output_field=FloatField(),
        )
        measures: dict[str, BaseExpression | F] = {"distance": distance}
        if self.personal:
            # Bytes are read faster; without an index they would be packed for every product there is.
            packed = Func(vector, function="vector_send", output_field=BinaryField())
            measures["vector"] = packed if self.indexed else F(vector)
        return measures

    def read(self, values: Mapping[str, Any]) -> Measured:
        score = 1.0 - values["distance"] if self.by_angle else -values["distance"]
        return Measured(score, vector=_unpacked(values.get("vector")))

    @property
    def shape(self) -> Hashable:
        # An index may be of the distance from the one query that all have.
        query = None if self.personal else self._query
        version = self.version
        facts = (version.id, version.dimensions, version.item_count)
        return *facts, self.use, self.by_angle, self.indexed, self.width, query

    @property
    def values(self) -> dict[str, Any]:
        return {"query": self._query} if self.personal else {}

    def opened(self) -> VectorRung:
        return _OpenRung(**vars(self)) if self.personal else self

    @property
    def _query(self) -> Any:
        return Vector(self.query).to_text()


class _OpenRung(VectorRung):
    """Ranks by the distance from whatever query vector is given later."""

    _query = Placeholder("query")


@dataclass(frozen=True, eq=False)
class NeighbourRung(VersionRung):
    """Ranks by what the events add to a product: the sum of their weights times the scores of the pairs.

    Attributes:
        products: the keys of the events that count, oldest first.
        weights: of each of these events, positive.
        places: where each of them is among all events, or None where its product was deleted since.
    """

    version: NeighbourVersion
    products: Sequence[Any]
    weights: Sequence[float]
    places: Sequence[int | None]

    def known(self, products: _Products) -> _Products:
        return products.filter(IsNeighbour(self))

    def measures(self, alias: str) -> dict[str, BaseExpression | F]:
        return {"distance": NeighbourDistance(self)}

    def read(self, values: Mapping[str, Any]) -> Measured:
        distance, place = values["distance"]
        return Measured(-distance, place=None if place is None else int(place))


def _unpacked(vector: bytes | list[float] | None) -> Floats | None:
    if isinstance(vector, bytes):
        return np.frombuffer(vector, dtype=">f4", offset=4).astype(np.float32)
    return None if vector is None else np.asarray(vector, dtype=np.float32)
