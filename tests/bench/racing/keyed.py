"""Defines the contenders' input. A file of its own: contenders' environments lack the course's imports."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Keyed:
    """A record with its key."""

    key: bytes
    value: bytes
