"""Finds the shopper that somebody in the admin names: a visitor by its id, a user by name or key."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db.models import Model
from django.utils.translation import gettext_lazy as _

from shop_recs.models import Visitor
from shop_recs.tracking.identity import Shopper


@dataclass(frozen=True, slots=True)
class Known:
    """A shopper of the log.

    Attributes:
        shopper: whose history counts; that of all devices where it is a user's.
        segment: of the visitor, or of the user's latest one.
        whom: the visitor or the user.
        devices: visitors of the user, 1 for a visitor alone.
    """

    shopper: Shopper
    segment: str
    whom: Model
    devices: int = 1


def find(text: str) -> Known:
    """The shopper of this visitor id, user name or key of a user.

    Raises:
        ValidationError: there is none.
    """
    visitor = _visitor(text)
    if visitor is not None and visitor.user_id is None:
        return Known(Shopper(visitor.pk, None), visitor.segment, visitor)
    user = visitor.user if visitor else _user(text)
    if user is None:
        raise ValidationError(
            _("There is no visitor with the id %(text)s, and no user of this name or key."),
            params={"text": f"{text:.60}"},
        )
    devices = Visitor.objects.filter(user=user.pk).order_by("-created_at")
    latest = devices.first()
    return Known(Shopper(None, user.pk), latest.segment if latest else "", user, devices.count())


def _visitor(text: str) -> Visitor | None:
    try:
        return Visitor.objects.select_related("user").filter(pk=uuid.UUID(text)).first()
    except ValueError:
        return None


def _user(text: str) -> Any | None:
    users = get_user_model()._default_manager
    try:
        return (
            users.filter(**{get_user_model().USERNAME_FIELD: text}).first() or users.filter(pk=text).first()
        )
    except (ValueError, ValidationError, OverflowError):
        return None
