"""Bounds the value that leaves a wallet in a day."""

from __future__ import annotations

from decimal import Decimal

import pytest

from schemas.values import USD_MAX
from streams.rules.evidence.memory.velocity import MICROS_PER_MINUTE, WINDOW_MINUTES, Velocity, VelocityCaps
from tests.world.line.scenery import START

DAY = WINDOW_MINUTES * MICROS_PER_MINUTE
CAP = Decimal(1_000)


def left(*amounts: tuple[int, str]) -> Velocity:
    """A wallet that these amounts have left, so many minutes after the start."""
    velocity = Velocity()
    for minute, usd in amounts:
        velocity.add("w", START + minute * MICROS_PER_MINUTE, Decimal(usd))
    return velocity


@pytest.mark.parametrize(
    ("before", "asked", "minute", "passes"),
    [
        ([], "1000", 0, True),
        ([], "1000.000001", 0, False),
        ([(0, "600")], "400", 0, True),
        ([(0, "600")], "400.01", 0, False),
        ([(0, "600")], "400.01", WINDOW_MINUTES, False),
        ([(0, "600")], "1000", WINDOW_MINUTES + 1, True),
        ([(0, "600"), (10, "300")], "701", WINDOW_MINUTES + 1, False),
        ([(0, "600"), (0, "-600")], "1000", 0, True),
        ([(0, "1000")], "0", 0, True),
        ([(0, "2000")], "0", 0, False),
    ],
)
def test_the_cap_holds_over_a_rolling_day(before: list[tuple[int, str]], asked: str, minute: int, passes: bool) -> None:  # noqa: FBT001
    refusal = left(*before).refusal("w", Decimal(asked), CAP, START + minute * MICROS_PER_MINUTE)
    assert (refusal is None) == passes, refusal


def test_a_refusal_says_what_left_and_what_the_cap_is() -> None:
    refusal = left((0, "600")).refusal("w", Decimal("400.01"), CAP, START)
    assert refusal is not None
    assert {"600.000000", "400.010000", "1000.000000", "w"} <= set(refusal.replace(";", " ").split())


def test_wallets_do_not_count_for_one_another() -> None:
    assert left((0, "1000")).refusal("other", Decimal(1_000), CAP, START) is None


def test_a_time_that_an_event_claims_does_not_make_a_wallet_look_unused() -> None:
    """Only the signer's own clock forgets."""
    velocity = left((0, "900"), (10 * WINDOW_MINUTES, "1"))
    assert velocity.used("w", START) == Decimal(901)
    assert velocity.used("w", START + DAY + MICROS_PER_MINUTE) == Decimal(1)


def test_wallets_that_are_not_named_have_the_cap_of_all_others() -> None:
    caps = VelocityCaps.model_validate_json('{"default_usd": "5", "wallets": {"w": "7.5"}}')
    assert (caps.of("w"), caps.of("v")) == (Decimal("7.5"), Decimal(5))
    assert VelocityCaps().of("w") == USD_MAX
