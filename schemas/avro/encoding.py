"""Writes a record's Avro straight from its attributes, by an encoder that is put together once per type of record.

The bytes are those of any Avro encoder that is given the record's JSON form (Avro 1.12 specification, "Binary Encoding");
tests hold them against fastavro's. A general encoder is many times slower here: it is given a copy of the record as
dictionaries and finds out at every value what it is. Most values of ours have been written before (addresses, roles, hashes of
policies, instants of one batch), so texts and numbers are remembered with their bytes, within a bound.
Left out: what no schema of ours has (floats, bytes, maps, unions of more than null and one other).
"""

from __future__ import annotations

from collections.abc import Callable
from operator import call, itemgetter
from typing import Annotated, Any, Final, Literal, get_args, get_origin, get_type_hints

from pydantic import PlainSerializer

from schemas.avro.declaration import CHOICE, UnmappedType
from schemas.avro.hints import bare, members, present
from schemas.avro.remembering import Remembered
from schemas.values import Record

LONG_BITS: Final = 64

Encoder = Callable[[Any], bytes]
"""A value's Avro bytes. Raises whatever a value that the model would have refused leads to."""

_NOTHING: Final = b"\x00"
"""Null, the end of an array, an empty one, and the first symbol of an enum."""
_SOMETHING: Final = b"\x02"
"""What stands before a value that could have been null."""


def encoder_of(record_type: type[Record], schema: Any) -> Encoder:
    """The encoder of a type of record whose Avro schema is `schema`.

    Raises:
        UnmappedType: the model does not fit the schema.
    """
    return _Composition().of(schema, record_type)


def long(number: int) -> bytes:
    """A whole number of 64 bits: zigzag, then seven bits a byte, the lowest first."""
    if not -(1 << LONG_BITS - 1) <= number < 1 << LONG_BITS - 1:
        message = f"{number} does not fit into {LONG_BITS} bits"
        raise OverflowError(message)
    rest = number << 1 ^ number >> LONG_BITS - 1
    encoded = bytearray()
    while rest > 0x7F:  # noqa: PLR2004 - the largest value of seven bits
        encoded.append(rest & 0x7F | 0x80)
        rest >>= 7
    encoded.append(rest)
    return bytes(encoded)


def text(characters: str) -> bytes:
    """UTF-8 with its length in bytes before it."""
    encoded = characters.encode()
    return long(len(encoded)) + encoded


_LONGS: Final = Remembered(long)
_TEXTS: Final = Remembered(text)
_SIMPLE: Final[dict[str, Encoder]] = {"long": _LONGS.__getitem__, "boolean": (b"\x00", b"\x01").__getitem__}


class _Composition:
    """One walk through a schema and the model beside it: a named type is written out where it first occurs."""

    def __init__(self) -> None:
        self._records: dict[str, Encoder] = {}

    def of(self, schema: Any, hint: Any) -> Encoder:
        if isinstance(schema, list):
            return _optional(self.of(present(schema), bare(hint)))
        kind = schema if isinstance(schema, str) else schema["type"]
        if kind == "string":
            return _text_of(hint)
        if kind in _SIMPLE:
            return _SIMPLE[kind]
        return self._composed(kind, schema, bare(hint))

    def _composed(self, kind: str, schema: Any, plain: Any) -> Encoder:
        match kind:
            case "enum":
                return {schema["symbols"][0]: _NOTHING}.__getitem__
            case "array":
                return _array(self.of(schema["items"], get_args(plain)[0]))
            case "record":
                encode = self._choice(schema, plain) if schema.get(CHOICE) else self._record(schema, plain)
                self._records[f"{schema['namespace']}.{schema['name']}"] = encode
                return encode
            case name:
                return self._records[name]

    def _record(self, schema: Any, record_type: type[Record]) -> Encoder:
        hints = get_type_hints(record_type, include_extras=True)
        encoders = [self.of(field["type"], hints[field["name"]]) for field in schema["fields"]]
        names = [field["name"] for field in schema["fields"]]
        if len(names) < 2:  # noqa: PLR2004 - one name alone gives a value instead of a tuple
            return lambda record: b"".join(encode(record.__dict__[name]) for name, encode in zip(names, encoders, strict=True))
        values = itemgetter(*names)
        return lambda record: b"".join(map(call, encoders, values(record.__dict__)))

    def _choice(self, schema: Any, union: Any) -> Encoder:
        """Null for every kind but the one that is there."""
        types_by_kind = {get_args(member.model_fields["kind"].annotation)[0]: member for member in members(union)}
        last = len(schema["fields"]) - 1
        parts: dict[str, tuple[bytes, Encoder, bytes]] = {}
        for place, field in enumerate(schema["fields"]):
            encode = self.of(present(field["type"]), types_by_kind[field["name"]])
            parts[field["name"]] = (_NOTHING * place + _SOMETHING, encode, _NOTHING * (last - place))

        def chosen(record: Any) -> bytes:
            before, encode, after = parts[record.kind]
            return before + encode(record) + after

        return chosen


def _text_of(hint: Any) -> Encoder:
    serialize = _serializer(hint)
    if serialize is not None:
        return Remembered(lambda value: text(serialize(value))).__getitem__
    if bare(hint) is not str and get_origin(bare(hint)) is not Literal:
        raise UnmappedType(f"{hint} is no text and says not how it becomes one")
    return _TEXTS.__getitem__


def _serializer(hint: Any) -> Callable[[Any], str] | None:
    """What turns a type's values into text, if anything must."""
    found = None
    while get_origin(hint) is Annotated:
        hint, *annotations = get_args(hint)
        found = next((each.func for each in annotations if isinstance(each, PlainSerializer)), found)
    return found  # type: ignore[return-value] # every serializer of ours takes a value and gives its text


def _optional(encode: Encoder) -> Encoder:
    return lambda value: _NOTHING if value is None else _SOMETHING + encode(value)


def _array(encode: Encoder) -> Encoder:
    """One block, as long as the array is."""

    def array(values: list[Any]) -> bytes:
        return _LONGS[len(values)] + b"".join(map(encode, values)) + _NOTHING if values else _NOTHING

    return array
