"""Reads a record straight from its Avro, by a decoder that is put together once per type of record.

It reads what `schemas.avro.encoding` writes, in the newest schema and in that form alone; whatever else Avro allows (arrays in
several blocks, lengths with leading zeros, older schemas) and whatever is wrong it leaves to the general decoder in
`schemas.wire`, which also says what is wrong. So all that matters here is that it gives nothing but what the general one
would give: each value goes through its field's own checks (the same pydantic types), and tests compare the two on every
record and on damaged bytes. Checks over a whole record would be passed over; a model that has any is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Annotated, Any, Final, get_args, get_origin

from pydantic import TypeAdapter
from pydantic.fields import FieldInfo

from schemas.avro.declaration import CHOICE, UnmappedType
from schemas.avro.hints import bare, members, present
from schemas.avro.remembering import Remembered
from schemas.values import Record, unchecked

Decoder = Callable[[bytes, int], tuple[Any, int]]
"""The value that begins at a place, and the place after it."""

_SHORT_MAX: Final = 0x80
"""From here on a number has more than one byte."""
_LONG_SHIFT_MAX: Final = 63
_NOTHING: Final = 0
_SOMETHING: Final = 2


class NotPlain(ValueError):
    """Not as our encoder writes it: the general decoder has to look."""


def decoder_of(record_type: type[Record], schema: Any) -> Decoder:
    """The decoder of a type of record whose Avro schema is `schema`.

    Raises:
        UnmappedType: the model does not fit the schema, or checks more than single fields.
    """
    return _Composition().of(schema, record_type)


def _number(value: bytes, place: int) -> tuple[int, int]:
    """A whole number (Avro 1.12 specification, "Binary Encoding")."""
    byte = value[place]
    if byte < _SHORT_MAX:
        return byte >> 1 ^ -(byte & 1), place + 1
    number = shift = 0
    while byte >= _SHORT_MAX:
        number |= (byte & 0x7F) << shift
        shift += 7
        place += 1
        byte = value[place]
    if shift > _LONG_SHIFT_MAX or (shift == _LONG_SHIFT_MAX and byte > 1):
        raise NotPlain
    number |= byte << shift
    return number >> 1 ^ -(number & 1), place + 1


def _size(value: bytes, place: int) -> tuple[int, int]:
    size, place = _number(value, place)
    if size < 0:
        raise NotPlain
    return size, place


@cache
def _check(hint: Any) -> Callable[[Any], Any]:
    return TypeAdapter(hint).validate_python


@cache
def _texts(hint: Any) -> Remembered[bytes, Any]:
    """What texts of one type mean, by their bytes: one memory for all fields of the type."""
    check = _check(hint)
    return Remembered(lambda encoded: check(encoded.decode()))


@cache
def _numbers(hint: Any) -> Remembered[int, Any]:
    return Remembered(_check(hint))


class _Composition:
    """One walk through a schema and the model beside it: a named type is written out where it first occurs."""

    def __init__(self) -> None:
        self._records: dict[str, Decoder] = {}

    def of(self, schema: Any, hint: Any) -> Decoder:
        if isinstance(schema, list):
            return _optional(self.of(present(schema), bare(hint)))
        kind = schema if isinstance(schema, str) else schema["type"]
        match kind:
            case "string":
                return _text(_texts(hint))
            case "long":
                return _long(_numbers(hint))
            case "boolean":
                return _boolean
            case "enum":
                return _constant(schema["symbols"][0])
            case _:
                return self._composed(kind, schema, hint)

    def _composed(self, kind: str, schema: Any, hint: Any) -> Decoder:
        match kind:
            case "array":
                return _array(self.of(schema["items"], get_args(bare(hint))[0]), hint)
            case "record":
                decode = self._choice(schema, bare(hint)) if schema.get(CHOICE) else self._record(schema, bare(hint))
                self._records[f"{schema['namespace']}.{schema['name']}"] = decode
                return decode
            case name:
                return self._records[name]

    def _record(self, schema: Any, record_type: type[Record]) -> Decoder:
        checks = record_type.__pydantic_decorators__
        if checks.model_validators or checks.field_validators or record_type.__pydantic_post_init__ is not None:
            raise UnmappedType(f"{record_type.__name__} checks more than single fields")
        model = record_type.model_fields
        hints = [(field["name"], field["type"], _hint(model[field["name"]])) for field in schema["fields"]]
        fields = [(name, _texts(hint) if of == "string" else None, self.of(of, hint)) for name, of, hint in hints]
        made = unchecked(record_type)

        def record(value: bytes, place: int) -> tuple[Any, int]:
            values: dict[str, Any] = {}
            for name, texts, decode in fields:
                # Most fields are short texts: they are read here, since a call would cost as much again.
                if texts is not None and (byte := value[place]) < _SHORT_MAX and not byte & 1:
                    begin = place + 1
                    place = begin + (byte >> 1)
                    values[name] = texts[value[begin:place]]
                else:
                    values[name], place = decode(value, place)
            return made(values), place

        return record

    def _choice(self, schema: Any, union: Any) -> Decoder:
        types_by_kind = {get_args(member.model_fields["kind"].annotation)[0]: member for member in members(union)}
        decoders = [self.of(present(field["type"]), types_by_kind[field["name"]]) for field in schema["fields"]]

        def chosen(value: bytes, place: int) -> tuple[Any, int]:
            found = None
            for decode in decoders:
                branch = value[place]
                place += 1
                if branch == _NOTHING:
                    continue
                if branch != _SOMETHING or found is not None:
                    raise NotPlain
                found, place = decode(value, place)
            if found is None:
                raise NotPlain
            return found, place

        return chosen


def _hint(field: FieldInfo) -> Any:
    """A field's type with all that is checked of it."""
    return Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation


