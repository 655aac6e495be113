"""Used command ids are found again for thirty days, in the table and in stored pages."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from streams.rules.orders import command_ids as memory
from streams.rules.orders.command_ids import Memory, fingerprint, mark
from streams.rules.pages import Page

SECOND = 1_000_000
DAY = 86_400 * SECOND
ORDER = "0b9f4f0e-5b0c-5d3f-9c7e-2f1f3f0a9d11"


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "PAGE_COMMANDS_MAX", 4)
    monkeypatch.setattr(memory, "FILTER_BITS", 2**10)


def filled(entries: Iterator[tuple[int, int, int]]) -> Memory:
    kept = Memory()
    for spent, content, now in entries:
        kept.remember(spent, content, now)
    return kept


def test_an_id_is_of_one_desk() -> None:
    assert fingerprint("newswap", ORDER) == fingerprint("newswap", ORDER)
    assert len({fingerprint("newswap", ORDER), fingerprint("vault", ORDER), fingerprint("newswap", ORDER[:-1] + "2")}) == 3
    assert 0 <= fingerprint("newswap", ORDER) < 2**64


def test_content_is_known_by_the_first_64_bits_of_the_order_it_would_be() -> None:
    assert mark(ORDER) == 0x0B9F4F0E_5B0C_5D3F


@pytest.mark.usefixtures("small_pages")
def test_a_full_table_goes_on_a_shelf_and_is_found_there() -> None:
    kept = filled((spent, spent + 1, spent) for spent in range(11))
    assert [len(shelf) for shelf in kept.shelves] == [4, 4]
    assert (len(kept.table), len(kept)) == (3, 11)
    assert [kept.content(spent) for spent in range(11)] == list(range(1, 12))
    assert [kept.content(spent) for spent in (11, 12, 2**64 - 1)] == [None] * 3


@pytest.mark.usefixtures("small_pages")
def test_an_id_that_is_spent_again_is_what_it_was_last() -> None:
    kept = filled((spent % 5, spent, spent) for spent in range(12))
    assert [kept.content(spent) for spent in range(5)] == [10, 11, 7, 8, 9]


def test_a_table_that_is_a_day_old_goes_on_a_shelf_however_little_it_holds() -> None:
    kept = filled(iter([(1, 1, 0), (2, 2, DAY - 1), (3, 3, DAY)]))
    assert [len(shelf) for shelf in kept.shelves] == [2]
    assert kept.table == {3: 3}


def test_what_was_used_is_remembered_for_thirty_days_and_forgotten_by_the_page() -> None:
    kept = filled(iter([(1, 1, 0), (2, 2, DAY), (3, 3, 30 * DAY)]))
    assert [kept.content(spent) for spent in (1, 2, 3)] == [1, 2, 3]
    kept.remember(4, 4, 30 * DAY + 1)
    assert [kept.content(spent) for spent in (1, 2, 3, 4)] == [None, 2, 3, 4]


@pytest.mark.usefixtures("small_pages")
def test_the_filter_is_made_anew_when_most_of_what_it_saw_has_been_forgotten() -> None:
    kept = filled((spent, spent, 0) for spent in range(9))
    assert kept.content(100) is None
    made = kept.filter
    assert made is not None
    for spent in range(9, 13):
        kept.remember(spent, spent, DAY - 1)
    assert (kept.filter, made.added) == (made, 12)
    for spent in range(13, 30):
        kept.remember(spent, spent, 40 * DAY)
    assert kept.filter is not made
    assert [kept.content(spent) for spent in (3, 12, 13, 29)] == [None, None, 13, 29]


@pytest.mark.usefixtures("small_pages")
def test_a_snapshot_holds_each_page_once_and_gives_the_same_memory_back() -> None:
    kept = filled((spent, spent, 0) for spent in range(10))
    assert kept.content(3) == 3
    written = TypeAdapter(Memory)
    pages: dict[str, Page] = {}
    text = written.dump_json(kept, context=pages)
    assert set(pages) == {shelf.page.name for shelf in kept.shelves}
    again = written.validate_json(text, context=pages)
    assert again == kept
    assert [again.content(spent) for spent in range(11)] == [*range(10), None]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 3), st.sampled_from([0, 1, DAY, 9 * DAY])), max_size=60))
def test_what_is_remembered_is_what_a_list_of_everything_says(uses: list[tuple[int, int, int]]) -> None:
    """Beside a slow and obvious memory: everything of the last thirty days is there; nothing that never was."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(memory, "PAGE_COMMANDS_MAX", 3)
        patched.setattr(memory, "FILTER_BITS", 2**7)
        kept, everything, now = Memory(), {}, 0
        for spent, content, passed in uses:
            now += passed
            kept.remember(spent, content, now)
            everything[spent] = (content, now)
            for each in range(32):
                content_then, at = everything.get(each, (None, 0))
                said = kept.content(each)
                assert said in (content_then, None) if now - at > 30 * DAY else said == content_then
