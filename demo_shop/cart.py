"""The cart: product keys and quantities in the session."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from django.http import HttpRequest

from demo_shop.models import Product


@dataclass(frozen=True, slots=True)
class Line:
    """A product in the cart."""

    product: Product
    quantity: int

    @property
    def total(self) -> Decimal:
        """Price of the line."""
        return self.product.price * self.quantity


def quantities(request: HttpRequest) -> dict[int, int]:
    """Product key to quantity."""
    return {int(key): count for key, count in request.session.get("cart", {}).items()}


def product_keys(request: HttpRequest) -> list[int]:
    """The keys of the products in the cart, as `SHOP_RECS["CART"]` wants them."""
    return list(quantities(request))


def lines(request: HttpRequest) -> list[Line]:
    """The cart with its products, in the order in which they were put there."""
    counts = quantities(request)
    products = Product.objects.available().in_bulk(counts)
    return [Line(products[key], count) for key, count in counts.items() if key in products]


def put(request: HttpRequest, product: Product, quantity: int) -> None:
    """Set how many of a product are in the cart; zero takes it out."""
    counts = quantities(request)
    counts[product.pk] = min(quantity, product.stock)
    request.session["cart"] = {str(key): count for key, count in counts.items() if count > 0}


def clear(request: HttpRequest) -> None:
    """Empty the cart."""
    request.session.pop("cart", None)
