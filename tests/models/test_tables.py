"""The tables as the migrations leave them, whatever key the product has."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction

import shop_recs
from shop_recs.conf import get_product_model
from shop_recs.models import (
    CartAddition,
    Interaction,
    ItemNeighbour,
    ItemVector,
    Kind,
    ModelVersion,
    Purchase,
    View,
    Visitor,
)


def test_the_models_need_no_further_migration(db):
    call_command("makemigrations", "--check", "--dry-run", "shop_recs")


def test_no_migration_names_a_product_literally():
    folder = Path(shop_recs.__file__).parent / "migrations"
    texts = [path.read_text().lower() for path in folder.glob("0*.py")]
    assert texts
    assert not any('"shop.product"' in text or "'shop.product'" in text for text in texts)


@pytest.mark.parametrize(
    ("model", "name"),
    [(ItemVector, "product_id"), (ItemNeighbour, "product_id"), (ItemNeighbour, "neighbour_id")],
)
def test_a_column_of_products_has_the_type_of_their_key(db, model, name):
    with connection.cursor() as cursor:
        columns = connection.introspection.get_table_description(cursor, model._meta.db_table)
        keys = connection.introspection.get_table_description(cursor, get_product_model()._meta.db_table)
    (product,) = [column for column in columns if column.name == name]
    (key,) = [column for column in keys if column.name == "id"]
    assert product.type_code == key.type_code


def test_item_vectors_are_partitioned_by_version(db, make_product):
    product = make_product()
    version = ModelVersion.objects.create(algorithm="als")
    with connection.cursor() as cursor:
        cursor.execute(
            f"CREATE TABLE vectors_of_one PARTITION OF shop_recs_itemvector FOR VALUES IN ({version.pk})"
        )
    ItemVector.objects.create(product=product, version=version, vector=[1.0, 2.0])
    assert [list(row.vector) for row in product.shop_recs_vectors.all()] == [[1.0, 2.0]]


def test_neighbours_are_partitioned_by_version(db, products):
    version = ModelVersion.objects.create(algorithm="item_knn")
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE neighbours_of_one PARTITION OF shop_recs_itemneighbour"
            f" FOR VALUES IN ({version.pk})"
        )
    chair, table, *_ = products
    ItemNeighbour.objects.create(product=chair, neighbour=table, version=version, score=0.5, support=3)
    assert [(row.neighbour, row.score) for row in chair.shop_recs_neighbours.all()] == [(table, 0.5)]


def test_the_proxies_show_their_kind_alone(db, products):
    visitor = Visitor.objects.create()
    for kind in Kind:
        Interaction.objects.create(visitor=visitor, product=products[0], kind=kind)
    assert [proxy.objects.get().kind for proxy in (View, CartAddition, Purchase)] == [
        Kind.VIEW,
        Kind.CART,
        Kind.PURCHASE,
    ]


def test_the_history_of_a_user_spans_the_visitors_bound_to_it(db, products, django_user_model):
    user = django_user_model.objects.create(username="ada")
    phone, laptop, stranger = (Visitor.objects.create(user=owner) for owner in (user, user, None))
    for visitor, product in zip((phone, laptop, stranger), products, strict=False):
        Interaction.objects.create(visitor=visitor, product=product, kind=Kind.VIEW)
    assert {row.visitor for row in Interaction.objects.of(phone)} == {phone, laptop}
    assert {row.visitor for row in Interaction.objects.of(stranger)} == {stranger}


def test_an_algorithm_trains_once_at_a_time(db):
    ModelVersion.objects.create(algorithm="als")
    ModelVersion.objects.create(algorithm="sasrec")
    ModelVersion.objects.create(algorithm="als", status=ModelVersion.Status.FAILED)
    with pytest.raises(IntegrityError), transaction.atomic():
        ModelVersion.objects.create(algorithm="als")


def test_deleting_a_product_keeps_the_log(db, products):
    visitor = Visitor.objects.create()
    Interaction.objects.create(visitor=visitor, product=products[0], kind=Kind.VIEW)
    products[0].delete()
    assert Interaction.objects.count() == 1
