"""Asks the running shop for lists, over HTTP as a browser or an application would, and prints them."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable
from typing import Any

from django.conf import settings as django_settings
from django.contrib.auth.models import User
from django.db.models import Count
from django.http import HttpResponse
from django.test import Client, RequestFactory

from demo_shop.models import OrderLine, Product
from shop_recs.conf import settings
from shop_recs.models import Interaction, Visitor
from shop_recs.tracking import identity

LIMIT = 6
BOUGHT = 5

Say = Callable[[str], Any]


class NotShown(Exception):
    """The shop answered, but not with what it should show."""


def customers(url: str, count: int, say: Say) -> None:
    """What the busiest customers bought last, and what the shop recommends to them.

    Raises:
        NotShown: the front page lacks what the API recommends, or there is nothing to recommend.
    """
    busiest = User.objects.annotate(lines=Count("orders__lines")).order_by("-lines", "pk")[:count]
    for user in busiest:
        client = Client()
        client.force_login(user)
        session = client.cookies[django_settings.SESSION_COOKIE_NAME].value
        cookie = f"{django_settings.SESSION_COOKIE_NAME}={session}"
        lines = OrderLine.objects.filter(order__user=user).select_related("product")
        bought = [line.product.name for line in lines.order_by("-order__created_at", "-pk")[:BOUGHT]]
        _show(url, cookie, f"{user.username} bought {', '.join(bought)}", say)
    _show_similar(url, say)


def visitors(url: str, count: int, say: Say) -> None:
    """What the busiest visitors touched last, and what the shop recommends to them.

    Raises:
        NotShown: the front page lacks what the API recommends, or there is nothing to recommend.
    """
    busiest = Visitor.objects.annotate(events=Count("interactions")).order_by("-events", "pk")[:count]
    for visitor in busiest:
        latest = Interaction.objects.of(visitor).latest_first()[:BOUGHT]
        products = Product.objects.in_bulk({interaction.product_id for interaction in latest})
        names = [products[interaction.product_id].name for interaction in latest]
        _show(url, _cookie_of(visitor), f"a visitor of {', '.join(names)}", say)
    _show_similar(url, say)


def _cookie_of(visitor: Visitor) -> str:
    """The cookie that the shop would have given to a visitor of the imported log."""
    request, response = RequestFactory().get("/"), HttpResponse()
    identity.remember(request, identity.Shopper(visitor.pk, None))
    identity.write_cookie(request, response)
    return f"{settings.COOKIE_NAME}={response.cookies[settings.COOKIE_NAME].value}"


def _show(url: str, cookie: str, who: str, say: Say) -> None:
    answer = json.loads(_get(f"{url}/recs/v1/recommendations/?limit={LIMIT}", cookie))
    page = _get(f"{url}/", cookie)
    if not answer["items"]:
        raise NotShown(f"The API recommends nothing to {who}.")
    say(f"\n{who}\n  for whom {answer['rung']} says:")
    for item in answer["items"]:
        if item["url"] not in page:
            raise NotShown(f"The front page lacks {item['title']!r}, which the API recommends to {who}.")
        say(f"  {item['rank']:>2}. {item['title']}  ({item['reason']})")


def _show_similar(url: str, say: Say) -> None:
    """What is like the product that sold best."""
    sold = Interaction.objects.values("product").annotate(times=Count("pk")).order_by("-times", "product")
    product = sold[0]["product"]
    answer = json.loads(_get(f"{url}/recs/v1/items/{product}/similar/?limit={LIMIT}", ""))
    if not answer["items"]:
        raise NotShown(f"The API finds nothing like {product}.")
    say(f"\nlike {Product.objects.get(pk=product)}:")
    for item in answer["items"]:
        say(f"  {item['rank']:>2}. {item['title']}")


def _get(url: str, cookie: str) -> str:
    headers = {"Cookie": cookie, "Accept": "*/*", "User-Agent": "Mozilla/5.0"}
    request = urllib.request.Request(url, headers=headers)  # noqa: S310
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
        return str(answer.read().decode())
