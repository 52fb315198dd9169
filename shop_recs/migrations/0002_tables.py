"""The tables. The product is the shop's own model: only settings name it, never a literal."""

from __future__ import annotations

import uuid
from typing import Any

import django.utils.timezone
import pgvector.django
from django.conf import settings
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

from shop_recs import conf


def create_item_vectors(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Django cannot declare a partitioned table; the column type follows the product's key."""
    model = apps.get_model("shop_recs", "ItemVector")
    product_type = model._meta.get_field("product").db_type(schema_editor.connection)
    # The product leads the key: a history's vectors are looked up by product in a few versions at once.
    schema_editor.execute(
        f"CREATE TABLE shop_recs_itemvector ("
        f"version_id bigint NOT NULL, product_id {product_type} NOT NULL, vector vector NOT NULL, "
        f"PRIMARY KEY (product_id, version_id)) PARTITION BY LIST (version_id)"
    )


def drop_item_vectors(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    schema_editor.execute("DROP TABLE shop_recs_itemvector")


def remember_product(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """The foreign key has no constraint that says whose keys these are; a system check reads this comment."""
    model = apps.get_model("shop_recs", "Interaction")
    table = model._meta.get_field("product").remote_field.model._meta.db_table
    comment = schema_editor.quote_value(table)
    schema_editor.execute(f"COMMENT ON COLUMN shop_recs_interaction.product_id IS {comment}", params=None)


def product_key(**options: Any) -> models.ForeignKey[Any, Any]:
    return models.ForeignKey(
        to=conf.product_model_string(),
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        **options,
    )


class Migration(migrations.Migration):
    dependencies = [
        ("shop_recs", "0001_vector_extension"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        conf.product_migration_dependency(),
    ]

    operations = [
        migrations.CreateModel(
            name="Visitor",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                (
                    "created_at",
                    models.DateTimeField(default=django.utils.timezone.now, verbose_name="created at"),
                ),
                (
                    "user",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=models.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="user",
                    ),
                ),
            ],
            options={"verbose_name": "visitor", "verbose_name_plural": "visitors"},
        ),
        migrations.CreateModel(
            name="Interaction",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                (
                    "kind",
                    models.PositiveSmallIntegerField(
                        choices=[(1, "view"), (2, "favourite"), (3, "cart"), (4, "purchase")],
                        verbose_name="kind",
                    ),
                ),
                ("quantity", models.PositiveIntegerField(default=1, verbose_name="quantity")),
                (
                    "unit_price",
                    models.DecimalField(
                        blank=True, decimal_places=4, max_digits=14, null=True, verbose_name="unit price"
                    ),
                ),
                (
                    "order_reference",
                    models.CharField(blank=True, default="", max_length=64, verbose_name="order reference"),
                ),
                ("recommendation_id", models.UUIDField(blank=True, null=True, verbose_name="recommendation")),
                (
                    "occurred_at",
                    models.DateTimeField(default=django.utils.timezone.now, verbose_name="occurred at"),
                ),
                (
                    "received_at",
                    models.DateTimeField(default=django.utils.timezone.now, verbose_name="received at"),
                ),
                (
                    "visitor",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=models.CASCADE,
                        related_name="interactions",
                        to="shop_recs.visitor",
                        verbose_name="visitor",
                    ),
                ),
                ("product", product_key(related_name="+", verbose_name="product")),
            ],
            options={
                "verbose_name": "interaction",
                "verbose_name_plural": "interactions",
                "indexes": [
                    models.Index(fields=["visitor", "-occurred_at"], name="shop_recs_visitor_history"),
                ],
            },
        ),
        # Django's own BrinIndex would ask every shop for django.contrib.postgres in INSTALLED_APPS.
        migrations.RunSQL(
            "CREATE INDEX shop_recs_received_brin ON shop_recs_interaction USING brin (received_at)",
            "DROP INDEX shop_recs_received_brin",
        ),
        *(
            migrations.CreateModel(
                name=name,
                fields=[],
                options={
                    "proxy": True,
                    "indexes": [],
                    "constraints": [],
                    "verbose_name": singular,
                    "verbose_name_plural": plural,
                },
                bases=("shop_recs.interaction",),
            )
            for name, singular, plural in (
                ("View", "view", "views"),
                ("Favourite", "favourite", "favourites"),
                ("CartAddition", "cart addition", "cart additions"),
                ("Purchase", "purchase", "purchases"),
            )
        ),
        migrations.CreateModel(
            name="ModelVersion",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("algorithm", models.CharField(max_length=64, verbose_name="algorithm")),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("training", "training"),
                            ("ready", "ready"),
                            ("failed", "failed"),
                            ("retired", "retired"),
                        ],
                        default="training",
                        max_length=16,
                        verbose_name="status",
                    ),
                ),
                ("options", models.JSONField(blank=True, default=dict, verbose_name="options")),
                ("metrics", models.JSONField(blank=True, default=dict, verbose_name="metrics")),
                ("info", models.JSONField(blank=True, default=dict, verbose_name="facts")),
                ("error", models.TextField(blank=True, default="", verbose_name="error")),
                ("lease", models.UUIDField(editable=False, null=True)),
                (
                    "heartbeat_at",
                    models.DateTimeField(default=django.utils.timezone.now, verbose_name="heartbeat"),
                ),
                ("cancel_requested", models.BooleanField(default=False, verbose_name="cancel requested")),
                ("phase", models.CharField(blank=True, default="", max_length=64, verbose_name="phase")),
                ("percent", models.FloatField(default=0.0, verbose_name="percent done")),
                ("eta_seconds", models.FloatField(blank=True, null=True, verbose_name="seconds left")),
                (
                    "dimensions",
                    models.PositiveSmallIntegerField(blank=True, null=True, verbose_name="dimensions"),
                ),
                (
                    "item_count",
                    models.PositiveIntegerField(blank=True, null=True, verbose_name="products with a vector"),
                ),
                ("unit_norm", models.BooleanField(default=False, verbose_name="vectors have length 1")),
                ("finds_similar", models.BooleanField(default=True, verbose_name="finds similar items")),
                (
                    "interaction_count",
                    models.PositiveIntegerField(blank=True, null=True, verbose_name="interactions"),
                ),
                (
                    "visitor_count",
                    models.PositiveIntegerField(blank=True, null=True, verbose_name="shoppers"),
                ),
                ("data_from", models.DateTimeField(blank=True, null=True, verbose_name="data from")),
                ("data_until", models.DateTimeField(blank=True, null=True, verbose_name="data until")),
                (
                    "created_at",
                    models.DateTimeField(default=django.utils.timezone.now, verbose_name="started at"),
                ),
                ("finished_at", models.DateTimeField(blank=True, null=True, verbose_name="finished at")),
            ],
            options={
                "verbose_name": "model version",
                "verbose_name_plural": "model versions",
                "ordering": ["-id"],
                "permissions": [
                    ("retrain", "Can retrain models"),
                    ("publish", "Can publish and roll back models"),
                ],
                "indexes": [models.Index(fields=["algorithm", "-id"], name="shop_recs_algorithm_versions")],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("status", "training")),
                        fields=("algorithm",),
                        name="shop_recs_one_training_per_algorithm",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="ActiveModel",
            fields=[
                (
                    "algorithm",
                    models.CharField(
                        max_length=64, primary_key=True, serialize=False, verbose_name="algorithm"
                    ),
                ),
                (
                    "published_at",
                    models.DateTimeField(default=django.utils.timezone.now, verbose_name="published at"),
                ),
                (
                    "version",
                    models.OneToOneField(
                        on_delete=models.PROTECT,
                        related_name="active",
                        to="shop_recs.modelversion",
                        verbose_name="version",
                    ),
                ),
            ],
            options={"verbose_name": "active model", "verbose_name_plural": "active models"},
        ),
        migrations.CreateModel(
            name="EncoderArtefact",
            fields=[
                (
                    "version",
                    models.OneToOneField(
                        on_delete=models.CASCADE,
                        primary_key=True,
                        related_name="encoder",
                        serialize=False,
                        to="shop_recs.modelversion",
                    ),
                ),
                ("name", models.CharField(max_length=64)),
                ("content", models.BinaryField()),
                ("sha256", models.CharField(max_length=64)),
            ],
        ),
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.CreateModel(
                    name="ItemVector",
                    fields=[
                        (
                            "pk",
                            models.CompositePrimaryKey(
                                "product_id",
                                "version_id",
                                blank=True,
                                editable=False,
                                primary_key=True,
                                serialize=False,
                            ),
                        ),
                        ("vector", pgvector.django.VectorField()),
                        ("product", product_key(related_name="shop_recs_vectors")),
                        (
                            "version",
                            models.ForeignKey(
                                db_constraint=False,
                                db_index=False,
                                on_delete=models.DO_NOTHING,
                                related_name="vectors",
                                to="shop_recs.modelversion",
                            ),
                        ),
                    ],
                ),
            ],
            database_operations=[],
        ),
        migrations.RunPython(create_item_vectors, drop_item_vectors),
        migrations.RunPython(remember_product, migrations.RunPython.noop),
    ]
