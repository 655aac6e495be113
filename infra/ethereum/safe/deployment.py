"""A new Safe by the proxy factory: its address before it exists, and the call that creates it. Pure.

Sources: Safe 1.4.1 (`SafeProxyFactory.createProxyWithNonce`, `Safe.setup`), EIP-1014, safe-global/safe-deployments. A Safe is
set up with owners and threshold alone: no module, no fallback handler, no payment. Its address follows from all of these, so
people can agree to it before anything is sent. Leaves out sending the call: any account can send it as an ordinary transaction
(`proofdesk safe plan` writes it as an order).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from eth_hash.auto import keccak

from infra.ethereum.abi import encode as abi_encode
from infra.ethereum.addresses import checksummed
from infra.ethereum.safe.proxy_code import PROXY_CREATION_CODE

if TYPE_CHECKING:
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
SALT_MAX: Final = 2**256 - 1


@dataclass(frozen=True, slots=True)
class Creation:
    """A Safe that is to be: call `CREATE` of `factory` with these arguments, and it is at `address`."""

    address: Address
    factory: Address
    singleton: Address
    setup: bytes
    salt: int

    @property
    def data(self) -> bytes:
        """Return the call's bytes."""
        return _selected(CREATE, self.singleton, self.setup, self.salt)

    @property
    def arguments(self) -> list[str]:
        """Return the call's arguments in the form of an order (`infra.ethereum.spelled_call`)."""
        return [self.singleton, f"0x{self.setup.hex()}", str(self.salt)]


def creation(safe: SafeAccount, salt: int, *, factory: Address = PROXY_FACTORY, singleton: Address = SINGLETON) -> Creation:
    """Return how to create a Safe with the owners and the threshold of `safe`; another `salt` gives another Safe.

    Raises:
        ValueError: the salt is no number of 256 bits.
    """
    if not 0 <= salt <= SALT_MAX:
        raise ValueError(f"a salt is 0 to 2^256 - 1, not {salt}")
    setup = _selected(SETUP, [owner.address for owner in safe.owners], safe.threshold, NOBODY, b"", NOBODY, NOBODY, 0, NOBODY)
    init_code = PROXY_CREATION_CODE + abi_encode(("address",), (singleton,))
    salted = keccak(keccak(setup) + salt.to_bytes(32, "big"))
    address = keccak(b"\xff" + bytes.fromhex(factory[2:]) + salted + keccak(init_code))[-20:]
    return Creation(checksummed(address), factory, singleton, setup, salt)


def _selected(signature: str, *arguments: object) -> bytes:
    types = signature[signature.index("(") + 1 : -1].split(",")
    return keccak(signature.encode())[:4] + abi_encode(types, arguments)
