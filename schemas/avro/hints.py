"""Reads a model's type hints and a schema's unions for the encoder and the decoder, which walk through both."""

from __future__ import annotations

import types
from typing import Annotated, Any, Union, get_args, get_origin

from schemas.avro.declaration import UnmappedType


def bare(hint: Any) -> Any:
    """A hint without its annotations; of one type beside null, that type."""
    while get_origin(hint) is Annotated:
        hint = get_args(hint)[0]
    found = members(hint)
    return found[0] if get_origin(hint) in (Union, types.UnionType) and len(found) == 1 else hint


def members(union: Any) -> list[Any]:
    """What a union is of, but for null."""
    return [member for member in get_args(union) if member is not types.NoneType]


def present(union: list[Any]) -> Any:
    """Of a schema's union, what may stand where null may, too.

    Raises:
        UnmappedType: it is of more than null and one other.
    """
    if len(union) != 2 or union[0] != "null":  # noqa: PLR2004 - null and one other
        raise UnmappedType(f"no form for a union of {union}")
    return union[1]
