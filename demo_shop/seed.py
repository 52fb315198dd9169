"""Fills an empty shop: catalogue with pictures, shoppers, orders and the log of what they did."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import User
from django.db import connection, models, transaction
from django.utils.text import slugify
from psycopg import sql

from demo_shop.catalogue import CATEGORIES, CATEGORY_OF, STYLES, Article, articles
from demo_shop.drawing import COLOURS, picture
from demo_shop.models import Category, Order, OrderLine, Product
from demo_shop.shoppers import Event, events
from shop_recs.models import Interaction, Kind, Visitor

ADMIN = "admin"
"""Name and password of the administrator."""

PASSWORD = "demo"  # noqa: S105
"""Everybody else's password."""


@transaction.atomic
def seed(*, until: datetime, styles: int = len(STYLES), shoppers: int = 3_200) -> None:
    """Fill an empty shop; the same arguments give the same shop.

    The shoppers named after a style ("nordic", "art-deco" …) love that style alone.
    """
    products = _products(articles(styles=styles))
    users = _users(shoppers, styles, joined=until)
    log = list(events(shoppers, styles=styles, until=until))
    orders = _orders(log, users)
    _order_lines(log, orders, products)
    _interactions(log, orders, products, _visitors(users, joined=until))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def copy_rows(model: type[models.Model], columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Append rows whose values are in the order of `columns`, at the speed of COPY."""
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(model._meta.db_table), names)
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)


def _products(catalogue: Iterable[Article]) -> list[Product]:
    categories = {name: Category.objects.create(name=name, slug=slugify(name)) for name in CATEGORIES}
    Path(settings.MEDIA_ROOT, "products").mkdir(parents=True, exist_ok=True)
    return Product.objects.bulk_create(
        Product(
            name=article.name,
            slug=slugify(article.name),
            category=categories[CATEGORY_OF[article.type]],
            description=article.description,
            price=article.price,
            stock=article.stock,
            image=_draw(article),
        )
        for article in catalogue
    )


def _draw(article: Article) -> str:
    name = f"products/{slugify(article.name)}.svg"
    Path(settings.MEDIA_ROOT, name).write_text(
        picture(article.style, article.type, COLOURS[article.material])
    )
    return name


def _users(shoppers: int, styles: int, *, joined: datetime) -> list[User]:
    """The shoppers; all share one password hash, since hashing thousands takes minutes."""
    User.objects.create_superuser(ADMIN, password=ADMIN)
    password = make_password(PASSWORD)
    names = [slugify(style.name) for style in STYLES[:styles]]
    names += [f"shopper-{number}" for number in range(styles, shoppers)]
    return User.objects.bulk_create(
        User(username=name, password=password, date_joined=joined) for name in names
    )


def _visitors(users: list[User], *, joined: datetime) -> list[uuid.UUID]:
    """One browser per shopper."""
    keys = _keys(seed=1)
    visitors = [Visitor(id=next(keys), user=user, created_at=joined) for user in users]
    return [visitor.pk for visitor in Visitor.objects.bulk_create(visitors)]


def _orders(log: list[Event], users: list[User]) -> dict[tuple[int, int], Order]:
    """Shopper and number of the order to the order."""
    placed = {(event.shopper, event.order): event.at for event in log if event.order}
    orders = Order.objects.bulk_create(
        Order(user=users[shopper], name=users[shopper].username, address="1 Demo Street", created_at=at)
        for (shopper, _), at in placed.items()
    )
    return dict(zip(placed, orders, strict=True))


def _order_lines(log: list[Event], orders: dict[tuple[int, int], Order], products: list[Product]) -> None:
    copy_rows(
        OrderLine,
        ["order_id", "product_id", "quantity", "unit_price"],
        (
            (
                orders[event.shopper, event.order].pk,
                products[event.article].pk,
                1,
                products[event.article].price,
            )
            for event in log
            if event.order
        ),
    )


def _interactions(
    log: list[Event],
    orders: dict[tuple[int, int], Order],
    products: list[Product],
    visitors: list[uuid.UUID],
) -> None:
    keys = _keys(seed=2)
    copy_rows(
        Interaction,
        [
            "id",
            "visitor_id",
            "product_id",
            "kind",
            "quantity",
            "unit_price",
            "order_reference",
            "occurred_at",
            "received_at",
        ],
        (
            (
                next(keys),
                visitors[event.shopper],
                products[event.article].pk,
                Kind.named(event.kind).value,
                1,
                products[event.article].price,
                str(orders[event.shopper, event.order].pk) if event.order else "",
                event.at,
                event.at,
            )
            for event in log
        ),
    )


def _keys(*, seed: int) -> Iterator[uuid.UUID]:
    """Random keys, the same at every run."""
    dice = random.Random(seed)
    while True:
        yield uuid.UUID(int=dice.getrandbits(128), version=4)