def _text(texts: Remembered[bytes, Any]) -> Decoder:
    def text(value: bytes, place: int) -> tuple[Any, int]:
        byte = value[place]
        if byte < _SHORT_MAX and not byte & 1:
            begin = place + 1
            end = begin + (byte >> 1)
        else:
            size, begin = _size(value, place)
            end = begin + size
        return texts[value[begin:end]], end  # an end beyond the record's shows in the end: nothing comes after

    return text


def _long(numbers: Remembered[int, Any]) -> Decoder:
    def long(value: bytes, place: int) -> tuple[Any, int]:
        byte = value[place]
        if byte < _SHORT_MAX:
            return numbers[byte >> 1 ^ -(byte & 1)], place + 1
        number, place = _number(value, place)
        return numbers[number], place

    return long


def _boolean(value: bytes, place: int) -> tuple[bool, int]:
    byte = value[place]
    if byte > 1:
        raise NotPlain
    return byte == 1, place + 1


def _constant(symbol: str) -> Decoder:
    """An enum of one symbol."""

    def constant(value: bytes, place: int) -> tuple[str, int]:
        if value[place] != 0:
            raise NotPlain
        return symbol, place + 1

    return constant


def _optional(decode: Decoder) -> Decoder:
    def optional(value: bytes, place: int) -> tuple[Any, int]:
        branch = value[place]
        if branch == _NOTHING:
            return None, place + 1
        if branch != _SOMETHING:
            raise NotPlain
        return decode(value, place + 1)

    return optional


def _array(decode: Decoder, hint: Any) -> Decoder:
    """One block, as our encoder writes it, and a look at its length where the model asks for one."""
    bounds = get_args(hint)[1:] if get_origin(hint) is Annotated else ()
    check = _check(Annotated[(list[Any], *bounds)]) if bounds else None

    def array(value: bytes, place: int) -> tuple[Any, int]:
        found: list[Any] = []
        count, place = _size(value, place)
        if count:
            for _ in range(count):
                item, place = decode(value, place)
                found.append(item)
            if value[place] != _NOTHING:
                raise NotPlain
            place += 1
        return found if check is None else check(found), place

    return array
