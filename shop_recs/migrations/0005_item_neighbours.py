"""Neighbours of products, partitioned by version as item vectors are."""

from __future__ import annotations

from typing import Any

from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

from shop_recs import conf


def create_item_neighbours(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Django cannot declare a partitioned table; the column type follows the product's key."""
    model = apps.get_model("shop_recs", "ItemNeighbour")
    product_type = model._meta.get_field("product").db_type(schema_editor.connection)
    # The product leads the key: a history's neighbours are looked up by product, and lie together.
    schema_editor.execute(
        f"CREATE TABLE shop_recs_itemneighbour ("
        f"version_id bigint NOT NULL, product_id {product_type} NOT NULL, "
        f"neighbour_id {product_type} NOT NULL, score real NOT NULL, support integer NOT NULL, "
        f"PRIMARY KEY (product_id, neighbour_id, version_id)) PARTITION BY LIST (version_id)"
    )


def drop_item_neighbours(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    schema_editor.execute("DROP TABLE shop_recs_itemneighbour")


def unconstrained_key(to: str, related_name: str) -> models.ForeignKey[Any, Any]:
    return models.ForeignKey(
        to=to,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name=related_name,
    )


class Migration(migrations.Migration):
    dependencies = [("shop_recs", "0004_gate"), conf.product_migration_dependency()]

    operations = [
        migrations.AlterField(
            model_name="modelversion",
            name="item_count",
            field=models.PositiveIntegerField(blank=True, null=True, verbose_name="products it knows"),
        ),
        migrations.AddField(
            model_name="modelversion",
            name="pair_count",
            field=models.PositiveIntegerField(blank=True, null=True, verbose_name="pairs of neighbours"),
        ),
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.CreateModel(
                    name="ItemNeighbour",
                    fields=[
                        (
                            "pk",
                            models.CompositePrimaryKey(
                                "product_id",
                                "neighbour_id",
                                "version_id",
                                blank=True,
                                editable=False,
                                primary_key=True,
                                serialize=False,
                            ),
                        ),
                        ("score", models.FloatField()),
                        ("support", models.PositiveIntegerField()),
                        ("neighbour", unconstrained_key(conf.product_model_string(), "+")),
                        (
                            "product",
                            unconstrained_key(conf.product_model_string(), "shop_recs_neighbours"),
                        ),
                        ("version", unconstrained_key("shop_recs.modelversion", "neighbours")),
                    ],
                ),
            ],
            database_operations=[],
        ),
        migrations.RunPython(create_item_neighbours, drop_item_neighbours),
    ]
