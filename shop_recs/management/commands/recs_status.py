"""List the model versions."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from shop_recs.models import ActiveModel, ModelVersion


class Command(BaseCommand):
    """List the model versions."""

    help = "List the versions of every algorithm: which one is served, which are ready, running or failed."

    def handle(self, *args: Any, **options: Any) -> None:
        served = set(ActiveModel.objects.values_list("version", flat=True))
        for version in ModelVersion.objects.exclude(status=ModelVersion.Status.RETIRED).order_by(
            "algorithm", "-pk"
        ):
            state = "served" if version.pk in served else _state(version)
            line = f"{version.algorithm:<12} {version.pk:>6}  {state:<10} {version.created_at:%Y-%m-%d %H:%M}"
            self.stdout.write(f"{line}  {_facts(version)}".rstrip())


def _state(version: ModelVersion) -> str:
    refused = version.is_refused and version.status == ModelVersion.Status.READY
    return "refused" if refused else str(version.get_status_display())


def _facts(version: ModelVersion) -> str:
    """What one wants to know about a version in that state."""
    if version.status == ModelVersion.Status.TRAINING:
        return f"{version.percent:.0f} % {version.phase}"
    if reason := version.error or (version.refusal if version.is_refused else ""):
        return reason.splitlines()[0]
    ndcg = version.metrics.get("model", {}).get("all", {}).get("ndcg@10")
    return "" if ndcg is None else f"NDCG@10 {ndcg:.4f}"
