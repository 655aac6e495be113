"""Checksummed addresses (EIP-55), remembered: a firm pays to few, and each checksum is a hash. Pure."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from schemas import values

ADDRESS_BYTES: Final = 20
REMEMBERED_MAX: Final = 4_096
_FORM: Final = re.compile("0x[0-9a-fA-F]{40}")


@lru_cache(maxsize=REMEMBERED_MAX)
def is_checksummed(address: str) -> bool:
    """Return True if `address` is an address with its checksum."""
    return _FORM.fullmatch(address) is not None and values.checksummed(address) == address


@lru_cache(maxsize=REMEMBERED_MAX)
def checksummed(address: bytes | str) -> str:
    """Return the form with a checksum of an address's 20 bytes, or of its text. Raises ValueError for what is neither."""
    text = address if isinstance(address, str) else f"0x{address.hex()}"
    if not _FORM.fullmatch(text):
        raise ValueError(f"no address: {address!r:.60}")
    return values.checksummed(text)
