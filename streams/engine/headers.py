"""Writes and reads our own Kafka headers beside the trace context: the answered input, by topic and offset.

Headers are outside the hash chain: they serve the engine and tracing, and prove nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

SOURCE: Final = "proofdesk-source"

Headers = Sequence[tuple[str, bytes]]


def source_header(topic: str, offset: int) -> tuple[str, bytes]:
    """Return the header of an event that answers the input at `offset` of its partition of `topic`."""
    return (SOURCE, f"{topic}:{offset}".encode())


def source_of(headers: Headers | None) -> tuple[str, int]:
    """Return the input that an event answers; an empty topic if time alone caused it."""
    for name, value in headers or ():
        if name == SOURCE:
            topic, _, offset = value.decode().rpartition(":")
            return topic, int(offset)
    return "", 0
