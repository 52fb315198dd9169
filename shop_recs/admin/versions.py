"""Model versions: what was learned, how good it is, which is served, and the buttons that change it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.db.models import Exists, OuterRef, QuerySet, Subquery
from django.forms import Media
from django.forms.widgets import Script
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from shop_recs.admin import actions, progress, quality, why
from shop_recs.admin.readonly import ReadOnlyAdmin
from shop_recs.conf import settings
from shop_recs.models import ActiveModel, ModelVersion
from shop_recs.registry import algorithm_names

TEMPLATES = "admin/shop_recs/modelversion"


@admin.register(ModelVersion)
class ModelVersionAdmin(ReadOnlyAdmin):
    """One row per training run, and the few things a person may do about them."""

    list_display = ["__str__", "state", "ndcg_all", "ndcg_discovery", "interactions", "times"]
    fieldsets = [
        (None, {"fields": ["algorithm", "state", "error", "created_at", "finished_at"]}),
        (_("Gate"), {"fields": ["refusal_text", "override_text", "gate_text"]}),
        (_("Quality"), {"fields": ["comparison"]}),
        (
            _("Data"),
            {"fields": ["interactions", "visitor_count", "item_count", "data_from", "data_until"]},
        ),
        (
            _("Details"),
            {"fields": ["recall", "dimensions", "pair_count", "options_text", "facts_text", "split_text"]},
        ),
    ]
    change_list_template = f"{TEMPLATES}/change_list.html"
    change_form_template = f"{TEMPLATES}/change_form.html"

    @property
    def media(self) -> Media:
        script: Any = Script("shop_recs/admin.js", type="module")
        return super().media + Media(css={"all": ["shop_recs/admin.css"]}, js=[script])

    def get_queryset(self, request: HttpRequest) -> QuerySet[ModelVersion]:
        active = ActiveModel.objects.filter(algorithm=OuterRef("algorithm"))
        return ModelVersion.objects.annotate(
            active_id=Subquery(active.values("version_id")[:1]),
            active_metrics=Subquery(active.values("version__metrics")[:1]),
        )

    @admin.display(description=_("status"), ordering="status")
    def state(self, version: Any) -> SafeString:
        return _fragment(
            "state",
            version=version,
            is_active=version.active_id == version.pk,
            progress=progress.describe(version),
        )

    @admin.display(description=_("NDCG@10, all"))
    def ndcg_all(self, version: Any) -> SafeString:
        return _ndcg(version, "all")

    @admin.display(description=_("NDCG@10, discovery"))
    def ndcg_discovery(self, version: Any) -> SafeString:
        return _ndcg(version, "discovery")

    @admin.display(description=_("interactions"), ordering="interaction_count")
    def interactions(self, version: Any) -> int | None:
        count: int | None = version.interaction_count
        return count

    @admin.display(description=_("started, finished"), ordering="created_at")
    def times(self, version: Any) -> SafeString:
        return _fragment("times", version=version)

    @admin.display(description=_("on the last part of the log"))
    def comparison(self, version: Any) -> SafeString:
        return _fragment(
            "comparison",
            table=quality.comparison(version.metrics, version.active_metrics),
            more=quality.more(version.metrics, version.active_metrics),
            groups=quality.groups(version.metrics),
            names_of_groups=quality.METRICS_OF_GROUPS.values(),
            is_active=version.active_id == version.pk,
        )

    @admin.display(description=_("refused because"))
    def refusal_text(self, version: ModelVersion) -> str:
        return version.refusal or "-"

    @admin.display(description=_("published all the same"))
    def override_text(self, version: ModelVersion) -> SafeString | str:
        return _fragment("override", version=version) if version.overridden_at else "-"

    @admin.display(description=_("compared with"))
    def gate_text(self, version: ModelVersion) -> SafeString:
        return _fragment("gate", rows=quality.rivals(version.metrics))

    @admin.display(description=_("options"))
    def options_text(self, version: Any) -> SafeString:
        return _pretty(version.options)

    @admin.display(description=_("found by the index"))
    def recall(self, version: Any) -> str:
        return quality.found_by_index(version.metrics) or "-"

    @admin.display(description=_("facts"))
    def facts_text(self, version: Any) -> SafeString:
        return _pretty(version.info)

    @admin.display(description=_("evaluated on"))
    def split_text(self, version: Any) -> SafeString:
        return _pretty(version.metrics.get("split"))

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The list, headed by what each algorithm serves now."""
        older = ModelVersion.objects.before(OuterRef("version_id"), OuterRef("algorithm"))
        pointers = ActiveModel.objects.select_related("version").annotate(can_be_rolled_back=Exists(older))
        active = {row.algorithm: row for row in pointers}
        running = {version.algorithm: version for version in ModelVersion.objects.training()}
        names = dict.fromkeys([*settings.LADDER, *active, *running])
        context = {
            "algorithms": [
                {"name": name, "active": active.get(name), "running": running.get(name)} for name in names
            ],
            "others": [name for name in algorithm_names() if name not in names],
            "running": running.values(),
            **actions.allowed(request),
            **(extra_context or {}),
        }
        return super().changelist_view(request, context)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """One version, with the buttons that make sense for it."""
        version = self.get_object(request, object_id)
        context = {**actions.allowed(request), **(extra_context or {})}
        if isinstance(version, ModelVersion):
            is_active = version.active_id == version.pk  # type: ignore[attr-defined]
            context |= {
                "is_active": is_active,
                "can_be_rolled_back": is_active
                and ModelVersion.objects.before(version.pk, version.algorithm).exists(),
                "can_be_published": not is_active and version.status == ModelVersion.Status.READY,
                "running": [version] if version.status == ModelVersion.Status.TRAINING else [],
            }
        return super().change_view(request, object_id, form_url, context)

    def get_urls(self) -> list[URLPattern]:
        routes: list[tuple[str, Callable[..., HttpResponse], str]] = [
            ("progress/", progress.running, "progress"),
            ("why/", why.page, "why"),
            ("retrain/", actions.retrain, "retrain"),
            ("<int:version_id>/publish/", actions.publish, "publish"),
            ("<int:version_id>/cancel/", actions.cancel, "cancel"),
            ("roll-back/<str:algorithm>/", actions.roll_back, "roll_back"),
        ]
        own = [
            path(
                route,
                self.admin_site.admin_view(view),
                {"site": self.admin_site},
                name=f"shop_recs_modelversion_{name}",
            )
            for route, view, name in routes
        ]
        return [*own, *super().get_urls()]


def _ndcg(version: Any, part: str) -> SafeString:
    """NDCG@10, by how much it differs from the active version, and what the baselines reach."""
    value, popular, history = (
        quality.metric(version.metrics, who, part, "ndcg@10") for who in ("model", "popular", "history")
    )
    is_active = version.active_id == version.pk
    return _fragment(
        "metric",
        value=quality.decimal(value),
        difference="" if is_active else quality.difference(version.metrics, version.active_metrics, part),
        popular=quality.decimal(popular),
        history=quality.decimal(history),
    )


def _pretty(value: Any) -> SafeString:
    return format_html("<pre>{}</pre>", json.dumps(value, indent=2, ensure_ascii=False, default=str))


def _fragment(name: str, **context: Any) -> SafeString:
    return render_to_string(f"{TEMPLATES}/{name}.html", context)
