"""Descriptions for drf-spectacular, which a shop need not have."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from rest_framework import serializers

Described = TypeVar("Described", bound=Callable[..., Any])

if TYPE_CHECKING:
    Plain = serializers.Serializer[Any]
else:
    Plain = serializers.Serializer

try:
    from drf_spectacular.authentication import SessionScheme
    from drf_spectacular.extensions import OpenApiSerializerFieldExtension
    from drf_spectacular.utils import extend_schema
except ImportError:

    def extend_schema(  # type: ignore[misc]
        **description: Any,
    ) -> Callable[[Described], Described]:
        """Leave the view as it is."""
        return lambda view: view

else:

    class ProductKey(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]
        """The key of a product, whatever kind of key the shop has."""

        target_class = "shop_recs.api.events.ProductKeyField"

        def map_serializer_field(self, auto_schema: Any, direction: Any) -> dict[str, Any]:
            return {"oneOf": [{"type": "string"}, {"type": "integer"}]}

    class SessionOfThisSite(SessionScheme):  # type: ignore[no-untyped-call]
        """The shop's session cookie, for events too."""

        target_class = "shop_recs.api.events.SessionOfThisSite"
        name = "cookieOfThisSite"


__all__ = ["Plain", "extend_schema"]
