"""The contract calls that this firm makes, to bytes and strictly back. Pure.

Calldata is accepted only if encoding the decoded call gives the same bytes: trailing bytes, dirty upper bits and numbers that
do not fit are refused, as is every selector that is not listed here. Sources: the Solidity ABI specification (5 November 2024);
EIP-20; ERC-4626; Uniswap v3-periphery 1.4.4 ISwapRouter. All arguments are static, so there are no offsets to play with. Leaves
out the call's purpose: the caller compares the call with the order.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import Any, ClassVar, Final

from eth_hash.auto import keccak

from infra.ethereum.abi import DecodingError, EncodingError
from infra.ethereum.abi import decode as abi_decode
from infra.ethereum.abi import encode as abi_encode
from infra.ethereum.addresses import checksummed, is_checksummed

SELECTOR_BYTES: Final = 4
WORD_BYTES: Final = 32


class CalldataRefused(Exception):
    """Bytes or arguments that are none of our calls."""


class UnknownSelector(CalldataRefused):
    """The function is not one that we call."""

    def __init__(self, selector: bytes) -> None:
        """Give the selector."""
        super().__init__(f"function 0x{selector.hex()} is not one that this firm calls")


class MalformedCalldata(CalldataRefused):
    """The function is ours, the arguments are not in their one canonical form."""


@dataclass(frozen=True, slots=True)
class Transfer:
    """ERC-20 `transfer`: move `amount` base units to `to`."""

    SIGNATURE: ClassVar[str] = "transfer(address,uint256)"
    TYPES: ClassVar[tuple[str, ...]] = ("address", "uint256")
    to: str
    amount: int


@dataclass(frozen=True, slots=True)
class Approve:
    """ERC-20 `approve`: let `spender` draw up to `amount` base units."""

    SIGNATURE: ClassVar[str] = "approve(address,uint256)"
    TYPES: ClassVar[tuple[str, ...]] = ("address", "uint256")
    spender: str
    amount: int


@dataclass(frozen=True, slots=True)
class ExactInputSingle:
    """Uniswap v3 SwapRouter `exactInputSingle`: give `amount_in` of one token for at least `amount_out_minimum` of another.

    `fee` in hundredths of a basis point, `deadline` in seconds since the epoch, amounts in base units,
    `sqrt_price_limit_x96` 0 for none.
    """

    SIGNATURE: ClassVar[str] = "exactInputSingle((address,address,uint24,address,uint256,uint256,uint256,uint160))"
    TYPES: ClassVar[tuple[str, ...]] = (
        "address",
        "address",
        "uint24",
        "address",
        "uint256",
        "uint256",
        "uint256",
        "uint160",
    )
    token_in: str
    token_out: str
    fee: int
    recipient: str
    deadline: int
    amount_in: int
    amount_out_minimum: int
    sqrt_price_limit_x96: int


@dataclass(frozen=True, slots=True)
class Deposit:
    """ERC-4626 `deposit`: give the vault `assets` base units of its asset; the shares for them are `receiver`'s."""

    SIGNATURE: ClassVar[str] = "deposit(uint256,address)"
    TYPES: ClassVar[tuple[str, ...]] = ("uint256", "address")
    assets: int
    receiver: str


@dataclass(frozen=True, slots=True)
class Withdraw:
    """ERC-4626 `withdraw`: `receiver` gets `assets` base units from the vault, for as many of `owner`'s shares as it takes."""

    SIGNATURE: ClassVar[str] = "withdraw(uint256,address,address)"
    TYPES: ClassVar[tuple[str, ...]] = ("uint256", "address", "address")
    assets: int
    receiver: str
    owner: str


Call = Transfer | Approve | ExactInputSingle | Deposit | Withdraw
CALLS: Final[tuple[type[Call], ...]] = (Transfer, Approve, ExactInputSingle, Deposit, Withdraw)
_SELECTORS: Final = {call: keccak(call.SIGNATURE.encode())[:SELECTOR_BYTES] for call in CALLS}
_BY_SELECTOR: Final = {selector: call for call, selector in _SELECTORS.items()}


def encode(call: Call) -> bytes:
    """Return the calldata. Raises MalformedCalldata for an address without its checksum or a number out of range."""
    arguments = astuple(call)
    for kind, argument in zip(call.TYPES, arguments, strict=True):
        if kind == "address" and not is_checksummed(argument):
            raise MalformedCalldata(f"not a checksummed address: {argument!r:.60}")
    try:
        return _SELECTORS[type(call)] + abi_encode(call.TYPES, arguments)
    except EncodingError as error:
        raise MalformedCalldata(str(error)) from error


def decode(calldata: bytes) -> Call:
    """Return the one call that encodes to exactly these bytes. Raises UnknownSelector, MalformedCalldata."""
    selector = calldata[:SELECTOR_BYTES]
    kind = _BY_SELECTOR.get(selector)
    if kind is None:
        raise UnknownSelector(selector)
    expected = SELECTOR_BYTES + WORD_BYTES * len(kind.TYPES)
    if len(calldata) != expected:
        raise MalformedCalldata(f"{kind.SIGNATURE} takes {expected} bytes, not {len(calldata)}")
    try:
        values = abi_decode(kind.TYPES, calldata[SELECTOR_BYTES:])
    except DecodingError as error:
        raise MalformedCalldata(str(error)) from error
    arguments: list[Any] = [checksummed(bytes.fromhex(value[2:])) if isinstance(value, str) else value for value in values]
    call = kind(*arguments)
    if encode(call) != calldata:  # pragma: no cover - as long as eth_abi checks padding itself
        raise MalformedCalldata(f"{kind.SIGNATURE} is not in its canonical form")
    return call
