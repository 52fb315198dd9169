"""List the model versions, and what they served today."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from django.core.management.base import BaseCommand

from shop_recs.models import ActiveModel, ModelVersion
from shop_recs.serving import tally
from shop_recs.serving.tally import Count


class Command(BaseCommand):
    """List the model versions, and what they served today."""

    help = (
        "List the versions of every algorithm: which one is served, which are ready, running or failed. Then "
        "what served the lists since midnight UTC, where the cache is shared by the web processes."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        served = set(ActiveModel.objects.values_list("version", flat=True))
        for version in ModelVersion.objects.exclude(status=ModelVersion.Status.RETIRED).order_by(
            "algorithm", "-pk"
        ):
            state = "served" if version.pk in served else _state(version)
            line = f"{version.algorithm:<12} {version.pk:>6}  {state:<10} {version.created_at:%Y-%m-%d %H:%M}"
            self.stdout.write(f"{line}  {_facts(version)}".rstrip())
        if counts := tally.of_today():
            self.stdout.write("\n".join(["", *_served(counts), *_unanswered(counts)]))


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
    facts = [] if ndcg is None else [f"NDCG@10 {ndcg:.4f}"]
    facts += [
        f"index {use} {found['recall@20']:.3f}" for use, found in version.metrics.get("index", {}).items()
    ]
    return "  ".join(facts)


def _served(counts: Mapping[Count, int]) -> Iterator[str]:
    """A line for each placement, the busiest first: its lists by rung, their items by source."""
    shares: dict[tuple[str, str], Counter[str]] = {}
    for count, number in counts.items():
        shares.setdefault((count.what, count.of), Counter())[count.by] = number
    lists = {of: rungs for (what, of), rungs in shares.items() if what == "lists"}
    width = max(map(len, lists), default=0)
    for placement, rungs in sorted(lists.items(), key=lambda entry: -entry[1].total()):
        line = f"{placement:<{width}} {rungs.total():>9,} lists  {_percent(rungs)}"
        items = shares.get(("items", placement))
        yield f"{line}; items  {_percent(items)}" if items else line


def _percent(shares: Counter[str]) -> str:
    return ", ".join(f"{name} {number / shares.total():.1%}" for name, number in shares.most_common())


def _unanswered(counts: Mapping[Count, int]) -> Iterator[str]:
    """A line for each thing that gave no answer, and why."""
    for count, number in sorted(counts.items()):
        if count.what == "unanswered":
            yield f"{count.of}: {number:,} without an answer ({count.by})"
