"""One example of every record, derived from its model: what golden bytes are made of, and what tests start from."""

from __future__ import annotations

import types
import typing
from decimal import Decimal
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from schemas import values
from schemas.values import Record

_ADDRESS: Final = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
_BY_ALIAS: Final[tuple[tuple[Any, Any], ...]] = (
    (values.BaseUnits, 1_000_000_000_000),
    (values.SignedBaseUnits, -1_000_000_000_000),
    (values.Amount, Decimal("1000000.5")),
    (values.AmountOrNothing, Decimal("1000000.5")),
    (values.Usd, Decimal("1000000.500000")),
    (values.Instant, 1_760_000_000_000_000),
    (values.Address, _ADDRESS),
    (values.Slug, "treasury-1"),
    (values.AssetId, "USDC"),
    (values.Uuid, "0b9f4f0e-5b0c-5d3f-9c7e-2f1f3f0a9d11"),
    (values.Sha256, "ab" * 32),
    (values.Hash32, "0x" + "cd" * 32),
    (values.HexBytes, "0x02ef"),
    (values.Base64Url, "AQID"),
    (values.Text, "as agreed"),
)


_SIMPLE: Final[dict[Any, Any]] = {str: "example", int: 7, bool: True}

R = typing.TypeVar("R", bound=Record)


def example(record_type: type[R]) -> R:
    """A valid record of `record_type`, the same at every call; of a union, its first member."""
    hints = typing.get_type_hints(record_type, include_extras=True)
    return record_type(**{name: _value(hints[name], field) for name, field in record_type.model_fields.items()})


def _value(hint: Any, field: FieldInfo | None = None) -> Any:
    for alias, value in _BY_ALIAS:
        if hint == alias:
            return value
    origin = get_origin(hint)
    if origin is Annotated:
        return _constrained(hint)
    if origin in (Union, types.UnionType):
        return _value(next(member for member in get_args(hint) if member is not type(None)))
    if origin is list:
        return [_value(get_args(hint)[0])] * _items_min(field)
    if origin is Literal:
        return str(get_args(hint)[0])
    return example(hint) if isinstance(hint, type) and issubclass(hint, Record) else _SIMPLE[hint]


def _constrained(hint: Any) -> Any:
    """A value within the bounds of an annotated type that has no alias of its own."""
    base, *annotations = get_args(hint)
    bounds = FieldInfo.from_annotation(hint)
    if base is int:
        lowest = [getattr(m, "ge", 0) for m in bounds.metadata if getattr(m, "ge", None) is not None]
        return max(1, *lowest) if lowest else 7
    return _value(base, bounds) if annotations else _value(base)


def _items_min(field: FieldInfo | None) -> int:
    if field is None:
        return 1
    return max(1, *(int(getattr(m, "min_length", None) or 1) for m in field.metadata), 1)
