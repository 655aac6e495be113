"""The values every command and event is made of, with their units and bounds.

Each value has one form outside Python, used alike in Avro, in JSON and in the canonical bytes that are signed:
amounts are decimal strings (no exponent, no float ever), addresses are EIP-55 checksummed, instants are integer
microseconds since the Unix epoch, SHA-256 digests are bare lowercase hex, chain bytes are 0x-prefixed hex.

Left out: what a value means for policy. `parse` errors here say what is malformed, never what is forbidden.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Annotated, Any, Final, TypeVar

from eth_hash.auto import keccak
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    PlainSerializer,
    WithJsonSchema,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from schemas.docstrings import field_docs

BASE_UNITS_MAX: Final = 2**256 - 1
AMOUNT_DIGITS_MAX: Final = 78
"""Digits of 2**256 - 1: an amount with more cannot be one of base units."""
USD_DECIMALS: Final = 6
USD_MAX: Final = Decimal(10) ** 15
"""One quadrillion dollars: more than this is a typing error in any unit."""
MICROS_PER_MS: Final = 1_000
MICROS_PER_SECOND: Final = 1_000_000
DAY_MICROS: Final = 86_400 * MICROS_PER_SECOND
TEXT_CHARACTERS_MAX: Final = 1_000
INSTANT_MICROS_MAX: Final = 253_402_300_799_999_999
"""The last microsecond of the year 9999 (RFC 3339's range)."""
BASIS_POINTS_MAX: Final = 10_000

_ZERO = Decimal(0)
_USD_UNIT = Decimal(1).scaleb(-USD_DECIMALS)
_PLAIN_DECIMAL = re.compile(r"(0|[1-9][0-9]{0,77})(\.[0-9]{1,77})?")
_PLAIN_INTEGER = re.compile(r"0|[1-9][0-9]{0,77}")
_SIGNED_INTEGER = re.compile(r"0|-?[1-9][0-9]{0,77}")


class Record(BaseModel):
    """A frozen value whose JSON form is its Avro form.

    Its validator is built when it is first used: a process uses a few of two hundred records, and building all of them was a
    sixth of its start. pydantic builds under a lock, so any thread may be the first.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """The JSON Schema, with a field's docstring as its description."""
        found = handler(schema)
        for name, field in handler.resolve_ref_schema(found).get("properties", {}).items():
            if name in (docs := field_docs(cls)):
                field.setdefault("description", docs[name])
        return found


R = TypeVar("R", bound=Record)


def unchecked(record_type: type[R]) -> Callable[[dict[str, Any]], R]:
    """Makes records of values that are known to be valid, all of them, in the model's order: nothing is checked or copied.

    As pydantic's own `model_construct`, without looking for what could be missing.
    """
    new, put, names = record_type.__new__, object.__setattr__, set(record_type.model_fields)

    def made(values: dict[str, Any]) -> R:
        record = new(record_type)
        put(record, "__dict__", values)
        put(record, "__pydantic_fields_set__", names)
        put(record, "__pydantic_extra__", None)
        put(record, "__pydantic_private__", None)
        return record

    return made


def _integer(pattern: re.Pattern[str], text: object) -> object:
    if isinstance(text, str):
        if not pattern.fullmatch(text):
            message = "must be an integer in plain decimal digits"
            raise ValueError(message)
        return int(text)
    if isinstance(text, bool) or not isinstance(text, int):
        message = "must be an integer or its decimal string"
        raise ValueError(message)  # noqa: TRY004 - pydantic reports a ValueError, a TypeError escapes it
    return text


def _plain_decimal(text: object) -> object:
    """A Decimal from plain digits; exponents, signs, floats, NaN and blanks are refused."""
    if isinstance(text, Decimal):
        return text or _ZERO  # nothing is nothing: a negative zero would be written with its sign
    if isinstance(text, int) and not isinstance(text, bool):
        return Decimal(text)
    if not isinstance(text, str) or not _PLAIN_DECIMAL.fullmatch(text):
        message = 'must be a decimal number in plain digits, as a string, such as "1000000.00"'
        raise ValueError(message)
    try:
        return Decimal(text)
    except InvalidOperation as error:  # pragma: no cover - the pattern admits nothing Decimal refuses
        raise ValueError(str(error)) from error


def plain(number: Decimal) -> str:
    """The digits of `number` without exponent and without trailing zeros: equal numbers have equal text."""
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def in_gwei(wei: int) -> str:
    """A price of gas for people, exactly."""
    return plain(Decimal(wei).scaleb(-9))


def in_ether(wei: int) -> str:
    """An amount of a chain's own asset for people, exactly. Up to 28 digits, which no fee has."""
    return plain(Decimal(wei).scaleb(-18))


def six_decimals(amount: Decimal) -> str:
    """US dollars as text with exactly six decimals."""
    return f"{amount:.{USD_DECIMALS}f}"


def _six_decimals_kept(amount: Decimal) -> Decimal:
    """Exactly six decimals, so that a value is the same before it is written and after it was read."""
    kept = amount.quantize(_USD_UNIT)
    if kept != amount:
        message = f"has more than {USD_DECIMALS} decimals"
        raise ValueError(message)
    return kept


@lru_cache(maxsize=65_536)
def _address(text: object) -> object:
    if not isinstance(text, str) or not re.fullmatch(r"0x[0-9a-fA-F]{40}", text):
        message = "must be an address: 0x and 40 hexadecimal digits"
        raise ValueError(message)
    if text != (right := checksummed(text)):
        message = (
            "has a wrong EIP-55 checksum, so it may be mistyped; check it at its source "
            f"(these digits would be written {right})"
        )
        raise ValueError(message)
    return text


def checksummed(address: str) -> str:
    """The address in EIP-55's form: a letter is upper case where the hash of the lower-case digits has 8 or more.

    Expects 0x and 40 hexadecimal digits. As `eth_utils.to_checksum_address`, whose import takes 0.13 s.
    """
    digits = address[2:].lower()
    hashed = keccak(digits.encode("ascii")).hex()
    return "0x" + "".join(digit.upper() if nibble >= "8" else digit for digit, nibble in zip(digits, hashed, strict=False))


def _json(kind: str, **schema: Any) -> WithJsonSchema:
    return WithJsonSchema({"type": kind, **schema})


BaseUnits = Annotated[
    int,
    BeforeValidator(lambda text: _integer(_PLAIN_INTEGER, text)),
    Field(ge=0, le=BASE_UNITS_MAX),
    PlainSerializer(str, return_type=str),
    _json("string", pattern=r"^(0|[1-9][0-9]{0,77})$"),
]
"""An unsigned 256-bit amount in an asset's smallest unit (wei, or 10^-6 USDC)."""

SignedBaseUnits = Annotated[
    int,
    BeforeValidator(lambda text: _integer(_SIGNED_INTEGER, text)),
    Field(ge=-BASE_UNITS_MAX, le=BASE_UNITS_MAX),
    PlainSerializer(str, return_type=str),
    _json("string", pattern=r"^(0|-?[1-9][0-9]{0,77})$"),
]
"""A change of balance in base units; negative is out."""

Amount = Annotated[
    Decimal,
    BeforeValidator(_plain_decimal),
    Field(gt=0, lt=Decimal(10) ** AMOUNT_DIGITS_MAX),
    AfterValidator(lambda amount: Decimal(plain(amount))),
    PlainSerializer(plain, return_type=str),
    _json("string", pattern=r"^(0|[1-9][0-9]*)(\.[0-9]+)?$"),
]
"""What a person asks for, in whole units of the asset (1000000.5 USDC). Precision is checked against the asset."""

AmountOrNothing = Annotated[
    Decimal,
    BeforeValidator(_plain_decimal),
    Field(ge=0, lt=Decimal(10) ** AMOUNT_DIGITS_MAX),
    AfterValidator(lambda amount: Decimal(plain(amount))),
    PlainSerializer(plain, return_type=str),
    _json("string", pattern=r"^(0|[1-9][0-9]*)(\.[0-9]+)?$"),
]
"""As `Amount`, or zero."""

Usd = Annotated[
    Decimal,
    BeforeValidator(_plain_decimal),
    Field(ge=0, le=USD_MAX),
    AfterValidator(_six_decimals_kept),
    PlainSerializer(six_decimals, return_type=str),
    _json("string", pattern=r"^[0-9]+\.[0-9]{6}$"),
]
"""US dollars, six decimals."""

Instant = Annotated[
    int,
    Field(ge=0, le=INSTANT_MICROS_MAX),
    _json("integer", avro={"type": "long", "logicalType": "timestamp-micros"}),
]
"""Microseconds since the Unix epoch, UTC."""

Address = Annotated[str, BeforeValidator(_address), _json("string", pattern="^0x[0-9a-fA-F]{40}$")]
"""An EIP-55 checksummed address."""

Slug = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
AssetId = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9.]{0,15}$")]
Uuid = Annotated[str, Field(pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$")]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Hash32 = Annotated[str, Field(pattern=r"^0x[0-9a-f]{64}$")]
HexBytes = Annotated[str, Field(pattern=r"^0x([0-9a-f]{2})*$")]
Base64Url = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]*$")]
Text = Annotated[str, Field(max_length=TEXT_CHARACTERS_MAX)]
BasisPoints = Annotated[int, Field(ge=0, le=BASIS_POINTS_MAX)]
"""Hundredths of a percent."""

DeskId = Slug
WalletId = Slug
PrincipalId = Slug
Role = Slug
OrderId = Uuid
CommandId = Uuid
