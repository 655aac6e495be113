"""Compares the contract at a Safe's address with governance's Safe, and reads its next nonce.

Decides that it must be a proxy of the real Safe 1.4.1 with exactly the owners and the threshold that governance names, and
nothing that acts without them: no module (it may move everything), no guard (it may stop everything), no fallback handler but
Safe's own (it may speak for the Safe by EIP-1271). Code is known by its hash.
Sources: Safe 1.4.1: Safe.sol, ModuleManager.sol, GuardManager.sol, FallbackManager.sol.
Leaves out whether the node tells the truth.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from eth_hash.auto import keccak

from infra.ethereum import answers
from infra.ethereum.abi import DecodingError
from infra.ethereum.abi import decode as abi_decode
from infra.ethereum.addresses import checksummed
from infra.ethereum.answers import AnswerUnreadable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic import JsonValue

    from infra.chain.node import Node
    from infra.ethereum.answers import BlockHeader
    from schemas.keys import SafeAccount
    from schemas.values import Address

PROXY_CODE: Final = "d7d408ebcd99b2b70be43e20253d6d92a8ea8fab29bd3be7f55b10032331fb4c"
SINGLETON_CODES: Final = frozenset(
    {
        "1fe2df852ba3299d6534ef416eefa406e56ced995bca886ab7a553e6d0c5e1c4",
        "b1f926978a0f44a2c0ec8fe822418ae969bd8c3f18d61e5103100339894f81ff",
    }
)
"""Safe and SafeL2."""
FALLBACK_CODE: Final = "7c6007a5d711cea8dfd5d91f5940ec29c7f200fe511eb1fc1397b367af3c42f9"
"""CompatibilityFallbackHandler: it asks the owners."""
SINGLETON_SLOT: Final = "0x" + "00" * 32
GUARD_SLOT: Final = "0x" + keccak(b"guard_manager.guard.address").hex()
FALLBACK_SLOT: Final = "0x" + keccak(b"fallback_manager.handler.address").hex()
THRESHOLD_SLOT: Final = "0x" + (4).to_bytes(32, "big").hex()
"""The fifth slot of SafeStorage: singleton, modules, owners, ownerCount, threshold."""
FIRST_MODULE: Final = keccak(b"getModulesPaginated(address,uint256)")[:4] + 2 * (1).to_bytes(32, "big")
"""From the list's own first entry, address 1, one module."""
_NOWHERE: Final = "0x" + "00" * 20


@dataclass(frozen=True, slots=True)
class SafeStanding:
    """A Safe at one block: its next nonce, and why nothing may be done with it; no reason when it is as it should be."""

    nonce: int
    reason: str | None


def standing_of(node: Node, safe: Address, meant: SafeAccount, at: BlockHeader) -> SafeStanding:
    """Return how the Safe stands. Raises NodeUnavailable, NodeRefused, AnswerUnreadable."""
    code, slots = _code(node, safe, at), _slots(node, safe, at)
    if code != PROXY_CODE or _code(node, slots[0], at) not in SINGLETON_CODES:
        return SafeStanding(0, f"there is no Safe 1.4.1 at {safe}")
    return _standing(node, safe, meant, at, slots[1:])


def _standing(node: Node, safe: Address, meant: SafeAccount, at: BlockHeader, held: list[Address]) -> SafeStanding:
    guard, fallback = held
    calls = [keccak(f"{name}()".encode())[:4] for name in ("nonce", "getThreshold", "getOwners")]
    try:
        (nonce,), (threshold,), (owners,), (modules, _) = (
            abi_decode(types, answer)
            for types, answer in zip(
                (("uint256",), ("uint256",), ("address[]",), ("address[]", "address")),
                _called(node, safe, [*calls, FIRST_MODULE], at),
                strict=True,
            )
        )
    except DecodingError as error:
        raise AnswerUnreadable(f"the Safe at {safe} answered what no Safe does: {error}") from error
    reason = None
    if {checksummed(owner) for owner in owners} != {owner.address for owner in meant.owners}:
        reason = f"the Safe's owners on the chain are not those of governance: {', '.join(map(checksummed, owners))}"
    elif threshold != meant.threshold:
        reason = f"{threshold} of the Safe's owners must sign on the chain, {meant.threshold} by governance"
    elif modules:
        reason = f"module {checksummed(modules[0])} may move everything without the Safe's owners"
    elif guard != _NOWHERE:
        reason = f"guard {guard} may stop whatever the Safe's owners sign"
    elif fallback != _NOWHERE and _code(node, fallback, at) != FALLBACK_CODE:
        reason = f"fallback handler {fallback} may speak for the Safe without its owners"
    return SafeStanding(nonce, reason)


def _code(node: Node, address: Address, at: BlockHeader) -> str:
    return keccak(node.code(address, at)).hex()


def _slots(node: Node, safe: Address, at: BlockHeader) -> list[Address]:
    """Return the addresses of singleton, guard and fallback handler."""
    slots = (SINGLETON_SLOT, GUARD_SLOT, FALLBACK_SLOT)
    words = node.rpc.batch([("eth_getStorageAt", (safe, slot, _at(at))) for slot in slots])
    return [checksummed(answers.octets(word)[-20:].rjust(20, b"\0")) for word in words]


def _called(node: Node, safe: Address, calls: list[bytes], at: BlockHeader) -> list[bytes]:
    asked: list[tuple[str, Sequence[JsonValue]]] = [
        ("eth_call", ({"to": safe, "data": "0x" + call.hex()}, _at(at))) for call in calls
    ]
    return [answers.octets(answer) for answer in node.rpc.batch(asked)]


def _at(block: BlockHeader) -> JsonValue:
    return {"blockHash": block.hash}
