"""Retrain, publish, roll back, cancel: each by POST and behind a permission."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.contrib.admin import AdminSite
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from shop_recs.exceptions import ShopRecsError
from shop_recs.models import ActiveModel, ModelVersion
from shop_recs.training import publish as publishing
from shop_recs.training.requests import request_cancellation, request_training

RETRAIN, PUBLISH = "shop_recs.retrain", "shop_recs.publish"


def allowed(request: HttpRequest) -> dict[str, bool]:
    """Which buttons to show."""
    return {"may_retrain": request.user.has_perm(RETRAIN), "may_publish": request.user.has_perm(PUBLISH)}


# The task is queued at commit: with ATOMIC_REQUESTS an unreachable broker would show too late to be told.
@transaction.non_atomic_requests
@require_POST
def retrain(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """Queue a training of the posted algorithm."""
    _require(request, RETRAIN)
    algorithm = request.POST.get("algorithm", "")
    done = _("The training of %s is queued; it shows here as soon as a worker takes it up.") % algorithm
    return _carry_out(request, site, lambda: request_training(algorithm), done=done, about=algorithm)


def publish(request: HttpRequest, site: AdminSite, version_id: int) -> HttpResponse:
    """Ask, then serve this version."""
    _require(request, PUBLISH)
    version = get_object_or_404(ModelVersion, pk=version_id)
    if request.method != "POST":
        question = _("Serve %(new)s from now on? %(old)s")
        old = ActiveModel.objects.filter(algorithm=version.algorithm).select_related("version").first()
        said = _("It replaces %s, which stays for rolling back.") % old.version if old else ""
        question %= {"new": version, "old": said}
        return _ask(request, site, _("Publish"), question, version, asks_why=version.is_refused)
    done = _("%s is published and served from now on.") % version
    note, name = request.POST.get("override", ""), request.user.get_username()
    return _carry_out(
        request,
        site,
        lambda: publishing.publish(version, override=note, by=name),
        done=f"{done} {note}".strip(),
        about=version,
    )


def roll_back(request: HttpRequest, site: AdminSite, algorithm: str) -> HttpResponse:
    """Ask, then serve the newest version before the active one."""
    _require(request, PUBLISH)
    active = get_object_or_404(ActiveModel.objects.select_related("version"), pk=algorithm)
    if request.method != "POST":
        question = _("Stop serving %s and serve the newest version before it?") % active.version
        return _ask(request, site, _("Roll back"), question, active.version)
    done = _("%s is rolled back.") % active.version
    seen = request.POST.get("version", "")
    from_version = int(seen) if seen.isdecimal() else active.version_id
    return _carry_out(
        request,
        site,
        lambda: publishing.rollback(algorithm, from_version=from_version),
        done=done,
        about=active.version,
    )


def cancel(request: HttpRequest, site: AdminSite, version_id: int) -> HttpResponse:
    """Ask, then stop a training."""
    _require(request, RETRAIN)
    version = get_object_or_404(ModelVersion, pk=version_id)
    if request.method != "POST":
        question = _("Stop the training of %s? What it learned so far is lost; what is served stays.")
        return _ask(request, site, _("Cancel the training"), question % version, version)
    done = _("The training of %s will stop in a few seconds.") % version
    return _carry_out(request, site, lambda: request_cancellation(version), done=done, about=version)


def _require(request: HttpRequest, permission: str) -> None:
    if not request.user.has_perm(permission):
        raise PermissionDenied


def _ask(
    request: HttpRequest,
    site: AdminSite,
    title: str,
    question: str,
    version: ModelVersion,
    *,
    asks_why: bool = False,
) -> TemplateResponse:
    request.current_app = site.name
    context: dict[str, Any] = {
        **site.each_context(request),
        "title": title,
        "question": question,
        "version": version,
        "asks_why": asks_why,
        "opts": ModelVersion._meta,
    }
    return TemplateResponse(request, "admin/shop_recs/modelversion/confirm.html", context)


def _carry_out(
    request: HttpRequest,
    site: AdminSite,
    action: Callable[[], object],
    *,
    done: str,
    about: ModelVersion | str,
) -> HttpResponseRedirect:
    """Do it, log who did it, and say how it went; refusals are answers, not errors."""
    try:
        action()
    except ShopRecsError as refusal:
        messages.warning(request, str(refusal))
    else:
        _log(request, about, done)
        messages.success(request, done)
    return HttpResponseRedirect(reverse("admin:shop_recs_modelversion_changelist", current_app=site.name))


def _log(request: HttpRequest, about: ModelVersion | str, text: str) -> None:
    LogEntry.objects.create(
        user=request.user,  # type: ignore[misc]  # staff only, so never anonymous
        content_type=ContentType.objects.get_for_model(ModelVersion),
        object_id=str(about.pk) if isinstance(about, ModelVersion) else None,
        object_repr=str(about),
        action_flag=CHANGE,
        change_message=text,
    )
