"""Errors that callers of the package may catch."""

from __future__ import annotations


class ShopRecsError(Exception):
    """Base of all errors raised on purpose; the message says what to do."""


class AlreadyRunning(ShopRecsError):
    """Another run is training this algorithm and its heartbeat is fresh."""


class Superseded(ShopRecsError):
    """This run lost its lease: it was cancelled, or taken over after its heartbeat stopped."""


class NotEnoughInteractions(ShopRecsError):
    """The log is too small to train on: have X, need Y."""


class TrainingFailed(ShopRecsError):
    """A run ended without a version to serve; the message says why, and so does the version's `error`."""


class UnknownPlacement(ShopRecsError, LookupError):
    """No placement has that name."""


class UnknownAlgorithm(ShopRecsError):
    """No algorithm of this name is configured in `SHOP_RECS["ALGORITHMS"]`."""


class NothingToPublish(ShopRecsError):
    """The version cannot be published, or there is no version to roll back to."""


class Refused(ShopRecsError):
    """The gate keeps a version from being served; the message says why and how to publish it all the same."""


class NotRunning(ShopRecsError):
    """The version is not being trained, so there is nothing to cancel."""


class BrokerUnreachable(ShopRecsError):
    """The task could not be handed to Celery's broker; nothing was queued."""


class BrokenFilter(ShopRecsError, ValueError):
    """A filter of a placement or a rule cannot filter products; the message says whose and why."""


class InvalidAsk(ShopRecsError, ValueError):
    """A list was asked for in a way that cannot be answered.

    Attributes:
        field: of what was asked.
    """

    def __init__(self, message: str, *, field: str) -> None:
        super().__init__(message)
        self.field = field


class CannotMeasure(ShopRecsError):
    """A benchmark lacks something; the message says what to install, publish or write instead."""
