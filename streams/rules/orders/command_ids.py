"""Remembers the used command ids and their content for thirty days: one id, one outcome.

A repeated command with the same content is ignored; a repeated id with other content is a conflict. Each command takes sixteen
bytes: a 64-bit fingerprint of desk and id, and 64 bits of the order id that its content gives (`schemas.canonical.order_id`).
Two ids collide by chance once in 10^19 pairs; the later command is then refused, not lost. A sender needs 2^32 signatures to
make two of their own collide. Ids are gathered in a small table, which becomes an immutable page when it is full or a day old;
a snapshot writes a page once (`streams.rules.pages`). A Bloom filter (Bloom 1970, two probes), derived and never written,
excludes nearly every new id from the pages. Left out: the age of a command (`intake`).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from struct import Struct
from typing import Final, TypeVar

from schemas.values import MICROS_PER_SECOND, CommandId, DeskId, Instant, OrderId
from streams.rules.pages import Page

REMEMBERED_SECONDS: Final = 30 * 86_400
PAGE_SECONDS_MAX: Final = 86_400
"""Age in seconds at which a table becomes a page, so that expired ids can be dropped by the page."""
PAGE_COMMANDS_MAX: Final = 8_192
FILTER_BITS: Final = 2**26
"""With a million ids, one new id in a thousand is looked up in the pages in vain."""
FILTER_STALE_MAX: Final = 2
"""The filter is rebuilt after so many times as many ids as the pages hold."""

Fingerprint = int
"""64 bits, unsigned."""
_WORD: Final = Struct(">Q")
_ENTRY: Final = Struct(">QQ")
"""An entry: an id and its content."""


def fingerprint(desk_id: DeskId, command_id: CommandId) -> Fingerprint:
    """Return the 64 bits that are kept of a command's id."""
    digest = blake2b(f"{desk_id}/{command_id}".encode(), digest_size=_WORD.size).digest()
    return int.from_bytes(digest, "big")


def mark(named: OrderId) -> Fingerprint:
    """Return the 64 bits that are kept of a command's content: the first of the order id that it gives."""
    return int(named[:8] + named[9:13] + named[14:18], 16)


@dataclass(frozen=True, slots=True)
class Shelf:
    """A page of ids in ascending order, each with its content, and the time at which the last of them was used."""

    last: Instant
    page: Page

    def __len__(self) -> int:
        return len(self.page.content) // _ENTRY.size

    def content(self, of: Fingerprint) -> Fingerprint | None:
        """Return the content that the id was used for; None if it is not on this page."""
        place = bisect_left(range(len(self)), of, key=self._id)
        if place == len(self):
            return None
        found, content = _ENTRY.unpack_from(self.page.content, place * _ENTRY.size)
        return int(content) if found == of else None

    def ids(self) -> Iterator[Fingerprint]:
        """Return all of its ids."""
        return (found for found, _ in _ENTRY.iter_unpack(self.page.content))

    def _id(self, place: int) -> Fingerprint:
        return int(_WORD.unpack_from(self.page.content, place * _ENTRY.size)[0])


class Filter:
    """Excludes most ids that no page holds; any other id may be on a page."""

    def __init__(self, ids: Iterable[Fingerprint]) -> None:
        self._bits = bytearray(FILTER_BITS // 8)
        self.added = 0
        self.add(ids)

    def add(self, ids: Iterable[Fingerprint]) -> None:
        """Add ids that pages hold."""
        bits = self._bits
        for each in ids:
            self.added += 1
            first, second = each % FILTER_BITS, each // FILTER_BITS % FILTER_BITS
            bits[first >> 3] |= 1 << (first & 7)
            bits[second >> 3] |= 1 << (second & 7)

    def may_hold(self, each: Fingerprint) -> bool:
        """Return True if a page may hold the id."""
        first, second = each % FILTER_BITS, each // FILTER_BITS % FILTER_BITS
        return bool(self._bits[first >> 3] >> (first & 7) & self._bits[second >> 3] >> (second & 7) & 1)


_F = TypeVar("_F", Filter, None)


class _Derived:
    """Holds the derived filter. It is no field, so it is neither compared nor written."""

    __slots__ = ("filter",)
    filter: Filter | None

    def __post_init__(self) -> None:
        self.keep(None)

    def keep(self, made: _F) -> _F:
        """Hold a filter of all ids on the shelves; None: rebuild it when it is next needed."""
        self.filter = made
        return made


@dataclass(slots=True)
class Memory(_Derived):
    """The used ids of one partition. Only `evolve` changes it."""

    begun: Instant = 0
    """The time at which the first id of the table was used."""
    latest: Instant = 0
    table: dict[Fingerprint, Fingerprint] = field(default_factory=dict)
    shelves: list[Shelf] = field(default_factory=list)
    """Pages, oldest first."""

    def content(self, of: Fingerprint) -> Fingerprint | None:
        """Return the content that the id was used for; None if it is free."""
        found = self.table.get(of)
        if found is not None or not self.shelves or not self._filter().may_hold(of):
            return found
        contents = (shelf.content(of) for shelf in reversed(self.shelves))
        return next((content for content in contents if content is not None), None)

    def remember(self, spent: Fingerprint, content: Fingerprint, now: Instant) -> None:
        """Spend an id, and forget a page of ids if all of them are older than the memory."""
        if self.table and (len(self.table) >= PAGE_COMMANDS_MAX or self.begun + PAGE_SECONDS_MAX * MICROS_PER_SECOND <= now):
            self._shelve()
        if not self.table:
            self.begun = now
        self.table[spent] = content
        self.latest = now
        while self.shelves and self.shelves[0].last + REMEMBERED_SECONDS * MICROS_PER_SECOND < now:
            del self.shelves[0]

    def __len__(self) -> int:
        return len(self.table) + sum(map(len, self.shelves))

    def _shelve(self) -> None:
        shelf = Shelf(self.latest, Page(b"".join(_ENTRY.pack(*entry) for entry in sorted(self.table.items()))))
        self.shelves.append(shelf)
        self.table = {}
        if self.filter is not None:
            self.filter.add(shelf.ids())
            if self.filter.added > FILTER_STALE_MAX * len(self):
                self.keep(None)

    def _filter(self) -> Filter:
        return self.filter or self.keep(Filter(each for shelf in self.shelves for each in shelf.ids()))
