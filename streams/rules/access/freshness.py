"""Bounds a command's age: an older command is refused, because its id may be forgotten, so a repetition would go unnoticed.

One definition for the desk, governance and the signer. The policy in force may ask for less, never for more.
"""

from __future__ import annotations

from typing import Final

from schemas.firm import Settings
from schemas.values import MICROS_PER_SECOND, Instant
from streams.rules.refusals.base import CommandFromFuture, CommandStale

COMMAND_AGE_SECONDS_MAX: Final = 3_600
"""No policy can let a command be older than this: its id is remembered for much longer."""
COMMAND_SKEW_SECONDS_MAX: Final = 30
"""The most seconds that a sender's clock may be ahead of ours."""


def age_seconds_max(settings: Settings) -> int:
    """Return the age in seconds that policy allows, within our own bound."""
    return min(settings.command_max_age_seconds, COMMAND_AGE_SECONDS_MAX)


def check_age(issued_at: Instant, settings: Settings, now: Instant) -> None:
    """Check that a command issued at `issued_at` may be answered now.

    Raises:
        CommandStale, CommandFromFuture: the command is too old, or its sender's clock is too far ahead.
    """
    age, age_max = now - issued_at, age_seconds_max(settings)
    if age > age_max * MICROS_PER_SECOND:
        raise CommandStale(age_seconds=age // MICROS_PER_SECOND, age_seconds_max=age_max)
    if age < -COMMAND_SKEW_SECONDS_MAX * MICROS_PER_SECOND:
        raise CommandFromFuture(ahead_seconds=-age // MICROS_PER_SECOND, ahead_seconds_max=COMMAND_SKEW_SECONDS_MAX)
