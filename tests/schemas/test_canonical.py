"""Signed text is RFC 8785 to the byte, for any content."""

from __future__ import annotations

from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from schemas.canonical import canonical_bytes, canonical_json
from schemas.examples import example
from schemas.topics import TOPICS
from schemas.values import Record

NAMES = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)


@given(VALUES)
def test_any_content_of_a_record_is_written_as_rfc_8785_asks(content: Any) -> None:
    assert canonical_json(content) == rfc8785.dumps(content)


@pytest.mark.parametrize("text", ["\x00\x1f\x7f\x80", "\u2028\u2029", '"\\/\b\f\n\r\t', "€ 𝄞 \ufb33", "</script>"])
def test_the_texts_that_encoders_differ_over(text: str) -> None:
    assert canonical_json({"b": text, "a": text}) == rfc8785.dumps({"b": text, "a": text})


@pytest.mark.parametrize("record", [t.record for t in TOPICS.values() if t.record is not None])
def test_every_record_is_written_so(record: type[Record]) -> None:
    content = example(record)
    assert canonical_bytes(content) == rfc8785.dumps(content.model_dump(mode="json", exclude_none=True))


def test_half_a_surrogate_pair_is_no_text() -> None:
    with pytest.raises(UnicodeEncodeError):
        canonical_json("\ud800")
