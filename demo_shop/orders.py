"""Buying: the order, its lines, the stock and the recorded purchases stand or fall together."""

from __future__ import annotations

from django.db import transaction
from django.http import HttpRequest

from demo_shop import cart
from demo_shop.models import Order, OrderLine, Product
from shop_recs import record_purchase


class SoldOut(Exception):
    """Somebody else was quicker."""


@transaction.atomic
def place(request: HttpRequest, order: Order) -> Order:
    """Turn the cart into `order`.

    Raises:
        SoldOut: there is not enough of a product left; nothing was written.
    """
    wanted = cart.quantities(request)
    products = Product.objects.available().select_for_update().order_by("pk").in_bulk(wanted)
    if request.user.is_authenticated:
        order.user = request.user
    order.save()
    for key, quantity in wanted.items():
        product = products.get(key)
        if product is None or product.stock < quantity:
            raise SoldOut(product.name if product else "A product in your cart")
        _sell(request, order, product, quantity)
    cart.clear(request)
    return order


def _sell(request: HttpRequest, order: Order, product: Product, quantity: int) -> None:
    OrderLine.objects.create(order=order, product=product, quantity=quantity, unit_price=product.price)
    product.stock -= quantity
    product.save(update_fields=["stock"])
    record_purchase(request, product, quantity=quantity, unit_price=product.price, order=str(order.pk))
