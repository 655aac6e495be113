"""A new Safe by the proxy factory: its address before it exists, and the call that creates it.

Sources: Safe 1.4.1 (`SafeProxyFactory.createProxyWithNonce`, `Safe.setup`), EIP-1014, safe-global/safe-deployments.
Decides that a Safe is set up with owners and threshold alone: no module, no fallback handler, no payment. Its address follows
from all of these, so people can agree to it before anything is sent.
Leaves out sending the call: that is an ordinary transaction of anybody's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from eth_abi.abi import decode as abi_decode
from eth_abi.abi import encode as abi_encode
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

if TYPE_CHECKING:
    from infra.chain.node import Node
    from schemas.keys import SafeAccount
    from schemas.values import Address

SETUP: Final = "setup(address[],uint256,address,bytes,address,address,uint256,address)"
CREATE: Final = "createProxyWithNonce(address,bytes,uint256)"
NOBODY: Final = "0x" + "00" * 20
SINGLETON: Final = "0x41675C099F32341bf84BFc5382aF534df5C7461a"
"""Safe 1.4.1 on every chain where its authors deployed it."""
SINGLETON_L2: Final = "0x29fcB43b46531BcA003ddC8FCB67FFE91900C762"
"""The same, with an event for every call."""
PROXY_FACTORY: Final = "0x4e1DCf7AD4e460CfD30791CCC4F9c8a4f820ec67"


@dataclass(frozen=True, slots=True)
class Creation:
    """A Safe that is to be: call `factory` with `data`, and it is at `address`."""

    address: Address
    factory: Address
    data: bytes


def creation(
    node: Node, safe: SafeAccount, salt: int, *, factory: Address = PROXY_FACTORY, singleton: Address = SINGLETON
) -> Creation:
    """Return how to create a Safe with the owners and the threshold of `safe`; another `salt` gives another Safe.

    Raises NodeUnavailable; NodeRefused, AnswerUnreadable or DecodingError where there is no such factory.
    """
    (code,) = abi_decode(("bytes",), node.call(factory, keccak(text="proxyCreationCode()")[:4]))
    setup = _selected(SETUP, [owner.address for owner in safe.owners], safe.threshold, NOBODY, b"", NOBODY, NOBODY, 0, NOBODY)
    init_code = code + abi_encode(("address",), (singleton,))
    salted = keccak(keccak(setup) + salt.to_bytes(32, "big"))
    address = keccak(b"\xff" + bytes.fromhex(factory[2:]) + salted + keccak(init_code))[-20:]
    return Creation(to_checksum_address(address), factory, _selected(CREATE, singleton, setup, salt))


def _selected(signature: str, *arguments: object) -> bytes:
    types = signature[signature.index("(") + 1 : -1].split(",")
    return keccak(text=signature)[:4] + abi_encode(types, arguments)
