"""Keeps large, constant parts of a state as pages: a snapshot writes each page once.

A decider puts a `Page` anywhere in its state, as a value. The state's JSON holds the page's name; its content is a record of
its own on the snapshots topic, keyed by the name, written when the page first occurs in a snapshot and deleted (a tombstone)
when it no longer occurs. A page's name is the hash of its content, so none can be mistaken for another, and a restored state
holds the very same pages.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from pydantic import GetCoreSchemaHandler, SerializationInfo, ValidationInfo
from pydantic_core import core_schema

PAGE_BYTES_MAX: Final = 500_000
"""Half of what one Kafka record may hold."""


class PageTooLarge(Exception):
    """A decider made a page that is too large to be written: a bug."""


@dataclass(frozen=True)
class Page:
    """Bytes that never change."""

    content: bytes

    def __post_init__(self) -> None:
        if len(self.content) > PAGE_BYTES_MAX:
            raise PageTooLarge(f"{len(self.content)} bytes; a page may hold {PAGE_BYTES_MAX}")

    @cached_property
    def name(self) -> str:
        """Return the SHA-256 of the content, lowercase hex."""
        return hashlib.sha256(self.content).hexdigest()

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        """JSON holds the name. Written pages are noted in the context; read pages are taken from it."""
        name = core_schema.str_schema(pattern="^[0-9a-f]{64}$")
        written = core_schema.plain_serializer_function_ser_schema(_note, info_arg=True, return_schema=core_schema.str_schema())
        return core_schema.with_info_after_validator_function(_found, name, serialization=written)


def _note(page: Page, info: SerializationInfo[dict[str, Page]]) -> str:
    if info.context is not None:
        info.context[page.name] = page
    return page.name


def _found(name: str, info: ValidationInfo[Mapping[str, Page]]) -> Page:
    page = (info.context or {}).get(name)
    if page is None:
        message = f"page {name} is not there"
        raise ValueError(message)
    return page


def cut(content: bytes) -> Iterator[Page]:
    """Return any content as pages."""
    for start in range(0, len(content), PAGE_BYTES_MAX):
        yield Page(content[start : start + PAGE_BYTES_MAX])


def joined(pages: Iterable[Page]) -> bytes:
    """Return the content of the pages, joined again."""
    return b"".join(page.content for page in pages)
