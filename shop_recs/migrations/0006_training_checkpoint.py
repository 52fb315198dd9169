"""Trainings that the next run takes up where one died."""

from __future__ import annotations

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("shop_recs", "0005_item_neighbours")]

    operations = [
        migrations.CreateModel(
            name="TrainingCheckpoint",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("phase", models.CharField(max_length=64)),
                ("fingerprint", models.CharField(max_length=64)),
                ("read_at", models.DateTimeField()),
                ("saved_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("content", models.BinaryField()),
                (
                    "version",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="checkpoints",
                        to="shop_recs.modelversion",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=["version", "phase"], name="shop_recs_checkpoint_of_phase")
                ]
            },
        ),
    ]
