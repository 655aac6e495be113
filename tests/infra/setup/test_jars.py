"""The broker's jars are those of the checked-in list, all of them and no other."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from infra.setup import jars
from infra.setup.environment import SetupFailed


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "lib"
    folder.mkdir()
    for name in ("kafka.jar", "log.jar"):
        (folder / name).write_bytes(name.encode())
    jars.write(tmp_path / "jars.sha256", jars.digests(folder))
    return folder


def verify(folder: Path) -> int:
    return jars.verify(folder, folder.with_name("jars.sha256"))


def test_listed_jars_pass(folder: Path) -> None:
    assert verify(folder) == 2


def test_the_list_is_one_that_sha256sum_reads(folder: Path) -> None:
    digest = hashlib.sha256(b"kafka.jar").hexdigest()
    assert folder.with_name("jars.sha256").read_text().splitlines()[0] == f"{digest}  kafka.jar"


def test_a_missing_a_changed_and_an_unlisted_jar_are_each_named_with_what_to_do(folder: Path) -> None:
    (folder / "kafka.jar").unlink()
    (folder / "log.jar").write_bytes(b"other")
    (folder / "more.jar").write_bytes(b"more")
    with pytest.raises(SetupFailed) as refused:
        verify(folder)
    message = str(refused.value)
    assert "missing: kafka.jar" in message
    assert "changed: log.jar" in message
    assert "not listed: more.jar" in message
    assert "make lock" in message


@pytest.mark.parametrize("spoil", ["kafka.jar", "log.jar", "more.jar"])
def test_one_wrong_jar_is_enough(folder: Path, spoil: str) -> None:
    (folder / spoil).write_bytes(b"other")
    with pytest.raises(SetupFailed, match=spoil):
        verify(folder)


def test_what_fails_leaves_the_jars_that_were_there(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fetch_another(command: list[str]) -> str:
        draft = Path(next(part for part in command if part.startswith("-DoutputDirectory=")).partition("=")[2])
        draft.mkdir()
        (draft / "kafka.jar").write_bytes(b"other")
        return ""

    monkeypatch.setattr(jars, "FOLDER", folder)
    monkeypatch.setattr(jars, "LIST", folder.with_name("jars.sha256"))
    monkeypatch.setattr(jars, "run", fetch_another)
    with pytest.raises(SetupFailed, match=r"kafka\.jar"):
        jars.fetch(renew=False)
    assert verify(folder) == 2


def test_the_installed_jars_are_the_listed_ones() -> None:
    assert jars.verify(jars.FOLDER, jars.LIST) > 50
