"""Encodes and decodes values in contracts' own form (Solidity ABI specification), by `eth_abi`, imported at the first use.

Importing the library takes 0.1 s, since it brings a parser of grammars; most processes never read a contract's call. This
module raises errors of its own, so that a caller need not import the library to name them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class DecodingError(ValueError):
    """Bytes that are no values of the types."""


class EncodingError(ValueError):
    """Values that do not fit the types."""


def encode(types: Sequence[str], values: Sequence[Any]) -> bytes:
    """Return the values' bytes.

    Raises:
        EncodingError: a value does not fit its type.
    """
    from eth_abi.abi import encode as library_encode  # noqa: PLC0415 - see above
    from eth_abi.exceptions import EncodingError as LibraryError  # noqa: PLC0415 - see above

    try:
        return library_encode(types, values)
    except LibraryError as error:
        raise EncodingError(str(error)) from error


def decode(types: Sequence[str], content: bytes) -> tuple[Any, ...]:
    """Return the values in `content`.

    Raises:
        DecodingError: it does not hold values of these types.
        UnicodeDecodeError, OverflowError: as the library does of texts that are not UTF-8 and of sizes beyond all bounds.
    """
    from eth_abi.abi import decode as library_decode  # noqa: PLC0415 - see above
    from eth_abi.exceptions import DecodingError as LibraryError  # noqa: PLC0415 - see above

    try:
        return tuple(library_decode(types, content))
    except LibraryError as error:
        raise DecodingError(str(error)) from error
