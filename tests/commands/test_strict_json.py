"""JSON has one meaning, or is refused with the position of the fault."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commands.intake.faults import FAULTS_MAX
from commands.intake.strict_json import DEPTH_MAX, NotStrictJson, parse

TEXTS = st.text(st.characters(exclude_categories=["Cc", "Cs"]))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(min_value=-(10**77), max_value=10**77) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=20,
)


@given(VALUES)
def test_what_has_one_meaning_is_read_as_it_is(value: object) -> None:
    assert parse(json.dumps(value).encode()) == value
    assert parse(json.dumps(value, ensure_ascii=False, indent=1).encode()) == value


@pytest.mark.parametrize(
    ("content", "field", "words"),
    [
        (b"", "body", "is not JSON"),
        (b"{", "body", "is not JSON"),
        (b'{"a":1,}', "body", "is not JSON"),
        (b"{'a':1}", "body", "is not JSON"),
        (b"\xff", "body", "is not UTF-8 at byte 0"),
        (b"\xef\xbb\xbf{}", "body", "is not JSON"),
        (b'{"a":1}{"a":2}', "body", "is not JSON"),
        (b'{"a":{"b":1.5}}', "a.b", "1.5 is a floating-point number; write amounts as strings"),
        (b'{"a":[1e3]}', "a.0", "1e3 is a floating-point number"),
        (b'{"a":-0.0}', "a", "floating-point"),
        (b'{"a":NaN}', "a", "NaN is not a number"),
        (b'{"a":-Infinity}', "a", "-Infinity is not a number"),
        (b'{"a":1,"b":{"c":1,"c":2}}', "b.c", "stands twice"),
        (b'{"a":1,"\\u0061":2}', "a", "stands twice"),
        (b'{"a":"\\u0000"}', "a", "control character"),
        (b'{"a":"\\ud800"}', "a", "half of a surrogate pair"),
        (b'{"\\u0000":1}', "body", "a name with a control character"),
        (b'{"a":' + b"9" * 79 + b"}", "a", "79 digits"),
        (b'{"a":' + b"9" * 10_000 + b"}", "a", "10000 digits"),
        (b"[" * 20 + b"]" * 20, ".".join(["0"] * DEPTH_MAX), "nested more than"),
    ],
)
def test_what_could_be_read_in_two_ways_is_refused_where_it_stands(content: bytes, field: str, words: str) -> None:
    with pytest.raises(NotStrictJson) as refused:
        parse(content)

    assert [fault.field for fault in refused.value.faults] == [field]
    assert words in refused.value.faults[0].message


def test_nesting_that_exhausts_a_reader_is_a_fault_like_any_other() -> None:
    with pytest.raises(NotStrictJson, match="nested more than"):
        parse(b"[" * 30_000 + b"]" * 30_000)


def test_faults_are_shown_up_to_a_bound() -> None:
    with pytest.raises(NotStrictJson) as refused:
        parse(json.dumps([1.5] * 1_000).encode())

    assert len(refused.value.faults) == FAULTS_MAX


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    try:
        value = parse(content)
    except NotStrictJson:
        return
    assert parse(json.dumps(value).encode()) == value
