"""What was learned and which of it is served: immutable versions and one pointer per algorithm."""

from __future__ import annotations

from datetime import timedelta
from typing import Self

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from shop_recs.conf import settings


class ModelVersionQuerySet(models.QuerySet["ModelVersion"]):
    """Questions asked of the versions."""

    def of(self, algorithm: str) -> Self:
        """The versions of one algorithm."""
        return self.filter(algorithm=algorithm)

    def training(self) -> Self:
        """Runs under way, dead ones included until somebody marks them."""
        return self.filter(status=ModelVersion.Status.TRAINING)

    def ready(self) -> Self:
        """Versions whose vectors are stored, so that they can be published."""
        return self.filter(status=ModelVersion.Status.READY)

    def served(self) -> Self:
        """Versions that are served now, one of each algorithm at most."""
        return self.filter(active__isnull=False)

    def refused(self) -> Self:
        """Versions that the gate refused and nobody published all the same."""
        return self.exclude(refusal="").filter(overridden_at=None)

    def publishable(self) -> Self:
        """Versions that can be served as they are, without overriding the gate."""
        return self.ready().filter(models.Q(refusal="") | models.Q(overridden_at__isnull=False))

    def before(self, version_id: int | models.OuterRef, algorithm: str | models.OuterRef) -> Self:
        """What an algorithm can be rolled back to from a version, the newest first."""
        return self.publishable().filter(algorithm=algorithm, pk__lt=version_id)

    def dead(self) -> Self:
        """Runs whose heartbeat stopped longer ago than the lease lasts."""
        limit = timezone.now() - timedelta(seconds=settings.LEASE_SECONDS)
        return self.training().filter(heartbeat_at__lt=limit)


class ModelVersion(models.Model):
    """One training run and what it left: never changed after it is ready, except to retire it."""

    class Status(models.TextChoices):
        """`ready` versions have their vectors stored; which one is served says `ActiveModel`."""

        TRAINING = "training", _("training")
        READY = "ready", _("ready")
        FAILED = "failed", _("failed")
        RETIRED = "retired", _("retired")

    algorithm = models.CharField(_("algorithm"), max_length=64)
    status = models.CharField(_("status"), max_length=16, choices=Status, default=Status.TRAINING)
    options = models.JSONField(_("options"), default=dict, blank=True)
    metrics = models.JSONField(_("metrics"), default=dict, blank=True)
    info = models.JSONField(_("facts"), default=dict, blank=True)
    error = models.TextField(_("error"), blank=True, default="")

    refusal = models.TextField(_("refused because"), blank=True, default="")
    override_note = models.TextField(_("published all the same because"), blank=True, default="")
    overridden_by = models.CharField(_("overridden by"), max_length=254, blank=True, default="")
    overridden_at = models.DateTimeField(_("overridden at"), null=True, blank=True)

    lease = models.UUIDField(null=True, editable=False)
    heartbeat_at = models.DateTimeField(_("heartbeat"), default=timezone.now)
    cancel_requested = models.BooleanField(_("cancel requested"), default=False)
    phase = models.CharField(_("phase"), max_length=64, blank=True, default="")
    percent = models.FloatField(_("percent done"), default=0.0)
    eta_seconds = models.FloatField(_("seconds left"), null=True, blank=True)

    dimensions = models.PositiveSmallIntegerField(_("dimensions"), null=True, blank=True)
    pair_count = models.PositiveIntegerField(_("pairs of neighbours"), null=True, blank=True)
    item_count = models.PositiveIntegerField(_("products it knows"), null=True, blank=True)
    unit_norm = models.BooleanField(_("vectors have length 1"), default=False)
    finds_similar = models.BooleanField(_("finds similar items"), default=True)
    interaction_count = models.PositiveIntegerField(_("interactions"), null=True, blank=True)
    visitor_count = models.PositiveIntegerField(_("shoppers"), null=True, blank=True)
    data_from = models.DateTimeField(_("data from"), null=True, blank=True)
    data_until = models.DateTimeField(_("data until"), null=True, blank=True)
    created_at = models.DateTimeField(_("started at"), default=timezone.now)
    finished_at = models.DateTimeField(_("finished at"), null=True, blank=True)

    objects = ModelVersionQuerySet.as_manager()

    class Meta:
        verbose_name = _("model version")
        verbose_name_plural = _("model versions")
        ordering = ["-id"]
        indexes = [models.Index(fields=["algorithm", "-id"], name="shop_recs_algorithm_versions")]
        constraints = [
            models.UniqueConstraint(
                fields=["algorithm"],
                condition=models.Q(status="training"),
                name="shop_recs_one_training_per_algorithm",
            )
        ]
        permissions = [
            ("retrain", _("Can retrain models")),
            ("publish", _("Can publish and roll back models")),
        ]

    def __str__(self) -> str:
        return f"{self.algorithm} {self.pk}"

    @property
    def is_refused(self) -> bool:
        """Whether the gate keeps it from being served until somebody overrides that."""
        return bool(self.refusal) and self.overridden_at is None


class ActiveModel(models.Model):
    """The pointer: which version of an algorithm is served. Publishing is an update of one row."""

    algorithm = models.CharField(_("algorithm"), max_length=64, primary_key=True)
    version = models.OneToOneField(
        ModelVersion, on_delete=models.PROTECT, related_name="active", verbose_name=_("version")
    )
    published_at = models.DateTimeField(_("published at"), default=timezone.now)

    class Meta:
        verbose_name = _("active model")
        verbose_name_plural = _("active models")

    def __str__(self) -> str:
        return f"{self.algorithm} → {self.version_id}"


class EncoderArtefact(models.Model):
    """The serving half of a version: what maps a history to a query vector."""

    version = models.OneToOneField(
        ModelVersion, on_delete=models.CASCADE, primary_key=True, related_name="encoder"
    )
    name = models.CharField(max_length=64)
    content = models.BinaryField()
    sha256 = models.CharField(max_length=64)

    def __str__(self) -> str:
        return f"{self.name} of {self.version_id}"


class JudgedFit(models.Model):
    """The fit that a version was judged by, on the log without its last part; kept for the next comparison.

    What is served has seen the whole log of its day, and so a part of what the next version is judged on.
    `until` is the moment at which the part began, Unix seconds.
    """

    version = models.OneToOneField(
        ModelVersion, on_delete=models.CASCADE, primary_key=True, related_name="judged_fit"
    )
    until = models.FloatField()
    content = models.BinaryField()

    def __str__(self) -> str:
        return f"what {self.version_id} was judged by"
