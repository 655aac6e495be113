from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from projections.dashboard import wording
from projections.dashboard.wording import Bar
from projections.folds.arrivals import trace_id_of
from projections.headroom import Freed, LimitUse
from projections.keys.shapes import Key, ShareHolder
from schemas.examples import example
from tests.world.firm.story import HEADERS, TRACE


def use(cap: str, posted: str, reserved: str, **changes: Any) -> LimitUse:
    return LimitUse.model_validate(
        {
            "limit_id": "trader-day",
            "scope": "trader",
            "subject": "alice",
            "scope_key": "trader:alice",
            "kind": "rolling",
            "window_seconds": 86_400,
            "zone": "",
            "measure": "usd",
            "cap_usd": cap,
            "posted_usd": posted,
            "reserved_usd": reserved,
            "headroom_usd": "0",
            "cap_count": 0,
            "posted_count": 0,
            "reserved_count": 0,
            "headroom_count": 0,
            "counted_from": 0,
            "frees": [],
            "trips": "",
            **changes,
        }
    )


HOLDERS = [ShareHolder(cosigner=f"cosigner-{place}", site="zurich") for place in (1, 2)]


def key(**changes: Any) -> Key:
    said = {"backend": "hsm", "threshold": 0, "epoch": 0, "sites_min": 1, "cosigners": [], "safe": None, "uses": []}
    return example(Key).model_copy(update=said | changes)


COUNTED = use("0", "0", "0", measure="count", cap_count=40, posted_count=10, reserved_count=2, headroom_count=28)


@pytest.mark.parametrize(
    ("limit", "posted", "reserved", "nearly_full"),
    [
        (use("1000", "250", "125"), "25.0", "12.5", False),
        (use("1000", "700", "100"), "70.0", "10.0", True),
        (use("1000", "900", "600"), "90.0", "10.0", True),
        (use("1000", "3000", "0"), "100.0", "0.0", True),
        (use("0", "0", "0"), "100", "0", True),
        (COUNTED, "25.0", "5.0", False),
    ],
)
def test_a_bar_never_leaves_its_frame(limit: LimitUse, posted: str, reserved: str, nearly_full: bool) -> None:  # noqa: FBT001
    bar = Bar.of(limit)
    assert (bar.posted, bar.reserved, bar.nearly_full) == (Decimal(posted), Decimal(reserved), nearly_full)


def test_a_bar_says_what_is_used_and_freed_in_its_limits_own_unit() -> None:
    freed = Freed(at=0, amount_usd=Decimal(5), count=3)
    dollars = Bar.of(use("1000", "250", "125", headroom_usd="625"))
    assert (dollars.caption, dollars.freed(freed)) == ("$250.00 used, $125.00 reserved of $1,000.00, $625.00 left", "$5.00")
    counted = Bar.of(COUNTED)
    assert (counted.caption, counted.freed(freed)) == ("10 done, 2 under way of 40 orders, 28 left", "3 orders")
    assert Bar.of(use("1000", "0", "0", kind="per-transaction")).caption == "$1,000.00"


def test_the_fullest_limits_come_first_and_those_per_transaction_not_at_all() -> None:
    single = use("1", "1", "0", kind="per-transaction")
    bars = wording.fullest([use("100", "1", "0"), single, COUNTED, use("100", "80", "15")])
    assert [bar.posted + bar.reserved for bar in bars] == [Decimal(95), Decimal(30), Decimal(1)]


