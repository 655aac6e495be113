from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from projections.api.shapes import LimitUse
from projections.dashboard import wording
from projections.dashboard.wording import Bar
from projections.folds.arrivals import trace_id_of
from tests.projections.story import HEADERS, TRACE


def use(cap: str, posted: str, reserved: str) -> LimitUse:
    return LimitUse(
        limit_id="trader-day",
        scope="trader",
        subject="alice",
        scope_key="trader:alice",
        kind="rolling",
        window_seconds=86_400,
        cap_usd=Decimal(cap),
        posted_usd=Decimal(posted),
        reserved_usd=Decimal(reserved),
    )


@pytest.mark.parametrize(
    ("limit", "posted", "reserved", "nearly_full"),
    [
        (use("1000", "250", "125"), "25.0", "12.5", False),
        (use("1000", "700", "100"), "70.0", "10.0", True),
        (use("1000", "900", "600"), "90.0", "10.0", True),
        (use("1000", "3000", "0"), "100.0", "0.0", True),
        (use("0", "0", "0"), "100", "0", True),
    ],
)
def test_a_bar_never_leaves_its_frame(limit: LimitUse, posted: str, reserved: str, nearly_full: bool) -> None:  # noqa: FBT001
    assert Bar.of(limit) == Bar(limit, Decimal(posted), Decimal(reserved), nearly_full)


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
        ("window", 0, "per transaction"),
        ("window", 86_400, "rolling 1 day"),
        ("window", 7_200, "rolling 2 hours"),
        ("window", 90, "rolling 90 seconds"),
        ("as_json", {"a": "é"}, '{\n  "a": "é"\n}'),
    ],
)
def test_values_read_as_people_write_them(word: str, value: Any, shown: str) -> None:
    assert wording.FILTERS[word](value) == shown


@pytest.mark.parametrize(
    ("content", "shown"),
    [
        ({"kind": "transfer", "amount": "9500.25", "asset_id": "USDC", "destination": "0xA"}, "Transfer 9,500.25 USDC to 0xA"),
        (
            {"kind": "swap", "amount": "5000000", "asset_id": "USDC", "buy_asset_id": "WETH", "venue": "0xB"},
            "Swap 5,000,000 USDC for WETH at 0xB",
        ),
        ({"kind": "approve_token", "amount": "1", "asset_id": "USDC", "spender": "0xC"}, "Let 0xC draw 1 USDC"),
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
