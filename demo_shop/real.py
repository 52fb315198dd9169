"""Real logs in the shop's own tables: Online Retail with titles and baskets, others with bare keys."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import User
from django.db import connection
from django.utils.text import slugify

from demo_shop.catalogue import STYLES
from demo_shop.drawing import COLOURS, picture
from demo_shop.models import Category, Order, OrderLine, Product
from demo_shop.seed import PASSWORD, copy_rows

if TYPE_CHECKING:
    import pyarrow as pa

SHELVES = 12
"""Departments of the imported shop: the words that titles end in most often."""

STOCK = 100


def import_retail(lines: pa.Table) -> None:
    """Make products, customers and orders out of the lines; an order's key is its invoice number."""
    rows = lines.to_pylist()
    products = _products({row["sku"]: row for row in rows}.values())
    users = _customers({row["customer"] for row in rows})
    orders = {row["order"]: row for row in rows}
    Order.objects.bulk_create(
        Order(
            pk=number,
            user=users[row["customer"]],
            created_at=datetime.fromisoformat(row["time"]).replace(tzinfo=UTC),
            name=row["customer"],
            address="Imported",
        )
        for number, row in orders.items()
    )
    copy_rows(
        OrderLine,
        ["order_id", "product_id", "quantity", "unit_price"],
        ((row["order"], products[row["sku"]].pk, row["quantity"], row["price"]) for row in rows),
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def import_bare_products(keys: Iterable[int]) -> None:
    """Products that are known by their keys alone."""
    category = Category.objects.create(name="Everything", slug="everything")
    copy_rows(
        Product,
        ["id", "name", "slug", "category_id", "description", "price", "image", "stock", "is_active"],
        ((key, f"Item {key}", f"item-{key}", category.pk, "", 1, "", STOCK, True) for key in keys),
    )


def _products(latest: Iterable[dict[str, Any]]) -> dict[str, Product]:
    """Stock code to product, with the title and price of its latest sale."""
    titles = {row["sku"]: " ".join(row["title"].split()).capitalize() for row in latest}
    prices = {row["sku"]: row["price"] for row in latest}
    shelves = _shelves(titles.values())
    Path(settings.MEDIA_ROOT, "products").mkdir(parents=True, exist_ok=True)
    products = Product.objects.bulk_create(
        Product(
            name=title,
            slug=sku,
            category=shelves.get(_last_word(title), shelves[""]),
            price=prices[sku],
            stock=STOCK,
            image=_draw(sku),
        )
        for sku, title in titles.items()
    )
    return {product.slug: product for product in products}


def _shelves(titles: Iterable[str]) -> dict[str, Category]:
    """Last word of a title to its department; all rare words share the one of the empty word."""
    common = [word for word, _ in Counter(map(_last_word, titles)).most_common(SHELVES)]
    shelves = {word: Category(name=word.capitalize(), slug=slugify(word)) for word in common if slugify(word)}
    shelves[""] = Category(name="Everything else", slug="everything-else")
    Category.objects.bulk_create(shelves.values())
    return shelves


def _last_word(title: str) -> str:
    return title.rpartition(" ")[2].lower()


def _draw(sku: str) -> str:
    """A parcel in the colours that the stock code stands for."""
    number = int(sku[:5])
    colour = list(COLOURS.values())[number % len(COLOURS)]
    name = f"products/{sku}.svg"
    Path(settings.MEDIA_ROOT, name).write_text(picture(STYLES[number % len(STYLES)], "parcel", colour))
    return name


def _customers(names: Iterable[str]) -> dict[str, User]:
    password = make_password(PASSWORD)
    users = User.objects.bulk_create(User(username=name, password=password) for name in sorted(names))
    return {user.username: user for user in users}
