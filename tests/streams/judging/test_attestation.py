"""The attested hash covers what the signers import, and nothing that they do not need."""

from __future__ import annotations

from pathlib import Path

import grimp
import pytest

from streams.judging import attestation
from streams.judging.attestation import JUDGING, SOURCE, code_identity, judging_files

SIGNERS = ("streams.signing.__main__", "streams.cosigning.__main__")
ELSEWHERE = (
    "commands/",
    "projections/",
    "infra/chain/",
    "infra/postgres/",
    "streams/prices/",
    "streams/detectors/",
    "streams/desk/",
)


def path_of(module: str) -> Path:
    path = SOURCE / Path(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


@pytest.mark.slow
def test_everything_that_a_signer_imports_is_hashed() -> None:
    graph = grimp.build_graph("schemas", "infra", "streams", cache_dir=None)
    imported = set(SIGNERS).union(*(graph.find_upstream_modules(signer) for signer in SIGNERS))
    assert sorted(str(path_of(module)) for module in imported if path_of(module) not in set(judging_files())) == []


def test_no_other_process_changes_the_hash() -> None:
    hashed = [file.relative_to(SOURCE).as_posix() for file in judging_files()]
    assert [file for file in hashed if file.startswith(ELSEWHERE)] == []


def test_every_named_place_exists_and_no_file_is_hashed_twice() -> None:
    files = list(judging_files())
    assert all((SOURCE / name).exists() for name in JUDGING)
    assert len(files) == len(set(files))


@pytest.mark.parametrize("change", ["text", "name", "new"])
def test_any_change_of_the_source_changes_the_hash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str) -> None:
    (tmp_path / "rules").mkdir()
    rule = tmp_path / "rules" / "rule.py"
    rule.write_text("LIMIT = 1\n")
    monkeypatch.setattr(attestation, "SOURCE", tmp_path)
    monkeypatch.setattr(attestation, "JUDGING", ("rules",))
    before = code_identity()
    if change == "text":
        rule.write_text("LIMIT = 2\n")
    elif change == "name":
        rule.rename(rule.with_name("law.py"))
    else:
        rule.with_name("other.py").write_text("")
    assert code_identity().code_hash != before.code_hash
