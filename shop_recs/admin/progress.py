"""How far trainings are, in words and as the JSON that the pages poll."""

from __future__ import annotations

from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, JsonResponse
from django.utils.translation import gettext as _

from shop_recs.models import ModelVersion

SECONDS_SHOWN_UP_TO = 90


def describe(version: ModelVersion) -> str:
    """What a training does, how much of it is done and how long it will take."""
    parts = [version.phase or _("starting"), f"{version.percent:.0f} %"]
    if version.cancel_requested:
        parts.append(_("stopping"))
    elif version.eta_seconds is not None:
        parts.append(_time_left(version.eta_seconds))
    return ", ".join(parts)


def running(request: HttpRequest, site: AdminSite) -> JsonResponse:
    """The trainings under way, and the newest version, which may be over already."""
    if not request.user.has_perm("shop_recs.view_modelversion"):
        raise PermissionDenied
    rows = [
        {"id": version.pk, "percent": version.percent, "text": describe(version)}
        for version in ModelVersion.objects.training()
    ]
    newest = ModelVersion.objects.order_by("pk").values_list("pk", flat=True).last()
    return JsonResponse({"running": rows, "newest": newest})


def _time_left(seconds: float) -> str:
    if seconds < SECONDS_SHOWN_UP_TO:
        return _("%d s left") % round(seconds)
    return _("%d min left") % round(seconds / 60)
