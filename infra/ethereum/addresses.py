"""Checksummed addresses (EIP-55), remembered: a firm pays to few, and each checksum is a hash. Pure."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from eth_utils.address import is_checksum_address, to_checksum_address

ADDRESS_BYTES: Final = 20
REMEMBERED_MAX: Final = 4_096


@lru_cache(maxsize=REMEMBERED_MAX)
def is_checksummed(address: str) -> bool:
    """Whether it is an address with its checksum."""
    return bool(is_checksum_address(address))


@lru_cache(maxsize=REMEMBERED_MAX)
def checksummed(address: bytes) -> str:
    """Return the form with a checksum of an address's 20 bytes."""
    return str(to_checksum_address(address))
