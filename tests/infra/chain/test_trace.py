"""Turns trace frames into effects: effects of a failed call are undone, all others are kept."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from eth_abi.abi import encode as abi_encode
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak
from hypothesis import given
from hypothesis import strategies as st

from infra.chain.world.accounts import created_address
from infra.ethereum.answers import AnswerUnreadable
from infra.ethereum.calldata import Approve, Transfer, encode
from infra.ethereum.trace import (
    APPROVAL,
    APPROVAL_FOR_ALL,
    DEPOSIT,
    REVERT_REASON_CHARACTERS_MAX,
    TRANSFER,
    UINT256_MAX,
    UNLIMITED_AMOUNT_MIN,
    WITHDRAWAL,
    effects,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import JsonValue

    from tests.world.chain.local_chain import Trader


def account(number: int) -> str:
    return to_checksum_address(number.to_bytes(20, "big"))


ALICE, BOB, EVE, TOKEN, VAULT = (account(0xA00 + number) for number in range(5))


def word(value: str | int) -> str:
    return "0x" + (value if isinstance(value, int) else int(value, 16)).to_bytes(32, "big").hex()


def log(*topics: str, amount: int, position: int = 0, token: str = TOKEN) -> dict[str, JsonValue]:
    words: list[JsonValue] = [topics[0], *(word(topic) for topic in topics[1:])]
    return {"address": token.lower(), "topics": words, "data": word(amount), "position": hex(position)}


def frame(kind: str = "CALL", caller: str = ALICE, target: str = VAULT, value: int = 0, **more: Any) -> dict[str, JsonValue]:
    basic: Mapping[str, JsonValue] = {"from": caller.lower(), "to": target.lower(), "gasUsed": "0x5208", "value": hex(value)}
    return {"type": kind, **basic, **more}


def test_native_value_moves_with_calls_creations_and_self_destruction() -> None:
    seen = effects(
        frame(
            value=10,
            calls=[
                frame("CREATE", VAULT, BOB, 3),
                frame("SELFDESTRUCT", BOB, EVE, 3),
                frame("DELEGATECALL", VAULT, TOKEN, 10),
                frame("STATICCALL", VAULT, TOKEN, 0),
                frame("CALLCODE", VAULT, TOKEN, 2),
            ],
        )
    )
    assert [(each.account, each.token, each.change) for each in seen.balance_changes] == [
        (ALICE, None, -10),
        (EVE, None, 3),
        (VAULT, None, 7),
    ]
    assert seen.creations == (BOB,)
    assert seen.self_destructs == (BOB,)
    assert [(each.contract, each.code) for each in seen.delegate_calls] == [(VAULT, TOKEN)]
    assert seen.touched == (VAULT, BOB, EVE, TOKEN)
    assert seen.gas_used == 21_000


def test_a_failed_frame_undoes_itself_and_all_beneath_it_but_is_seen() -> None:
    inner = frame(
        caller=BOB, target=EVE, value=5, logs=[log(APPROVAL, ALICE, EVE, amount=1), log(TRANSFER, ALICE, EVE, amount=9)]
    )
    failed = frame(caller=VAULT, target=BOB, value=5, error="execution reverted", calls=[inner], logs=inner["logs"])
    seen = effects(frame(calls=[failed, frame("CREATE", VAULT, TOKEN, error="out of gas")]))
    assert seen.ok
    assert seen.balance_changes == ()
    assert seen.allowances == ()
    assert seen.creations == ()
    assert {BOB, EVE} <= set(seen.touched)


def test_nothing_remains_of_a_transaction_that_fails() -> None:
    seen = effects(frame(value=1, error="execution reverted", logs=[log(TRANSFER, ALICE, EVE, amount=9)]))
    assert not seen.ok
    assert seen.balance_changes == ()


def test_transfers_add_up_and_what_cancels_is_left_out() -> None:
    logs = [
        log(TRANSFER, ALICE, BOB, amount=5),
        log(TRANSFER, BOB, EVE, amount=5),
        log(TRANSFER, ALICE, EVE, amount=2),
        log(TRANSFER, ALICE, EVE, amount=4, token=VAULT),
        log(TRANSFER, ALICE, ALICE, amount=100),
    ]
    seen = effects(frame(logs=logs))
    assert (seen.change(ALICE, TOKEN), seen.change(EVE, TOKEN), seen.change(EVE, VAULT)) == (-7, 7, 4)
    assert BOB not in {each.account for each in seen.balance_changes}


def test_only_a_known_wrapper_of_the_native_asset_is_believed_about_deposits() -> None:
    logs = [log(DEPOSIT, ALICE, amount=5), log(WITHDRAWAL, BOB, amount=3), log(DEPOSIT, EVE, amount=9, token=VAULT)]
    seen = effects(frame(logs=logs), wrapped_native=[TOKEN])
    assert (seen.change(ALICE, TOKEN), seen.change(BOB, TOKEN), seen.change(EVE, VAULT)) == (5, -3, 0)
    assert effects(frame(logs=logs)).balance_changes == ()


@pytest.mark.parametrize(
    ("amount", "unlimited"), [(UINT256_MAX, True), (UNLIMITED_AMOUNT_MIN, True), (UNLIMITED_AMOUNT_MIN - 1, False), (1, False)]
)
def test_an_allowance_is_unlimited_from_96_bits_on(amount: int, unlimited: bool) -> None:  # noqa: FBT001
    seen = effects(frame(logs=[log(APPROVAL, ALICE, EVE, amount=amount)]))
    (allowance,) = seen.allowances
    assert (allowance.token, allowance.owner, allowance.spender, allowance.amount) == (TOKEN, ALICE, EVE, amount)
    assert seen.unlimited_allowances == ((allowance,) if unlimited else ())


def test_an_operator_for_everything_is_unlimited_until_revoked() -> None:
    granted = log(APPROVAL_FOR_ALL, ALICE, EVE, amount=1)
    assert effects(frame(logs=[granted])).unlimited_allowances
    assert not effects(frame(logs=[granted, log(APPROVAL_FOR_ALL, ALICE, EVE, amount=0)])).allowances


def test_the_last_of_several_allowances_stands_in_the_order_they_happened() -> None:
    # The outer frame's logs stand around its call: first unlimited, in the call 7, at last nothing.
    call = frame(caller=VAULT, target=BOB, logs=[log(APPROVAL, ALICE, EVE, amount=7)])
    first = log(APPROVAL, ALICE, EVE, amount=UINT256_MAX, position=0)
    last = log(APPROVAL, ALICE, EVE, amount=0, position=1)
    assert effects(frame(calls=[call], logs=[first, last])).allowances == ()
    assert [each.amount for each in effects(frame(calls=[call], logs=[first])).allowances] == [7]


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        (keccak(text="Error(string)")[:4] + abi_encode(["string"], ["STF"]), "STF"),
        (keccak(text="Error(string)")[:4] + abi_encode(["string"], ["x" * 1_000]), "x" * REVERT_REASON_CHARACTERS_MAX),
        (keccak(text="Panic(uint256)")[:4] + abi_encode(["uint256"], [0x11]), "Panic(0x11)"),
        (bytes.fromhex("deadbeef00"), "custom error 0xdeadbeef"),
        (keccak(text="Error(string)")[:4] + b"\x01", "unreadable revert data 0x08c379a0"),
        (keccak(text="Error(string)")[:4] + abi_encode(["bytes"], [b"\xff\xfe"]), "unreadable revert data 0x08c379a0"),
        (b"", "out of gas"),
    ],
)
def test_a_revert_says_why(output: bytes, reason: str) -> None:
    assert effects(frame(error="out of gas", output="0x" + output.hex())).revert_reason == reason


def test_frames_nest_as_deep_as_the_evm_lets_them() -> None:
    nested = frame(logs=[log(TRANSFER, ALICE, EVE, amount=1)])
    for _ in range(1_024):
        nested = frame(calls=[nested])
    assert effects(nested).change(EVE, TOKEN) == 1


@pytest.mark.parametrize(
    "trace",
    [
        None,
        [],
        {},
        frame(type=None),
        frame(gasUsed=5),
        {**frame(), "value": "ten"},
        frame(calls={}),
        frame(calls=[1]),
        frame(logs=[{"address": "0x", "topics": [], "data": "0x"}]),
        frame(logs=[{"address": TOKEN, "topics": ["0x1"], "data": "0x"}]),
        {**frame(), "from": "0x12"},
        {**frame(), "from": None},
        frame(error="x", output="0x1"),
    ],
    ids=lambda trace: str(trace)[:40],
)
def test_what_is_no_trace_is_refused(trace: JsonValue) -> None:
    with pytest.raises(AnswerUnreadable):
        effects(trace)


def test_precompiles_are_not_among_the_contracts_touched() -> None:
    seen = effects(frame(calls=[frame("STATICCALL", VAULT, account(0x1FF)), frame("STATICCALL", VAULT, account(0x200))]))
    assert seen.touched == (VAULT, account(0x200))


def test_logs_of_other_shapes_move_nothing() -> None:
    odd = {**log(TRANSFER, ALICE, EVE, amount=1), "data": "0x01"}
    anonymous = {**log(TRANSFER, ALICE, EVE, amount=1), "topics": []}
    single_nft = log(TRANSFER, ALICE, EVE, word(7), amount=0)
    assert effects(frame(logs=[odd, anonymous, single_nft])).balance_changes == ()


@given(st.lists(st.tuples(st.sampled_from([ALICE, BOB, EVE]), st.sampled_from([ALICE, BOB, EVE]), st.integers(0, 10**30))))
def test_no_asset_appears_or_disappears(moves: list[tuple[str, str, int]]) -> None:
    logs: list[JsonValue] = [log(TRANSFER, sender, receiver, amount=amount) for sender, receiver, amount in moves]
    calls: list[JsonValue] = [frame("CALL", sender, receiver, amount) for sender, receiver, amount in moves]
    seen = effects(frame(logs=logs, calls=calls))
    for token in (None, TOKEN):
        assert sum(each.change for each in seen.balance_changes if each.token == token) == 0


@pytest.mark.chain
def test_an_unlimited_approval_of_real_usdc_is_flagged(trader: Trader) -> None:
    world = trader.market.world
    unlimited = trader.simulate(trader.transaction(world.usdc.address, encode(Approve(EVE, UINT256_MAX))))
    (allowance,) = unlimited.unlimited_allowances
    assert (allowance.token, allowance.owner, allowance.spender) == (world.usdc.address, trader.address, EVE)
    exact = trader.simulate(trader.transaction(world.usdc.address, encode(Approve(EVE, 10**12))))
    assert [each.amount for each in exact.allowances] == [10**12]
    assert exact.unlimited_allowances == ()


@pytest.mark.chain
def test_real_usdc_says_why_it_reverts(trader: Trader) -> None:
    world = trader.market.world
    too_much = trader.simulate(trader.transaction(world.usdc.address, encode(Transfer(EVE, 10**18))))
    assert not too_much.ok
    assert too_much.revert_reason == "ERC20: transfer amount exceeds balance"
    assert too_much.balance_changes == ()


@pytest.mark.chain
def test_a_contract_creation_is_seen(trader: Trader) -> None:
    creation = replace(trader.transaction(EVE, bytes.fromhex("00")), to=None)
    (created,) = trader.simulate(creation).creations
    assert created == created_address(trader.address, creation.nonce)


@pytest.mark.chain
def test_wrapping_ether_on_real_weth_moves_both_sides(trader: Trader) -> None:
    weth = trader.market.world.weth.address
    wrapped = trader.simulate(trader.transaction(weth, keccak(text="deposit()")[:4], value=10**18))
    assert (wrapped.change(trader.address, None), wrapped.change(trader.address, weth)) == (-(10**18), 10**18)
    assert wrapped.change(weth, None) == 10**18
