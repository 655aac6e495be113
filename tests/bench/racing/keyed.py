"""What contenders are given. On its own, since they run in environments that lack what the course needs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Keyed:
    """A record with its key."""

    key: bytes
    value: bytes
