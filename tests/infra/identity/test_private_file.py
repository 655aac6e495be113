"""Secrets are read only from files that nobody else can read, and written so that they always are such files."""

import os
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from infra.identity import keyfile
from infra.identity.private_file import (
    PRIVATE_FILE_BYTES_MAX,
    PrivateFileRefused,
    create_private,
    read_private,
    write_private,
)
from infra.proofs.ed25519 import public_bytes


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_what_is_written_is_private_whatever_the_umask_and_can_be_read_back(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        write_private(tmp_path / "written", b"one")
        create_private(tmp_path / "created", b"two")
    finally:
        os.umask(before)
    assert {mode_of(tmp_path / name) for name in ("written", "created")} == {0o600}
    assert (read_private(tmp_path / "written"), read_private(tmp_path / "created")) == (b"one", b"two")


def test_writing_replaces_and_leaves_no_draft_behind(tmp_path: Path) -> None:
    write_private(tmp_path / "secret", b"old")
    write_private(tmp_path / "secret", b"new")
    assert read_private(tmp_path / "secret") == b"new"
    assert [path.name for path in tmp_path.iterdir()] == ["secret"]


def test_creating_never_replaces(tmp_path: Path) -> None:
    create_private(tmp_path / "secret", b"old")
    with pytest.raises(PrivateFileRefused, match="already exists"):
        create_private(tmp_path / "secret", b"new")
    assert read_private(tmp_path / "secret") == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["secret"]


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o660, 0o604, 0o700, 0o400, 0o4600])
def test_a_file_of_any_other_mode_is_refused_with_the_command_that_mends_it(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "secret"
    create_private(path, b"x")
    path.chmod(mode)
    with pytest.raises(PrivateFileRefused, match=f"chmod 0600 {path}"):
        read_private(path)


def test_links_folders_pipes_and_absent_files_are_refused(tmp_path: Path) -> None:
    create_private(tmp_path / "real", b"x")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "folder").mkdir(mode=0o600)
    os.mkfifo(tmp_path / "pipe", 0o600)
    for name in ("link", "folder", "pipe", "absent"):
        with pytest.raises(PrivateFileRefused, match=name):
            read_private(tmp_path / name)


def test_a_file_too_large_to_be_a_secret_is_refused(tmp_path: Path) -> None:
    create_private(tmp_path / "large", bytes(PRIVATE_FILE_BYTES_MAX + 1))
    with pytest.raises(PrivateFileRefused, match="bytes"):
        read_private(tmp_path / "large")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to somebody else")
def test_somebody_elses_file_is_refused(tmp_path: Path) -> None:
    create_private(tmp_path / "secret", b"x")
    os.chown(tmp_path / "secret", 12_345, 12_345)
    with pytest.raises(PrivateFileRefused, match="belongs to user 12345"):
        read_private(tmp_path / "secret")


def test_a_generated_key_is_private_and_loads_as_the_same_key(tmp_path: Path) -> None:
    made = keyfile.generate(tmp_path / "key.pem")
    assert mode_of(tmp_path / "key.pem") == 0o600
    assert public_bytes(keyfile.load(tmp_path / "key.pem")) == public_bytes(made)


def test_a_key_is_never_generated_over_another(tmp_path: Path) -> None:
    made = keyfile.generate(tmp_path / "key.pem")
    with pytest.raises(PrivateFileRefused, match="already exists"):
        keyfile.generate(tmp_path / "key.pem")
    assert public_bytes(keyfile.load(tmp_path / "key.pem")) == public_bytes(made)


PASSPHRASE = BestAvailableEncryption(b"passphrase")


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "no unencrypted PEM"),
        (b"-----BEGIN PRIVATE KEY-----\nMC4=\n-----END PRIVATE KEY-----\n", "no unencrypted PEM"),
        (Ed25519PrivateKey.generate().private_bytes_raw(), "no unencrypted PEM"),
        (
            Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, PASSPHRASE),
            "no unencrypted PEM",
        ),
        (
            ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
            "not Ed25519",
        ),
    ],
    ids=["empty", "cut", "raw", "encrypted", "P-256"],
)
def test_what_is_no_plain_ed25519_key_is_refused_and_not_quoted(tmp_path: Path, content: bytes, complaint: str) -> None:
    create_private(tmp_path / "key.pem", content)
    with pytest.raises(PrivateFileRefused, match=complaint) as refusal:
        keyfile.load(tmp_path / "key.pem")
    assert refusal.value.__cause__ is None
    assert "BEGIN" not in str(refusal.value)


def test_a_key_that_others_can_read_is_not_loaded(tmp_path: Path) -> None:
    keyfile.generate(tmp_path / "key.pem")
    (tmp_path / "key.pem").chmod(0o644)
    with pytest.raises(PrivateFileRefused, match="chmod 0600"):
        keyfile.load(tmp_path / "key.pem")
