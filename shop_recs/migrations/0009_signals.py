"""Impressions, and what shoppers do not want to see."""

from __future__ import annotations

import uuid

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

from shop_recs import conf


class Migration(migrations.Migration):
    dependencies = [("shop_recs", "0008_merchandising_rules"), conf.product_migration_dependency()]

    operations = [
        migrations.CreateModel(
            name="Impression",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("recommendation_id", models.UUIDField(verbose_name="recommendation")),
                (
                    "placement",
                    models.CharField(blank=True, default="", max_length=50, verbose_name="placement"),
                ),
                ("products", models.JSONField(verbose_name="products")),
                ("seen_at", models.DateTimeField(default=django.utils.timezone.now, verbose_name="seen at")),
                (
                    "visitor",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="impressions",
                        to="shop_recs.visitor",
                        verbose_name="visitor",
                    ),
                ),
            ],
            options={
                "verbose_name": "impression",
                "verbose_name_plural": "impressions",
                "indexes": [
                    models.Index(fields=["visitor", "-seen_at"], name="shop_recs_visitor_impressions"),
                ],
            },
        ),
        # Old impressions are found by it; see the index of the same kind of the log.
        migrations.RunSQL(
            "CREATE INDEX shop_recs_seen_brin ON shop_recs_impression USING brin (seen_at)",
            "DROP INDEX shop_recs_seen_brin",
        ),
        migrations.CreateModel(
            name="Feedback",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[("hide", "hidden"), ("not_interested", "not interested")],
                        max_length=16,
                        verbose_name="kind",
                    ),
                ),
                (
                    "created_at",
                    models.DateTimeField(default=django.utils.timezone.now, verbose_name="created at"),
                ),
                (
                    "product",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to=conf.product_model_string(),
                        verbose_name="product",
                    ),
                ),
                (
                    "visitor",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="feedback",
                        to="shop_recs.visitor",
                        verbose_name="visitor",
                    ),
                ),
            ],
            options={
                "verbose_name": "feedback",
                "verbose_name_plural": "feedback",
                "constraints": [
                    models.UniqueConstraint(fields=("visitor", "product"), name="shop_recs_one_feedback"),
                ],
            },
        ),
    ]
