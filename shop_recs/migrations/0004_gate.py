"""Why the gate refused a version, who published it all the same, and what versions are compared by."""

from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("shop_recs", "0003_import_checkpoint")]

    operations = [
        migrations.AddField(
            model_name="modelversion",
            name="refusal",
            field=models.TextField(blank=True, default="", verbose_name="refused because"),
        ),
        migrations.AddField(
            model_name="modelversion",
            name="override_note",
            field=models.TextField(blank=True, default="", verbose_name="published all the same because"),
        ),
        migrations.AddField(
            model_name="modelversion",
            name="overridden_by",
            field=models.CharField(blank=True, default="", max_length=254, verbose_name="overridden by"),
        ),
        migrations.AddField(
            model_name="modelversion",
            name="overridden_at",
            field=models.DateTimeField(blank=True, null=True, verbose_name="overridden at"),
        ),
        migrations.CreateModel(
            name="JudgedFit",
            fields=[
                (
                    "version",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="judged_fit",
                        serialize=False,
                        to="shop_recs.modelversion",
                    ),
                ),
                ("until", models.FloatField()),
                ("content", models.BinaryField()),
            ],
        ),
    ]
