"""How far trainings have come that a dead process would lose."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from shop_recs.models.versions import ModelVersion


class TrainingCheckpoint(models.Model):
    """A fit under way; the next run of the algorithm takes it up where this one died.

    `read_at` is when the log was read, `fingerprint` what the fit learns from and by which options.
    """

    version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="checkpoints")
    phase = models.CharField(max_length=64)
    fingerprint = models.CharField(max_length=64)
    read_at = models.DateTimeField()
    saved_at = models.DateTimeField(default=timezone.now)
    content = models.BinaryField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["version", "phase"], name="shop_recs_checkpoint_of_phase")
        ]

    def __str__(self) -> str:
        return f"{self.phase} of {self.version_id}"
