"""Imports that can be taken up where they were interrupted."""

from __future__ import annotations

import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("shop_recs", "0002_tables")]

    operations = [
        migrations.CreateModel(
            name="ImportCheckpoint",
            fields=[
                ("source", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("rows", models.PositiveBigIntegerField(default=0)),
                ("counts", models.JSONField(default=dict)),
                ("error_bytes", models.PositiveBigIntegerField(default=0)),
                ("updated_at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
        ),
    ]
