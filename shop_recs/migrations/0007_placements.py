"""Placements, scores rolled up from the log, and segments of visitors."""

from __future__ import annotations

import django.core.validators
import django.db.models.deletion
from django.db import migrations, models

from shop_recs import conf


class Migration(migrations.Migration):
    dependencies = [("shop_recs", "0006_training_checkpoint"), conf.product_migration_dependency()]

    operations = [
        migrations.CreateModel(
            name="Placement",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("slug", models.SlugField(unique=True, verbose_name="slug")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("recommended_for_you", "Recommended for you"),
                            ("similar_items", "Similar items"),
                            ("bought_together", "Bought together"),
                            ("also_bought", "Customers also bought"),
                            ("because_you_viewed", "Because of what you viewed"),
                            ("trending", "Trending now"),
                            ("popular", "Popular"),
                            ("new_arrivals", "New arrivals for you"),
                            ("recently_viewed", "Recently viewed"),
                            ("still_in_mind", "Still in mind?"),
                            ("buy_again", "Buy again"),
                            ("rank", "In your order"),
                        ],
                        max_length=32,
                        verbose_name="kind",
                    ),
                ),
                ("heading", models.CharField(blank=True, default="", max_length=200, verbose_name="heading")),
                (
                    "limit",
                    models.PositiveSmallIntegerField(
                        default=12,
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(100),
                        ],
                        verbose_name="products at most",
                    ),
                ),
                ("blend", models.JSONField(blank=True, default=dict, verbose_name="blend")),
                ("filter", models.JSONField(blank=True, default=dict, verbose_name="filter")),
                ("fallback", models.JSONField(blank=True, default=None, null=True, verbose_name="fallback")),
                ("exclude", models.JSONField(blank=True, default=None, null=True, verbose_name="leave out")),
                (
                    "days",
                    models.PositiveSmallIntegerField(blank=True, null=True, verbose_name="window in days"),
                ),
                (
                    "diversity",
                    models.FloatField(
                        default=0.0,
                        validators=[
                            django.core.validators.MinValueValidator(0),
                            django.core.validators.MaxValueValidator(1),
                        ],
                        verbose_name="diversity",
                    ),
                ),
                ("enabled", models.BooleanField(default=True, verbose_name="enabled")),
            ],
            options={
                "verbose_name": "placement",
                "verbose_name_plural": "placements",
                "ordering": ["slug"],
            },
        ),
        migrations.CreateModel(
            name="RepeatInterval",
            fields=[
                (
                    "product",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to=conf.product_model_string(),
                    ),
                ),
                ("days", models.FloatField()),
                ("buyers", models.PositiveIntegerField()),
            ],
        ),
        migrations.AddField(
            model_name="visitor",
            name="segment",
            field=models.CharField(
                blank=True, db_default="", default="", max_length=64, verbose_name="segment"
            ),
        ),
        migrations.CreateModel(
            name="ItemScore",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "ranking",
                        "segment",
                        "product_id",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "ranking",
                    models.CharField(
                        choices=[
                            ("popular", "popular"),
                            ("trending", "trending"),
                            ("unchosen", "chosen by nobody"),
                        ],
                        max_length=16,
                    ),
                ),
                ("segment", models.CharField(blank=True, default="", max_length=64)),
                ("score", models.FloatField()),
                (
                    "product",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="shop_recs_scores",
                        to=conf.product_model_string(),
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        models.F("ranking"),
                        models.F("segment"),
                        models.OrderBy(models.F("score"), descending=True),
                        name="shop_recs_best_scores",
                    ),
                    models.Index(fields=["product"], name="shop_recs_scores_of_product"),
                ],
            },
        ),
    ]
