"""What a product card shows, read from the shop's product by the names in the settings."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from shop_recs.conf import settings

_SAFE_URL = re.compile(r"https?:|[^:]*([/?#]|$)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Card:
    """The parts of a card; None leaves a part out."""

    title: str
    url: str | None
    image: str | None
    price: Any


def card(product: Any) -> Card:
    """The card of a product, by `SHOP_RECS["PRODUCT_FIELDS"]` and its `get_absolute_url()`."""
    fields = settings.PRODUCT_FIELDS
    locate = getattr(product, "get_absolute_url", None)
    return Card(
        title=title(product),
        url=_safe(locate()) if locate else None,
        image=_safe(_address(_value(product, fields["image"]))),
        price=_value(product, fields["price"]),
    )


def title(product: Any) -> str:
    """The product's title, or how it prints itself where it has none."""
    return str(_value(product, settings.PRODUCT_FIELDS["title"]) or product)


def _value(product: Any, name: str | None) -> Any:
    value = getattr(product, name, None) if name else None
    return value() if callable(value) else value


def _address(image: Any) -> str | None:
    """The URL of an image given as a file or as its URL."""
    return (getattr(image, "url", None) or str(image)) if image else None


def _safe(url: str | None) -> str | None:
    """The URL unless following it could run a script: relative or of the web."""
    return url if url and _SAFE_URL.match(url) else None
