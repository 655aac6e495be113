"""Encodes the position of a page's last order, so that pages neither skip nor repeat while orders come in."""

from __future__ import annotations

import base64
import binascii
import uuid

from starlette.exceptions import HTTPException

from schemas.values import INSTANT_MICROS_MAX, Instant

Cursor = tuple[Instant, str]
"""The order's time of creation, and its id."""

BEFORE_ALL: Cursor = (INSTANT_MICROS_MAX + 1, str(uuid.UUID(int=2**128 - 1)))


def write(cursor: Cursor) -> str:
    """Opaque text for a URL."""
    return base64.urlsafe_b64encode(f"{cursor[0]}.{cursor[1]}".encode()).decode().rstrip("=")


def read(text: str) -> Cursor:
    """The place that `write` wrote.

    Raises:
        HTTPException: 422, this is none.
    """
    try:
        created_at, _, order_id = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode("ascii").partition(".")
        cursor = int(created_at), str(uuid.UUID(order_id))
    except (ValueError, binascii.Error) as error:
        raise HTTPException(422, "cursor: not one that was given out; leave it out for the first page") from error
    if not 0 <= cursor[0] <= INSTANT_MICROS_MAX:
        raise HTTPException(422, "cursor: not one that was given out; leave it out for the first page")
    return cursor
