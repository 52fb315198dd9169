"""JSON from browsers, read with bounds on size and depth."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import IO, Any, NoReturn

from rest_framework import status
from rest_framework.exceptions import APIException, ParseError
from rest_framework.parsers import BaseParser

from shop_recs.conf import settings

DEPTH = 3
"""`{"events": [{…}]}`: the values of an event are never nested."""


class TooLarge(APIException):
    """The body carries more than the settings allow."""

    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_code = "too_large"


class BoundedJSONParser(BaseParser):
    """JSON of at most `SHOP_RECS["EVENTS_BYTES"]` bytes."""

    media_type = "application/json"

    def parse(
        self,
        stream: IO[bytes],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """The decoded body.

        Raises:
            TooLarge: the body has too many bytes.
            ParseError: the body is no JSON, or is nested deeper than a list of events.
        """
        try:
            data = json.loads(_read(stream), parse_constant=_refuse_constant)
        except RecursionError:
            raise ParseError("The body is nested too deep; send a list of flat events.") from None
        except ValueError as error:
            raise ParseError(f"The body is no JSON: {error}.") from None
        if _is_deeper(data, DEPTH):
            raise ParseError("The body is nested too deep; send a list of flat events.")
        return data


class PlainTextJSONParser(BoundedJSONParser):
    """The same, as `navigator.sendBeacon` labels a string."""

    media_type = "text/plain"


def _read(stream: IO[bytes]) -> bytes:
    limit = settings.EVENTS_BYTES
    try:
        body = stream.read(limit + 1)
    except OSError:
        raise ParseError("The body ended early.") from None
    if len(body) > limit:
        raise TooLarge(f"The body has more than {limit} bytes; send fewer events at once.")
    return body


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _is_deeper(value: Any, levels: int) -> bool:
    if not isinstance(value, list | dict):
        return False
    if levels == 0:
        return True
    children = value.values() if isinstance(value, dict) else value
    return any(_is_deeper(child, levels - 1) for child in children)
