"""Descriptions for drf-spectacular, which a shop need not have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

Described = TypeVar("Described", bound=Callable[..., Any])

try:
    from drf_spectacular.utils import extend_schema
except ImportError:

    def extend_schema(  # type: ignore[misc]
        **description: Any,
    ) -> Callable[[Described], Described]:
        """Leave the view as it is."""
        return lambda view: view


__all__ = ["extend_schema"]
