"""A new cosigner's machine: its keys are told to governance; the recovery key opens its backed-up share, once."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from infra.hsm.softhsm import initialise
from infra.hsm.token import Token
from infra.identity.private_file import create_private, read_private
from infra.local_cluster.processes import EXIT_REFUSED
from infra.settings.description import RUNTIME_VARIABLE, current
from schemas.keys import Cosigner
from streams.cosigning import enrolment, recovery
from streams.cosigning.installation import SEALING_KEY, CosignerFolder, generate_agreement_key, load_identity
from streams.sessions.signed_messages import MessageSigner
from tests.infra.local_cluster.unreached import unreached
from tests.world.line.cosigners import KEY, RECOVERY_KEY, Table

pytestmark = pytest.mark.shares

LOST = "cosigner-3"


@pytest.fixture
def machine(made: Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CosignerFolder:
    """The new cosigner's, with the back-up and the recovery key on it."""
    description = unreached(tmp_path)
    create_private(tmp_path / "share.backup", read_private(made.folder / LOST / "backups" / f"{KEY}-1.backup"))
    pem = RECOVERY_KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    create_private(tmp_path / "recovery.pem", pem)
    monkeypatch.setenv(RUNTIME_VARIABLE, str(tmp_path))
    return CosignerFolder.of(description, LOST)


def restores(
    place: CosignerFolder, monkeypatch: pytest.MonkeyPatch, *, epoch: int = 1, key: str = "recovery.pem", to: str = LOST
) -> int:
    given = [to, KEY, str(epoch), "--backup", f"{place.folder.parent}/share.backup"]
    monkeypatch.setattr(sys, "argv", ["recovery", *given, "--recovery-key", f"{place.folder.parent}/{key}"])
    return recovery.main()


def test_the_share_is_there_afterwards_and_the_address_is_shown(
    machine: CosignerFolder, made: Table, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert restores(machine, monkeypatch) == 0
    assert made.firm.wallets[KEY].address in capsys.readouterr().out
    share = recovery.vault_of(machine, None).get(KEY, 1)
    assert (share.party, share.address) == (3, made.firm.wallets[KEY].address)


def test_a_second_time_or_for_another_epoch_or_without_the_key_it_is_refused(
    machine: CosignerFolder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    generate_agreement_key(machine.folder.parent / "another.pem")
    assert restores(machine, monkeypatch, epoch=2) == EXIT_REFUSED
    assert restores(machine, monkeypatch, key="another.pem") == EXIT_REFUSED
    assert recovery.vault_of(machine, None).epochs(KEY) == ()
    assert restores(machine, monkeypatch) == 0
    assert restores(machine, monkeypatch) == EXIT_REFUSED
    assert "refused: " in capsys.readouterr().err


def test_a_share_in_anothers_place_is_refused_and_not_kept(
    machine: CosignerFolder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    other = replace(machine, name="cosigner-4", folder=machine.folder.with_name("cosigner-4"))
    assert restores(machine, monkeypatch, to="cosigner-4") == EXIT_REFUSED
    assert "of the share in place 3, not 4" in capsys.readouterr().err
    assert recovery.vault_of(other, None).epochs(KEY) == ()


def enrols(monkeypatch: pytest.MonkeyPatch, *more: str) -> int:
    monkeypatch.setattr(sys, "argv", ["enrolment", LOST, *more])
    return enrolment.main()


def test_a_new_cosigner_makes_its_keys_once_and_says_their_public_halves(
    machine: CosignerFolder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    public = machine.folder.parent / "recovery.pub"
    public.write_text(RECOVERY_KEY.public_key().public_bytes_raw().hex())
    initialise(machine.folder)
    assert enrols(monkeypatch, "--site", "oslo", "--recovery-public", str(public)) == 0
    cosigner = Cosigner.model_validate_json(capsys.readouterr().out)
    assert (cosigner.cosigner, cosigner.party, cosigner.site) == (LOST, 3, "oslo")
    assert MessageSigner(load_identity(machine)).is_enrolled_as(cosigner)
    assert machine.recovery_key_file.read_text().strip() == public.read_text()
    with Token.open(current().cosigner_token(LOST).settings) as token:
        assert token.unseal(SEALING_KEY, token.seal(SEALING_KEY, b"share", b"here"), b"here") == b"share"
    assert enrols(monkeypatch, "--site", "oslo") == 0
    assert Cosigner.model_validate_json(capsys.readouterr().out) == cosigner


def test_a_new_cosigner_without_a_token_or_without_back_ups_is_refused(
    machine: CosignerFolder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    public = machine.folder.parent / "recovery.pub"
    public.write_text("ab" * 31)
    assert enrols(monkeypatch) == EXIT_REFUSED
    assert enrols(monkeypatch, "--recovery-public", str(public)) == EXIT_REFUSED
    public.write_text("ab" * 32)
    assert enrols(monkeypatch, "--recovery-public", str(public)) == EXIT_REFUSED
    no_backup, short, no_token = capsys.readouterr().err.splitlines()
    assert "no back-up: name the recovery key's public half" in no_backup
    assert "a recovery key has 32 bytes" in short
    assert "softhsm2.conf is missing" in no_token
    assert not machine.signing_key_file.exists()
