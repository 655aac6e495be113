"""Reads from a node: its answers when it is well, and the errors made of its faults."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from infra.chain import rpc
from infra.chain.node import Node
from infra.chain.rpc import NodeRefused, NodeUnavailable
from infra.ethereum.calldata import Transfer, encode
from infra.ethereum.trace import effects
from infra.ethereum.transaction import signing_payload
from tests.infra.chain.faulty_node import faulty_node
from tests.world.chain.local_chain import ETHER, anvil, free_port

pytestmark = pytest.mark.chain

if TYPE_CHECKING:
    from pydantic import JsonValue

    from tests.world.chain.local_chain import Trader

NOBODY = "0x000000000000000000000000000000000000dEaD"
NO_HASH = "0x" + "ab" * 32


def test_the_head_is_a_block_like_any_other(trader: Trader) -> None:
    node = trader.market.node
    head = node.head()
    assert (node.chain_id(), node.block_number()) == (31_337, head.number)
    assert node.block(head.number) == node.block("latest") == head
    parent = node.block(head.number - 1)
    assert parent is not None
    assert head.parent_hash == parent.hash
    assert node.block(head.number + 1) is None


def test_accounts_are_read_at_the_block_that_is_named(trader: Trader) -> None:
    node, world = trader.market.node, trader.market.world
    before = node.head()
    nonce = node.transaction_count(trader.address)
    assert trader.execute(trader.transaction(NOBODY, b"", value=7)).succeeded
    assert (node.balance(NOBODY), node.balance(NOBODY, before), node.balance(NOBODY, before.number)) == (7, 0, 0)
    assert (node.transaction_count(trader.address), node.transaction_count(trader.address, before)) == (nonce + 1, nonce)
    assert node.code(world.usdc.address) == node.code(world.usdc.address, before) != b""
    assert node.code(NOBODY) == b""


def test_a_block_that_a_reorganisation_removed_is_refused_not_replaced(trader: Trader) -> None:
    node = trader.market.node
    node.rpc.request("evm_mine")
    removed = node.head()
    node.rpc.request("anvil_reorg", 1, [])
    assert node.head().number == removed.number
    with pytest.raises(NodeRefused):
        node.balance(NOBODY, removed)


def test_fees_cover_the_next_block(trader: Trader) -> None:
    fees = trader.market.node.fees()
    assert fees.max_fee_per_gas == 2 * fees.base_fee_per_gas + fees.max_priority_fee_per_gas
    trader.market.node.rpc.request("evm_mine")
    assert trader.market.node.head().base_fee_per_gas == fees.base_fee_per_gas


def test_a_transaction_may_be_sent_twice_before_and_after_it_is_included(trader: Trader) -> None:
    node = trader.market.node
    raw = trader.account.sign(trader.transaction(NOBODY, b"", value=1)).raw
    node.rpc.request("evm_setAutomine", False)  # noqa: FBT003 - RPC
    try:
        sent = node.send_raw(raw)
        assert node.send_raw(raw) == sent
        assert node.knows(sent)
        assert node.receipt(sent) is None
        node.rpc.request("evm_mine")
    finally:
        node.rpc.request("evm_setAutomine", True)  # noqa: FBT003 - RPC
    assert node.send_raw(raw) == sent
    receipt = node.receipt(sent)
    assert receipt is not None
    assert receipt.succeeded
    assert receipt.transaction_hash == sent
    assert node.balance(NOBODY) == 1


def test_another_transaction_with_a_spent_nonce_is_refused(trader: Trader) -> None:
    first = trader.transaction(NOBODY, b"", value=1)
    assert trader.execute(first).succeeded
    with pytest.raises(NodeRefused, match="nonce"):
        trader.market.node.send_raw(trader.account.sign(replace(first, value=2)).raw)


def test_what_is_no_transaction_is_refused(trader: Trader) -> None:
    with pytest.raises(NodeRefused):
        trader.market.node.send_raw(signing_payload(trader.transaction(NOBODY, b"")))


def test_a_receipt_tells_of_failure_and_of_logs(trader: Trader) -> None:
    usdc = trader.market.world.usdc.address
    failed = trader.execute(trader.transaction(usdc, encode(Transfer(NOBODY, 10**18))))
    assert not failed.succeeded
    assert failed.logs == ()
    moved = trader.execute(trader.transaction(usdc, encode(Transfer(NOBODY, 5))))
    assert moved.succeeded
    assert [(log.address, int.from_bytes(log.data, "big")) for log in moved.logs] == [(usdc, 5)]
    head = trader.market.node.head()
    assert (moved.block_number, moved.block_hash) == (head.number, head.hash)
    assert moved.effective_gas_price >= head.base_fee_per_gas
    assert trader.market.node.receipt(NO_HASH) is None
    assert trader.market.node.receipts([moved.transaction_hash, NO_HASH]) == [moved, None]


def test_a_call_that_reverts_is_refused_with_its_reason(trader: Trader) -> None:
    world = trader.market.world
    with pytest.raises(NodeRefused, match="exceeds balance"):
        trader.market.node.call(world.usdc.address, encode(Transfer(NOBODY, 10**18)), sender=trader.address)


def test_a_sender_who_cannot_pay_for_the_gas_is_refused_before_the_simulation(trader: Trader) -> None:
    node = trader.market.node
    with pytest.raises(NodeRefused, match=r"(?i)insufficient funds"):
        node.trace_call(NOBODY, trader.transaction(NOBODY, b""), node.head())


def test_state_overrides_hold_for_the_simulation_only(trader: Trader) -> None:
    node = trader.market.node
    rich: dict[str, JsonValue] = {NOBODY: {"balance": hex(ETHER)}}
    seen = effects(node.trace_call(NOBODY, trader.transaction(trader.address, b"", value=5), node.head(), rich))
    assert seen.change(trader.address, None) == 5
    assert node.balance(NOBODY) == 0


def test_a_simulation_runs_on_the_clock_of_the_next_block(trader: Trader) -> None:
    node = trader.market.node
    head = node.head()
    # TIMESTAMP PUSH0 MSTORE PUSH1 32 PUSH0 RETURN
    clock: dict[str, JsonValue] = {NOBODY: {"code": "0x425f5260205ff3"}}
    trace = node.trace_call(trader.address, trader.transaction(NOBODY, b""), head, clock)
    assert isinstance(trace, dict)
    assert int(str(trace["output"]), 16) == head.timestamp + 12


def test_a_node_that_is_down_is_unavailable_and_then_is_back() -> None:
    with anvil() as url:
        node = Node(url)
        assert node.chain_id() == 31_337
    with node:
        for ask in (node.chain_id, node.head, node.fees, lambda: node.send_raw(b"\x02"), lambda: node.receipt(NO_HASH)):
            with pytest.raises(NodeUnavailable):
                ask()
        with anvil(int(url.rpartition(":")[2])):
            assert node.chain_id() == 31_337


def test_a_port_where_nobody_listens_is_unavailable_at_once() -> None:
    started = time.monotonic()
    with Node(f"http://127.0.0.1:{free_port()}") as node, pytest.raises(NodeUnavailable):
        node.head()
    assert time.monotonic() - started < 1


def test_a_node_that_does_not_answer_in_time_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infra.chain.node.CALL_TIMEOUT_MS_MAX", 100)
    with faulty_node(lambda _: (200, b"{}"), delay_seconds=1) as url, Node(url) as node:
        started = time.monotonic()
        with pytest.raises(NodeUnavailable, match="Timeout"):
            node.block_number()
        assert time.monotonic() - started < 0.8


def _result(value: object) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": 0, "result": value}).encode()


def _error(code: int, message: str = "no") -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": 0, "error": {"code": code, "message": message, "data": "0x01"}}).encode()


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (503, b"upstream is down"),
        (503, _error(-32_000)),
        (502, _result("0x1")),
        (429, b"{}"),
        (401, b"{}"),
        (200, b""),
        (200, b"<html>"),
        (200, b"[]"),
        (200, b"7"),
        (200, b"{}"),
        (200, _result(None)),
        (200, _result(7)),
        (200, _result("7")),
        (200, _result("0x")),
        (200, b'{"jsonrpc": "2.0", "id": 5, "result": "0x1"}'),
        (200, _error(rpc.LIMIT_EXCEEDED)),
        (200, _error(-32_000, rpc.INDEXING)),
    ],
    ids=lambda part: str(part)[:40],
)
def test_whatever_is_no_answer_to_the_question_is_unavailable(status: int, body: bytes) -> None:
    with faulty_node(lambda _: (status, body)) as url, Node(url) as node, pytest.raises(NodeUnavailable):
        node.block_number()


@pytest.mark.parametrize("status", [200, 400])
def test_what_the_node_says_about_the_request_is_a_refusal(status: int) -> None:
    with faulty_node(lambda _: (status, _error(-32_000))) as url, Node(url) as node:
        with pytest.raises(NodeRefused) as refusal:
            node.block_number()
        assert (refusal.value.code, refusal.value.message, refusal.value.detail) == (-32_000, "no", "0x01")


def test_an_answer_that_nests_too_deep_is_a_refusal_since_waiting_would_not_help() -> None:
    deep = b'{"id": 0, "result": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    with faulty_node(lambda _: (200, deep)) as url, Node(url) as node, pytest.raises(NodeRefused):
        node.trace_transaction(NO_HASH)


def test_a_node_that_takes_a_transaction_under_another_hash_is_not_believed() -> None:
    with faulty_node(lambda _: (200, _result(NO_HASH))) as url, Node(url) as node, pytest.raises(NodeUnavailable):
        node.send_raw(b"\x02")


def test_a_node_without_a_head_or_a_base_fee_is_unavailable() -> None:
    with faulty_node(lambda _: (200, _result(None))) as url, Node(url) as node, pytest.raises(NodeUnavailable):
        node.head()
    answers = [{"id": 0, "result": {"baseFeePerGas": []}}, {"id": 1, "result": "0x1"}]
    with faulty_node(lambda _: (200, json.dumps(answers).encode())) as url, Node(url) as node, pytest.raises(NodeUnavailable):
        node.fees()


def test_a_batch_is_put_back_in_order_and_split_at_its_bound() -> None:
    sizes = []

    def backwards(calls: list[dict[str, Any]]) -> tuple[int, bytes]:
        sizes.append(len(calls))
        answers = [{"id": call["id"], "result": call["params"][0]} for call in reversed(calls)]
        return 200, json.dumps(answers).encode()

    with faulty_node(backwards) as url, Node(url) as node:
        count = rpc.BATCH_CALLS_MAX + 3
        assert node.rpc.batch([("echo", (number,)) for number in range(count)]) == list(range(count))
    assert sizes == [rpc.BATCH_CALLS_MAX, 3]


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"[]", NodeUnavailable),
        (b'[{"id": 0, "result": 1}, {"id": 0, "result": 1}]', NodeUnavailable),
        (b'[{"id": 0, "result": 1}, 5]', NodeUnavailable),
        (_error(-32_600), NodeRefused),
        (b'[{"id": 0, "result": 1}, {"id": 1, "error": {"code": 3, "message": "reverted"}}]', NodeRefused),
    ],
)
def test_a_batch_is_answered_whole_or_not_at_all(body: bytes, error: type[Exception]) -> None:
    with faulty_node(lambda _: (200, body)) as url, Node(url) as node, pytest.raises(error):
        node.rpc.batch([("eth_chainId", ()), ("eth_blockNumber", ())])


def test_no_error_shows_what_a_hosted_node_s_url_holds() -> None:
    with Node(f"http://user:word@127.0.0.1:{free_port()}/v2/token") as node, pytest.raises(NodeUnavailable) as error:
        node.chain_id()
    assert "token" not in str(error.value)
    assert "word" not in str(error.value)
