"""Merchandising rules, and what a placement says of exploration and fatigue."""

from __future__ import annotations

import django.core.validators
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("shop_recs", "0007_placements")]

    operations = [
        migrations.AddField(
            model_name="placement",
            name="exploration",
            field=models.FloatField(
                default=0.0,
                validators=[
                    django.core.validators.MinValueValidator(0),
                    django.core.validators.MaxValueValidator(1),
                ],
                verbose_name="exploration",
            ),
        ),
        migrations.AddField(
            model_name="placement",
            name="fatigue",
            field=models.FloatField(
                default=0.0,
                validators=[
                    django.core.validators.MinValueValidator(0),
                    django.core.validators.MaxValueValidator(1),
                ],
                verbose_name="fatigue",
            ),
        ),
        migrations.CreateModel(
            name="MerchandisingRule",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=100, verbose_name="name")),
                ("enabled", models.BooleanField(default=True, verbose_name="enabled")),
                (
                    "action",
                    models.CharField(
                        choices=[
                            ("pin", "pin to a position"),
                            ("boost", "boost"),
                            ("bury", "bury"),
                            ("hide", "hide"),
                            ("cap", "cap per brand or category"),
                            ("share", "guarantee a share"),
                        ],
                        max_length=8,
                        verbose_name="action",
                    ),
                ),
                ("filter", models.JSONField(blank=True, default=dict, verbose_name="filter")),
                (
                    "position",
                    models.PositiveSmallIntegerField(
                        blank=True,
                        help_text="Pin: from 1; further products take the positions after it.",
                        null=True,
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(100),
                        ],
                        verbose_name="position",
                    ),
                ),
                (
                    "factor",
                    models.FloatField(
                        blank=True,
                        help_text="Boost: above 1, by default 2. Bury: below 1, by default 0.5.",
                        null=True,
                        validators=[
                            django.core.validators.MinValueValidator(0),
                            django.core.validators.MaxValueValidator(100),
                        ],
                        verbose_name="factor",
                    ),
                ),
                (
                    "at_most",
                    models.PositiveSmallIntegerField(
                        blank=True,
                        help_text="Cap: products of one value in a list.",
                        null=True,
                        validators=[django.core.validators.MinValueValidator(1)],
                        verbose_name="at most",
                    ),
                ),
                (
                    "per",
                    models.CharField(
                        blank=True,
                        default="",
                        help_text="Cap: field of the product whose values are counted, “brand” say.",
                        max_length=100,
                        verbose_name="per",
                    ),
                ),
                (
                    "share",
                    models.FloatField(
                        blank=True,
                        help_text="Share: of the places of a list, 0 to 1.",
                        null=True,
                        validators=[
                            django.core.validators.MinValueValidator(0),
                            django.core.validators.MaxValueValidator(1),
                        ],
                        verbose_name="share",
                    ),
                ),
                (
                    "label",
                    models.CharField(
                        blank=True,
                        default="",
                        help_text="Shown on products that are in the list by this rule, “Sponsored” say.",
                        max_length=50,
                        verbose_name="label",
                    ),
                ),
                ("placements", models.JSONField(blank=True, default=list, verbose_name="placements")),
                (
                    "categories",
                    models.JSONField(
                        blank=True,
                        default=list,
                        help_text="In force where a list is of one, or starts from a product of one.",
                        verbose_name="categories",
                    ),
                ),
                ("segments", models.JSONField(blank=True, default=list, verbose_name="segments")),
                ("starts_at", models.DateTimeField(blank=True, null=True, verbose_name="from")),
                ("ends_at", models.DateTimeField(blank=True, null=True, verbose_name="until")),
                (
                    "priority",
                    models.SmallIntegerField(
                        default=0,
                        help_text="Of two rules that want the same place the higher gets it.",
                        verbose_name="priority",
                    ),
                ),
                (
                    "percent",
                    models.PositiveSmallIntegerField(
                        default=100,
                        help_text="Always the same shoppers; below 100 none that is unknown.",
                        validators=[
                            django.core.validators.MinValueValidator(0),
                            django.core.validators.MaxValueValidator(100),
                        ],
                        verbose_name="percent of traffic",
                    ),
                ),
                (
                    "products",
                    models.JSONField(blank=True, default=list, verbose_name="products"),
                ),
                (
                    "sources",
                    models.JSONField(
                        blank=True,
                        default=list,
                        help_text="In force where a list starts from one of these.",
                        verbose_name="source products",
                    ),
                ),
            ],
            options={
                "verbose_name": "merchandising rule",
                "verbose_name_plural": "merchandising rules",
                "ordering": ["-priority", "pk"],
            },
        ),
    ]
