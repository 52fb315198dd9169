"""How far imports have come."""

from __future__ import annotations

from django.db import models
from django.utils import timezone


class ImportCheckpoint(models.Model):
    """An import under way or interrupted; written with each batch, removed when the file is finished."""

    source = models.CharField(max_length=64, primary_key=True)
    rows = models.PositiveBigIntegerField(default=0)
    counts = models.JSONField(default=dict)
    error_bytes = models.PositiveBigIntegerField(default=0)
    updated_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"{self.rows} rows of {self.source}"
