"""The journal file returns its own records, and refuses records of another writer."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.keys.sealing import FileSealer, SealRefused
from streams.judging.journal import FILE, KEY_FILE, MemoryRefused, SealedJournal


def sealer(folder: Path, name: str = "sealing-key") -> FileSealer:
    """A key in a file beside the journal's folder."""
    return FileSealer(folder.with_name(f"{folder.name}-{name}"))


def written(folder: Path, *entries: bytes) -> None:
    with SealedJournal(folder, sealer(folder)) as journal:
        for entry in entries:
            journal.append(entry)


def read(folder: Path) -> list[bytes]:
    with SealedJournal(folder, sealer(folder)) as journal:
        return journal.entries


def test_entries_are_there_after_a_restart_and_the_next_follow(tmp_path: Path) -> None:
    written(tmp_path, b"one", b"two")
    written(tmp_path, b"three")
    assert read(tmp_path) == [b"one", b"two", b"three"]


def test_only_its_owner_may_read_it(tmp_path: Path) -> None:
    written(tmp_path, b"one")
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


def test_a_new_beginning_takes_the_place_of_all_before(tmp_path: Path) -> None:
    with SealedJournal(tmp_path, sealer(tmp_path)) as journal:
        journal.append(b"one")
        journal.rewrite([b"all"])
        journal.append(b"two", durable=False)
    assert read(tmp_path) == [b"all", b"two"]


@given(cut=st.integers(1, 66))
def test_an_entry_that_was_half_written_never_happened(tmp_path_factory: pytest.TempPathFactory, cut: int) -> None:
    """The machine stopped before `append` returned, so nothing was signed for it."""
    folder = tmp_path_factory.mktemp("memory")
    written(folder, b"one", b"two")
    file = folder / FILE
    os.truncate(file, file.stat().st_size - cut)
    assert read(folder) == [b"one"]
    written(folder, b"three")
    assert read(folder) == [b"one", b"three"]


def test_a_disk_that_takes_half_of_an_entry_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    with SealedJournal(tmp_path, sealer(tmp_path)) as journal:
        journal.append(b"one")
        with monkeypatch.context() as full:
            full.setattr(os, "write", lambda descriptor, content: write(descriptor, content[:20]))
            with pytest.raises(OSError, match="No space left"):
                journal.append(b"two")
    assert read(tmp_path) == [b"one"]


FORGED: dict[str, Callable[[list[bytes]], list[bytes]]] = {
    "an entry is another": lambda lines: [lines[0].replace(b"one", b"six"), *lines[1:]],
    "an entry is gone": lambda lines: lines[1:],
    "entries changed places": lambda lines: [lines[1], lines[0], lines[2]],
    "an entry is there twice": lambda lines: [lines[0], *lines],
    "an entry has no seal": lambda lines: [*lines, b"four\n"],
}


@pytest.mark.parametrize("name", FORGED)
def test_what_somebody_else_wrote_is_refused(tmp_path: Path, name: str) -> None:
    written(tmp_path, b"one", b"two", b"three")
    file = tmp_path / FILE
    file.write_bytes(b"".join(FORGED[name](file.read_bytes().splitlines(keepends=True))))
    with pytest.raises(MemoryRefused, match="is not what this signer wrote"):
        read(tmp_path)


def test_another_key_reads_nothing(tmp_path: Path) -> None:
    written(tmp_path, b"one")
    with pytest.raises(SealRefused):
        SealedJournal(tmp_path, sealer(tmp_path, "another-key"))


def test_a_journal_without_its_key_is_refused(tmp_path: Path) -> None:
    written(tmp_path, b"one")
    (tmp_path / KEY_FILE).unlink()
    with pytest.raises(MemoryRefused, match="put it back"):
        read(tmp_path)


def test_a_lost_journal_begins_anew_under_the_same_key(tmp_path: Path) -> None:
    written(tmp_path, b"one")
    (tmp_path / FILE).unlink()
    assert read(tmp_path) == []


def test_two_signers_cannot_have_one_memory(tmp_path: Path) -> None:
    with SealedJournal(tmp_path, sealer(tmp_path)), pytest.raises(MemoryRefused, match="there must be one signer"):
        SealedJournal(tmp_path, sealer(tmp_path))
    assert read(tmp_path) == []
