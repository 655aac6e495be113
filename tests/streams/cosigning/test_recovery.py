"""A share from its back-up: for who has the recovery key, on the new cosigner's machine, once."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from infra.cluster.description import RUNTIME_VARIABLE, ClusterDescription, TokenPlace
from infra.hsm.softhsm import initialise
from infra.identity.private_file import create_private, read_private
from streams.cosigning import recovery
from streams.cosigning.place import Place, generate_agreement_key
from tests.streams.cosigning.table import KEY, RECOVERY_KEY, Table

LOST = "cosigner-3"


@pytest.fixture
def machine(made: Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """The new cosigner's, with the back-up and the recovery key on it."""
    token = initialise(tmp_path)
    description = ClusterDescription(
        runtime=tmp_path,
        http="http://localhost:1",
        node="http://localhost:2",
        postgres="postgresql://localhost:3/x",
        kafka_bootstrap="localhost:4",
        token=TokenPlace(module=token.module, label=token.label, pin_file=token.pin_file, config_file=token.config_file),
    )
    (tmp_path / "cluster.json").write_text(description.model_dump_json())
    create_private(tmp_path / "share.backup", read_private(made.folder / LOST / "backups" / f"{KEY}-1.backup"))
    pem = RECOVERY_KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    create_private(tmp_path / "recovery.pem", pem)
    monkeypatch.setenv(RUNTIME_VARIABLE, str(tmp_path))
    return Place.of(description, LOST)


def restores(place: Place, monkeypatch: pytest.MonkeyPatch, *, epoch: int = 1, key: str = "recovery.pem") -> int:
    given = [LOST, KEY, str(epoch), "--backup", f"{place.folder.parent}/share.backup"]
    monkeypatch.setattr(sys, "argv", ["recovery", *given, "--recovery-key", f"{place.folder.parent}/{key}"])
    return recovery.main()


def test_the_share_is_there_afterwards_and_the_address_is_shown(
    machine: Place, made: Table, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert restores(machine, monkeypatch) == 0
    assert made.firm.wallets[KEY].address in capsys.readouterr().out
    share = recovery.vault_of(machine, None).get(KEY, 1)
    assert (share.party, share.address) == (3, made.firm.wallets[KEY].address)


def test_a_second_time_or_for_another_epoch_or_without_the_key_it_is_refused(
    machine: Place, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    generate_agreement_key(machine.folder.parent / "another.pem")
    assert restores(machine, monkeypatch, epoch=2) == recovery.EXIT_REFUSED
    assert restores(machine, monkeypatch, key="another.pem") == recovery.EXIT_REFUSED
    assert recovery.vault_of(machine, None).epochs(KEY) == ()
    assert restores(machine, monkeypatch) == 0
    assert restores(machine, monkeypatch) == recovery.EXIT_REFUSED
    assert "refused: " in capsys.readouterr().err
