"""Reads a transaction's effects from the frames of go-ethereum's callTracer (withLog). Pure.

Decides balances, allowances and contracts involved (mission, step 4 of the lifecycle). A frame that failed undoes itself and
everything beneath it; its logs are ignored, since nodes differ on keeping them. Native value moves with CALL, CREATE, CREATE2
and SELFDESTRUCT. Tokens move by their own logs: Transfer (EIP-20); Deposit and Withdrawal for the wrapped-native tokens that
the caller names (WETH9), since anyone may emit them. Of several allowances for one spender the last stands; ApprovalForAll
(EIP-721, EIP-1155) counts as an unlimited one. Leaves out the fee for gas, tokens that move balances without a log, single
NFTs, and any judgement.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final, NamedTuple

from eth_hash.auto import keccak

from infra.ethereum import answers
from infra.ethereum.abi import DecodingError
from infra.ethereum.abi import decode as abi_decode
from infra.ethereum.addresses import checksummed
from infra.ethereum.answers import AnswerUnreadable, Log
from schemas.events.lifecycle import AllowanceGranted, BalanceChange
from schemas.values import Address, BaseUnits, Record, Text

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from pydantic import JsonValue

UINT256_MAX: Final = 2**256 - 1
UNLIMITED_AMOUNT_MIN: Final = 2**96 - 1
"""An allowance of this many base units or more is unlimited: no holding of a listed asset comes near it, and tokens that keep
allowances in 96 bits (UNI, COMP) use it for "unlimited"."""
PRECOMPILE_ADDRESS_MAX: Final = 0x1FF
"""Addresses up to here are the chain's own code (EIP-7587), not deployed contracts."""
REVERT_REASON_CHARACTERS_MAX: Final = 300

TRANSFER: Final = "0x" + keccak(b"Transfer(address,address,uint256)").hex()
APPROVAL: Final = "0x" + keccak(b"Approval(address,address,uint256)").hex()
APPROVAL_FOR_ALL: Final = "0x" + keccak(b"ApprovalForAll(address,address,bool)").hex()
DEPOSIT: Final = "0x" + keccak(b"Deposit(address,uint256)").hex()
WITHDRAWAL: Final = "0x" + keccak(b"Withdrawal(address,uint256)").hex()

_ERROR_SELECTOR: Final = keccak(b"Error(string)")[:4]
_PANIC_SELECTOR: Final = keccak(b"Panic(uint256)")[:4]
_CREATIONS: Final = frozenset({"CREATE", "CREATE2"})
_VALUE_MOVES: Final = frozenset({"CALL", "SELFDESTRUCT"}) | _CREATIONS


class DelegateCall(Record):
    """Foreign code that ran with a contract's own storage and money."""

    contract: Address
    code: Address


class Effects(Record):
    """The effects of a transaction on the chain, without the payment for its gas. Amounts in base units, gains positive."""

    ok: bool
    revert_reason: Text | None
    gas_used: BaseUnits
    balance_changes: tuple[BalanceChange, ...]
    """Sorted by account and token; none is zero."""
    allowances: tuple[AllowanceGranted, ...]
    """Those that are left behind; one that ends at zero is not granted."""
    touched: tuple[Address, ...]
    """Every account that was called, read or created, in the order of first use, also where it failed."""
    delegate_calls: tuple[DelegateCall, ...]
    self_destructs: tuple[Address, ...]
    creations: tuple[Address, ...]

    @property
    def unlimited_allowances(self) -> tuple[AllowanceGranted, ...]:
        """Return the allowances that no holding can exhaust."""
        return tuple(each for each in self.allowances if each.amount >= UNLIMITED_AMOUNT_MIN)

    def change(self, account: str, token: str | None) -> int:
        """Return what `account` gains of `token` (None: the native asset), in base units."""
        return sum(each.change for each in self.balance_changes if (each.account, each.token) == (account, token))


class _Frame(NamedTuple):
    kind: str
    caller: str
    target: str
    value: int
    live: bool
    """Neither this frame nor one above it failed."""


class _Tally:
    """Balances, allowances and sightings as the frames go by."""

    def __init__(self, wrapped_native: Collection[str]) -> None:
        self.wrapped_native = wrapped_native
        self.changes: defaultdict[tuple[str, str], int] = defaultdict(int)
        self.allowances: dict[tuple[str, str, str], int] = {}
        self.touched: dict[str, None] = {}
        self.delegate_calls: dict[DelegateCall, None] = {}
        self.self_destructs: dict[str, None] = {}
        self.creations: dict[str, None] = {}

    def frame(self, frame: _Frame) -> None:
        """Take in one call, creation or self-destruction."""
        if int(frame.target, 16) > PRECOMPILE_ADDRESS_MAX:
            self.touched[frame.target] = None
        if frame.kind in {"DELEGATECALL", "CALLCODE"}:
            self.delegate_calls[DelegateCall(contract=frame.caller, code=frame.target)] = None
        if not frame.live:
            return
        if frame.kind in _CREATIONS:
            self.creations[frame.target] = None
        if frame.kind == "SELFDESTRUCT":
            self.self_destructs[frame.caller] = None
        if frame.kind in _VALUE_MOVES:
            self._move("", frame.caller, -frame.value)
            self._move("", frame.target, frame.value)

    def log(self, log: Log) -> None:
        """Take in one log that was not undone."""
        match log.topics:
            case (topic, sender, receiver) if topic == TRANSFER:
                self._move(log.address, _account(sender), -_number(log))
                self._move(log.address, _account(receiver), _number(log))
            case (topic, owner, spender) if topic == APPROVAL:
                self.allowances[log.address, _account(owner), _account(spender)] = _number(log)
            case (topic, owner, operator) if topic == APPROVAL_FOR_ALL:
                granted = UINT256_MAX if _number(log) else 0
                self.allowances[log.address, _account(owner), _account(operator)] = granted
            case (topic, account) if topic == DEPOSIT and log.address in self.wrapped_native:
                self._move(log.address, _account(account), _number(log))
            case (topic, account) if topic == WITHDRAWAL and log.address in self.wrapped_native:
                self._move(log.address, _account(account), -_number(log))
            case _:
                pass

    def _move(self, token: str, account: str, amount: int) -> None:
        self.changes[account, token] += amount