@pytest.mark.parametrize(
    ("word", "value", "shown"),
    [
        ("usd", Decimal("1234567.890000"), "$1,234,567.89"),
        ("usd", None, "\N{EN DASH}"),
        ("instant", 1_760_000_000_123_456, "2025-10-09 08:53:20.123 UTC"),
        ("instant", None, "\N{EN DASH}"),
        ("short", "0x14aa225f3c", "0x14aa225f…"),
        ("short", "0x14", "0x14"),
        ("short", None, "\N{EN DASH}"),
        ("slippage", 29_920, "2.99 %"),
        ("slippage", -10_000, "-1.00 %"),
        ("slippage", None, "\N{EN DASH}"),
        ("window", use("1", "0", "0", kind="per-transaction"), "per transaction"),
        ("window", use("1", "0", "0", window_seconds=86_400), "rolling 1 day"),
        ("window", use("1", "0", "0", window_seconds=7_200), "rolling 2 hours"),
        ("window", use("1", "0", "0", window_seconds=90), "rolling 90 seconds"),
        ("window", use("1", "0", "0", kind="calendar-month", zone="Europe/Zurich"), "each month, Europe/Zurich"),
        ("difference", "+++ proposed", "place"),
        ("difference", "@@ -1 +1 @@", "place"),
        ("difference", "+permit", "added"),
        ("difference", "-permit", "removed"),
        ("difference", " permit", "same"),
        ("kept", key(backend=None), "\N{EN DASH}"),
        ("kept", key(), "hsm"),
        ("kept", key(backend="safe", threshold=2), "safe 2"),
        ("kept", key(backend="mpc", threshold=3, epoch=2, sites_min=2, cosigners=HOLDERS), "mpc 3 of 2, from 2 sites, epoch 2"),
        ("as_json", {"a": "é"}, '{\n  "a": "é"\n}'),
    ],
)
def test_values_read_as_people_write_them(word: str, value: Any, shown: str) -> None:
    assert wording.FILTERS[word](value) == shown


def test_gas_is_what_was_paid_or_what_the_simulation_used() -> None:
    assert wording.gas(68_666, None) == "68,666 when simulated"
    assert wording.gas(68_666, 20_000_000_007) == "68,666 at 20.000000007 gwei: 0.001373320000480662 ETH"


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(-5, "0 seconds"), (1, "1 second"), (59, "59 seconds"), (60, "1 minute"), (7_199, "1 hour"), (200_000, "2 days")],
)
def test_an_age_is_in_the_largest_whole_unit(seconds: int, shown: str) -> None:
    assert wording.age(1_760_000_000_000_000, 1_760_000_000_000_000 + seconds * 1_000_000) == shown


@pytest.mark.parametrize(
    ("content", "shown"),
    [
        ({"kind": "transfer", "amount": "9500.25", "asset_id": "USDC", "destination": "0xA"}, "Transfer 9,500.25 USDC to 0xA"),
        (
            {"kind": "swap", "amount": "5000000", "asset_id": "USDC", "buy_asset_id": "WETH", "venue": "0xB"},
            "Swap 5,000,000 USDC for WETH at 0xB",
        ),
        ({"kind": "approve_token", "amount": "1", "asset_id": "USDC", "spender": "0xC"}, "Let 0xC draw 1 USDC"),
        ({"kind": "deposit", "amount": "7", "asset_id": "USDC", "vault": "0xD"}, "Deposit 7 USDC into 0xD"),
        ({"kind": "withdraw", "amount": "7", "asset_id": "USDC", "vault": "0xD"}, "Withdraw 7 USDC from 0xD"),
        (
            {"kind": "call", "amount": "0", "asset_id": "ETH", "contract": "0xE", "function": "claim()", "arguments": []},
            "Call claim() at 0xE, spending at most 0 ETH",
        ),
        ({"kind": "stake"}, '{"kind": "stake"}'),
        (None, "\N{EN DASH}"),
    ],
)
def test_an_action_is_one_line(content: Any, shown: str) -> None:
    assert wording.action(content) == shown


@pytest.mark.parametrize(
    ("headers", "trace_id"),
    [
        (HEADERS, TRACE),
        ([], ""),
        ([("traceparent", b"00-abc-def-01")], ""),
        ([("traceparent", b"\xff\xfe")], ""),
        ([("tracestate", b"a=b")], ""),
    ],
)
def test_a_trace_is_what_the_header_says_or_none(headers: list[tuple[str, bytes]], trace_id: str) -> None:
    assert trace_id_of(headers) == trace_id
