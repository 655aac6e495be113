"""A contract call that somebody spells out: the function's signature and its arguments as text, to bytes and strictly back.

A text has one meaning or is refused: a type is named as the Solidity ABI specification (5 November 2024) names it in a
selector, an address carries its checksum (ERC-55), an integer has no sign or zeros it does not need, bytes are lowercase. So
the same arguments have the same text, and a signature of the text is one of the bytes. Leaves out arrays and tuples, and which
functions may be called at all.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from eth_hash.auto import keccak

from infra.ethereum.abi import DecodingError, EncodingError
from infra.ethereum.abi import decode as abi_decode
from infra.ethereum.abi import encode as abi_encode
from infra.ethereum.addresses import checksummed, is_checksummed
from infra.ethereum.calldata import SELECTOR_BYTES, MalformedCalldata

_SIGNATURE: Final = re.compile(r"(?P<name>[A-Za-z_$][A-Za-z0-9_$]{0,99})\((?P<types>[a-z0-9,]*)\)")
_INTEGER: Final = re.compile(r"0|-?[1-9][0-9]{0,77}")
_OCTETS: Final = re.compile(r"0x(?:[0-9a-f]{2})*")
_BITS: Final = range(8, 257, 8)
_TYPES: Final = frozenset({
    *("address", "bool", "bytes", "string"),
    *(f"bytes{size}" for size in range(1, 33)),
    *(f"{sign}int{bits}" for sign in ("", "u") for bits in _BITS),
})  # fmt: skip


def encode(signature: str, arguments: Sequence[str]) -> bytes:
    """Return the calldata. Raises MalformedCalldata for what is not in its one form, or not as many arguments as it takes."""
    types = types_of(signature)
    if len(types) != len(arguments):
        raise MalformedCalldata(f"{signature} takes {len(types)} arguments, not {len(arguments)}")
    values = [_value(kind, text) for kind, text in zip(types, arguments, strict=True)]
    try:
        return selector(signature) + abi_encode(types, values)
    except (EncodingError, UnicodeEncodeError) as error:
        raise MalformedCalldata(str(error)) from error


def decode(signature: str, calldata: bytes) -> list[str]:
    """Return the one list of arguments that encodes to exactly these bytes. Raises MalformedCalldata when there is none."""
    types = types_of(signature)
    if calldata[:SELECTOR_BYTES] != selector(signature):
        raise MalformedCalldata(f"the bytes do not call {signature}")
    try:
        values = abi_decode(types, calldata[SELECTOR_BYTES:])
    except (DecodingError, UnicodeDecodeError, OverflowError) as error:
        raise MalformedCalldata(str(error)) from error
    arguments = [_text(kind, value) for kind, value in zip(types, values, strict=True)]
    if encode(signature, arguments) != calldata:
        raise MalformedCalldata(f"the arguments of {signature} are not in their canonical form")
    return arguments


def selector(signature: str) -> bytes:
    """Return the four bytes by which a contract knows the function."""
    return keccak(signature.encode())[:SELECTOR_BYTES]


def types_of(signature: str) -> list[str]:
    """Return the types of the arguments. Raises MalformedCalldata for what is no signature, or has types we do not spell."""
    read = _SIGNATURE.fullmatch(signature)
    if read is None:
        raise MalformedCalldata(f"not a function's signature, such as claim(address,uint256): {signature:.100}")
    types = read["types"].split(",") if read["types"] else []
    for kind in types:
        if kind not in _TYPES:
            raise MalformedCalldata(f"{kind or 'an empty type'} in {signature:.100} is no type that can be spelled")
    return types


def _value(kind: str, text: str) -> Any:
    """Return what the text stands for."""
    if kind == "string":
        return text
    if kind == "bool" and text in {"true", "false"}:
        return text == "true"
    if kind == "address" and is_checksummed(text):
        return text
    if kind.startswith("bytes") and _OCTETS.fullmatch(text):
        octets = bytes.fromhex(text[2:])
        if kind in {"bytes", f"bytes{len(octets)}"}:
            return octets
    if kind.lstrip("u").startswith("int") and _INTEGER.fullmatch(text):
        return int(text)
    raise MalformedCalldata(f"not {kind} in its one form: {text:.100}")


def _text(kind: str, value: Any) -> str:
    """Return the one text of a value that was decoded."""
    if kind == "bool":
        return "true" if value else "false"
    if kind == "address":
        return checksummed(value)
    return f"0x{value.hex()}" if isinstance(value, bytes) else str(value)