def effects(trace: JsonValue, *, wrapped_native: Collection[str] = ()) -> Effects:
    """Return the effects of a callTracer result. `wrapped_native`: checksummed addresses of WETH9-like tokens.

    Raises AnswerUnreadable when the trace is not of callTracer's form.
    """
    root = answers.mapping(trace)
    tally = _Tally(wrapped_native)
    for seen in _walk(root):
        if isinstance(seen, _Frame):
            tally.frame(seen)
        else:
            tally.log(seen)
    failed = "error" in root
    return Effects(
        ok=not failed,
        revert_reason=_revert_reason(root) if failed else None,
        gas_used=answers.quantity(root.get("gasUsed")),
        balance_changes=tuple(
            BalanceChange(token=token or None, account=account, change=amount)
            for (account, token), amount in sorted(tally.changes.items())
            if amount
        ),
        allowances=tuple(
            AllowanceGranted(token=token, owner=owner, spender=spender, amount=amount)
            for (token, owner, spender), amount in tally.allowances.items()
            if amount
        ),
        touched=tuple(tally.touched),
        delegate_calls=tuple(tally.delegate_calls),
        self_destructs=tuple(tally.self_destructs),
        creations=tuple(tally.creations),
    )


def _walk(root: Mapping[str, JsonValue]) -> Iterator[_Frame | Log]:
    """Yield frames, and the logs that stand, in the order in which they happened. No recursion: calls nest 1,024 deep."""
    waiting: list[tuple[Mapping[str, JsonValue], bool] | Log] = [(root, True)]
    while waiting:
        item = waiting.pop()
        if isinstance(item, Log):
            yield item
            continue
        fields, above_live = item
        live = above_live and "error" not in fields
        yield _frame(fields, live=live)
        waiting.extend(reversed(_inside(fields, live=live)))


def _inside(fields: Mapping[str, JsonValue], *, live: bool) -> list[tuple[Mapping[str, JsonValue], bool] | Log]:
    """Return a frame's calls and logs, interleaved: a log's `position` is the number of calls before it."""
    calls = _entries(fields, "calls")
    logs_before: defaultdict[int, list[Log]] = defaultdict(list)
    for entry in _entries(fields, "logs") if live else []:
        position = answers.quantity(answers.mapping(entry).get("position", "0x0"))
        logs_before[min(position, len(calls))].append(answers.log(entry))
    inside: list[tuple[Mapping[str, JsonValue], bool] | Log] = []
    for number, call in enumerate(calls):
        inside += logs_before[number]
        inside.append((answers.mapping(call), live))
    return inside + logs_before[len(calls)]


def _entries(fields: Mapping[str, JsonValue], name: str) -> list[JsonValue]:
    """Return a list that nodes leave out when it is empty."""
    entries = fields.get(name)
    return [] if entries is None else answers.array(entries)


def _frame(fields: Mapping[str, JsonValue], *, live: bool) -> _Frame:
    kind = fields.get("type")
    if not isinstance(kind, str):
        raise AnswerUnreadable("a frame without a type")
    caller = answers.address(fields.get("from"))
    # A creation that failed has no address; it is laid to its creator.
    target = answers.address(fields["to"]) if fields.get("to") is not None else caller
    return _Frame(kind, caller, target, answers.quantity(fields.get("value") or "0x0"), live)


def _account(topic: str) -> str:
    return checksummed("0x" + topic[-40:])


def _number(log: Log) -> int:
    # A token may log anything; what is no single word counts as nothing moved.
    return int.from_bytes(log.data, "big") if len(log.data) == 32 else 0  # noqa: PLR2004 - an ABI word


def _revert_reason(root: Mapping[str, JsonValue]) -> str:
    """Return the contract's message as text that fits an event. The contract's author wrote it: do not trust it."""
    output = answers.octets(root.get("output") or "0x")
    reason = str(root.get("error"))
    try:
        if output[:4] == _ERROR_SELECTOR:
            reason = str(abi_decode(["string"], output[4:])[0])
        elif output[:4] == _PANIC_SELECTOR:
            reason = f"Panic(0x{abi_decode(['uint256'], output[4:])[0]:02x})"
        elif output:
            reason = f"custom error 0x{output[:4].hex()}"
    except (DecodingError, UnicodeDecodeError, OverflowError):
        reason = f"unreadable revert data 0x{output[:4].hex()}"
    return reason[:REVERT_REASON_CHARACTERS_MAX]
