"""One EVM node, by what we ask of it.

Decides the form of each question and its block: a `BlockHeader` asks by the block's hash (EIP-1898), so that a reorganisation
in between cannot mix two chains; numbers and tags ask for the node's current block of that name. Simulations run on the block's
state with the clock of the block after it: at the parent's own time pools skip writes that the real transaction pays for, and
gas comes out a quarter too low. Sources: Ethereum execution API; go-ethereum's debug namespace. Leaves out whether the node
tells the truth, and waiting: every method asks once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, Self, TypeVar

from eth_hash.auto import keccak

from infra.chain.rpc import CALL_TIMEOUT_MS_MAX, JsonRpc, NodeRefused, NodeUnavailable
from infra.ethereum import answers
from infra.ethereum.answers import AnswerUnreadable, BlockHeader, FeeSuggestion, Receipt

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pydantic import JsonValue

    from infra.ethereum.transaction import Transaction

SLOT_SECONDS: Final = 12
"""Ethereum's time from one block to the next."""
TRACE_TIMEOUT_MS_MAX: Final = 10_000

Tag = Literal["latest", "safe", "finalized", "pending", "earliest"]
At = BlockHeader | int | Tag
_T = TypeVar("_T")


class Node:
    """A node's answers, typed. Every method raises NodeUnavailable (wait) or NodeRefused (the node's own error).

    Safe to share between threads. Close it, or use it as a context manager.
    """

    def __init__(self, url: str) -> None:
        """Prepare the connection pool; nothing is sent yet."""
        self.rpc = JsonRpc(url)

    def __enter__(self) -> Self:
        """Return self."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connections."""
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self.rpc.close()

    @property
    def name(self) -> str:
        """Return the node's host and port: the only part of its URL that may be shown."""
        return self.rpc.name

    def chain_id(self) -> int:
        """Return the chain's id (EIP-155)."""
        return self._ask(answers.quantity, "eth_chainId")

    def block_number(self) -> int:
        """Return the number of the node's head."""
        return self._ask(answers.quantity, "eth_blockNumber")

    def head(self) -> BlockHeader:
        """Return the node's head."""
        header = self.block("latest")
        if header is None:
            raise NodeUnavailable(self.name, "it has no head")
        return header

    def block(self, at: int | Tag) -> BlockHeader | None:
        """Return the header of a block, None when the node has no such block."""
        return self._ask(_optional(answers.block_header), "eth_getBlockByNumber", _by_number(at), False)  # noqa: FBT003 - RPC

    def code(self, address: str, at: At = "latest") -> bytes:
        """Return the code of an account, empty for one without."""
        return self._ask(answers.octets, "eth_getCode", address, _block(at))

    def balance(self, address: str, at: At = "latest") -> int:
        """Return an account's native balance in wei."""
        return self._ask(answers.quantity, "eth_getBalance", address, _block(at))

    def transaction_count(self, address: str, at: At = "latest") -> int:
        """Return an account's next nonce; "pending" counts what waits in the node's pool too."""
        return self._ask(answers.quantity, "eth_getTransactionCount", address, _block(at))

    def fees(self) -> FeeSuggestion:
        """Return fees for the next block, in wei per gas."""
        history, tip = self.rpc.batch((("eth_feeHistory", ("0x1", "latest", [])), ("eth_maxPriorityFeePerGas", ())))
        return self._read(lambda value: answers.fee_suggestion(value, tip), history)

    def call(self, to: str, data: bytes, at: At = "latest", sender: str | None = None) -> bytes:
        """Return what a contract answers; a revert is NodeRefused."""
        message: dict[str, JsonValue] = {"to": to, "data": _hex(data)}
        if sender is not None:
            message["from"] = sender
        return self._ask(answers.octets, "eth_call", message, _block(at))

    def trace_call(
        self,
        sender: str,
        transaction: Transaction,
        at: BlockHeader,
        state_overrides: Mapping[str, JsonValue] | None = None,
    ) -> JsonValue:
        """Return callTracer's frames for `transaction` sent by `sender` on top of `at`; read them with `trace.effects`.

        The nonce plays no part; the fees do: a sender who cannot pay for the gas is NodeRefused. `state_overrides` as
        for go-ethereum's eth_call.
        """
        message: dict[str, JsonValue] = {
            "from": sender,
            "value": hex(transaction.value),
            "gas": hex(transaction.gas_limit),
            "maxFeePerGas": hex(transaction.max_fee_per_gas),
            "maxPriorityFeePerGas": hex(transaction.max_priority_fee_per_gas),
            "data": _hex(transaction.data),
        }
        if transaction.to is not None:
            message["to"] = transaction.to
        options = _tracer()
        options["blockOverrides"] = {"time": hex(at.timestamp + SLOT_SECONDS)}
        if state_overrides is not None:
            options["stateOverrides"] = dict(state_overrides)
        return self.rpc.request("debug_traceCall", message, _block(at), options, timeout_ms=TRACE_TIMEOUT_MS_MAX)

    def trace_transaction(self, transaction_hash: str) -> JsonValue:
        """Return callTracer's frames of a transaction that is on the chain; read them with `trace.effects`."""
        return self.rpc.request("debug_traceTransaction", transaction_hash, _tracer(), timeout_ms=TRACE_TIMEOUT_MS_MAX)

    def send_raw(self, raw: bytes) -> str:
        """Hand over a raw transaction and return its hash; sending it again is fine, also once it has been included.

        NodeRefused means that the node did not take this transaction and does not know it either.
        """
        expected = _hex(keccak(raw))
        try:
            answered = self._ask(answers.hash32, "eth_sendRawTransaction", _hex(raw))
        except NodeRefused:
            # "already known", "nonce too low" and their many spellings: what counts is whether it has this transaction.
            if self.knows(expected):
                return expected
            raise
        if answered != expected:
            raise NodeUnavailable(self.name, f"it took a transaction as {answered} that is {expected}")
        return expected

    def knows(self, transaction_hash: str) -> bool:
        """Return whether the transaction is in the node's pool or on its chain."""
        return self._ask(_optional(answers.mapping), "eth_getTransactionByHash", transaction_hash) is not None

    def receipt(self, transaction_hash: str) -> Receipt | None:
        """Return the receipt, None while there is none: that alone does not mean that there will be none."""
        return self._ask(_optional(answers.receipt), "eth_getTransactionReceipt", transaction_hash)

    def receipts(self, transaction_hashes: Sequence[str]) -> list[Receipt | None]:
        """Return several receipts in one exchange."""
        found = self.rpc.batch([("eth_getTransactionReceipt", (each,)) for each in transaction_hashes])
        return [self._read(_optional(answers.receipt), each) for each in found]

    def _ask(self, read: Callable[[JsonValue], _T], method: str, *params: JsonValue) -> _T:
        return self._read(read, self.rpc.request(method, *params, timeout_ms=CALL_TIMEOUT_MS_MAX))

    def _read(self, read: Callable[[JsonValue], _T], value: JsonValue) -> _T:
        try:
            return read(value)
        except AnswerUnreadable as error:
            raise NodeUnavailable(self.name, str(error)) from error


def _optional(read: Callable[[JsonValue], _T]) -> Callable[[JsonValue], _T | None]:
    return lambda value: None if value is None else read(value)


def _hex(octets: bytes) -> str:
    return "0x" + octets.hex()


def _by_number(at: int | Tag) -> str:
    return hex(at) if isinstance(at, int) else at


def _block(at: At) -> JsonValue:
    return {"blockHash": at.hash} if isinstance(at, BlockHeader) else _by_number(at)


def _tracer() -> dict[str, JsonValue]:
    return {"tracer": "callTracer", "tracerConfig": {"withLog": True}}
