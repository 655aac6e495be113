"""The root key signs a genesis only if governance would accept it."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from infra.identity import keyfile
from infra.local_cluster.processes import EXIT_REFUSED
from infra.proofs import ed25519
from streams.governance.ceremony import app
from streams.rules.governance.genesis import GenesisDocument
from tests.world.firm import governance as firm


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """A folder with a root key and the firm's document."""
    keyfile.generate(tmp_path / "root.pem")
    write(tmp_path, firm.document())
    return tmp_path


def write(desk: Path, document: GenesisDocument) -> None:
    (desk / "document.json").write_text(document.model_dump_json(), "utf-8")


def run(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, list(words))
    return result.exit_code, result.output.strip()


def sign(desk: Path) -> tuple[int, str]:
    key, output = str(desk / "root.pem"), str(desk / "genesis.json")
    return run("sign", str(desk / "document.json"), "--key", key, "--output", output)


def test_what_was_signed_is_verified_with_the_key_that_was_printed(desk: Path) -> None:
    status, root_key = sign(desk)
    assert (status, root_key) == (0, ed25519.public_bytes(keyfile.load(desk / "root.pem")).hex())
    status, digest = run("verify", str(desk / "genesis.json"), "--root-key", root_key)
    assert status == 0
    assert len(bytes.fromhex(digest)) == 32


def test_another_key_does_not_verify_it(desk: Path) -> None:
    sign(desk)
    status, said = run("verify", str(desk / "genesis.json"), "--root-key", firm.PINNED.hex())
    assert status == EXIT_REFUSED
    assert "this installation has pinned" in said


def test_a_key_that_is_no_hex_is_refused(desk: Path) -> None:
    sign(desk)
    assert run("verify", str(desk / "genesis.json"), "--root-key", "zz")[0] == EXIT_REFUSED


def test_a_document_that_makes_no_sense_is_not_signed(desk: Path) -> None:
    write(desk, firm.document(desks=[]))
    status, said = sign(desk)
    assert status == EXIT_REFUSED
    assert "there is no desk newswap" in said
    assert not (desk / "genesis.json").exists()


def test_what_is_no_document_is_not_signed(desk: Path) -> None:
    (desk / "document.json").write_text("{}", "utf-8")
    status, said = sign(desk)
    assert status == EXIT_REFUSED
    assert said.startswith("not a genesis document")


def test_a_key_that_others_can_read_signs_nothing(desk: Path) -> None:
    (desk / "root.pem").chmod(0o644)
    assert sign(desk)[0] == EXIT_REFUSED


def test_a_signed_file_is_never_written_over(desk: Path) -> None:
    sign(desk)
    before = (desk / "genesis.json").read_bytes()
    assert sign(desk)[0] == EXIT_REFUSED
    assert (desk / "genesis.json").read_bytes() == before
