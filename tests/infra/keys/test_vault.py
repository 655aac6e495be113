"""A vault returns its shares unchanged to the holder of the sealing key alone, and no longer once they are destroyed."""

import hashlib
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import pytest
from coincurve import PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from infra.hsm.token import Token
from infra.identity.private_file import PrivateFileRefused, write_private
from infra.keys import vault as vault_module
from infra.keys.sealing import FileSealer, Sealer, SealRefused, TokenSealer
from infra.keys.threshold import Share, ShareUnfit
from infra.keys.vault import ShareExists, ShareUnknown, ShareVault, VaultDamaged
from infra.proofs.envelope import EnvelopeRefused
from tests.infra.keys.ring import signed

pytestmark = [pytest.mark.shares, pytest.mark.token]

DIGEST: Final = bytes(range(32))
Shares = Mapping[int, Share]


@pytest.fixture(params=["file", "token"])
def sealer(request: pytest.FixtureRequest, tmp_path: Path) -> Sealer:
    if request.param == "file":
        return FileSealer(tmp_path / "sealing.key")
    token: Token = request.getfixturevalue("token")
    token.generate_sealing_key("shares")
    return TokenSealer(token, "shares")


@pytest.fixture
def vault(tmp_path: Path, sealer: Sealer) -> ShareVault:
    return ShareVault(tmp_path / "shares", sealer)


@pytest.fixture
def file_vault(tmp_path: Path) -> ShareVault:
    return ShareVault(tmp_path / "shares", FileSealer(tmp_path / "sealing.key"))


def share_file(tmp_path: Path) -> Path:
    (file,) = (tmp_path / "shares").rglob("*.share")
    return file


def test_a_share_comes_back_and_signs(vault: ShareVault, shares: Shares) -> None:
    vault.put("w1", 1, shares[2])
    held = vault.get("w1", 1)
    assert (held.party, held.address) == (2, shares[2].address)
    made = signed({**shares, 2: held}, [1, 2, 3], DIGEST)
    compact = made.r.to_bytes(32, "big") + made.s.to_bytes(32, "big") + bytes([made.y_parity])
    public = PublicKey.from_signature_and_message(compact, DIGEST, hasher=None)
    assert public.format(compressed=False) == shares[1].public_key


def test_epochs_stand_side_by_side_and_each_is_written_once(vault: ShareVault, shares: Shares) -> None:
    vault.put("w1", 2, shares[1])
    vault.put("w1", 10, shares[2])
    vault.put("w2", 1, shares[3])
    assert (vault.epochs("w1"), vault.epochs("w2"), vault.epochs("w3")) == ((2, 10), (1,), ())
    with pytest.raises(ShareExists, match="epoch 2"):
        vault.put("w1", 2, shares[3])
    assert vault.get("w1", 2).party == 1


def test_a_share_that_is_not_there_is_named(vault: ShareVault) -> None:
    for ask in (vault.get, vault.destroy):
        with pytest.raises(ShareUnknown, match="'w1', epoch 3"):
            ask("w1", 3)


def test_a_destroyed_share_is_gone_and_its_hash_is_that_of_its_file(tmp_path: Path, vault: ShareVault, shares: Shares) -> None:
    vault.put("w1", 1, shares[1])
    written = share_file(tmp_path).read_bytes()
    assert vault.destroy("w1", 1) == hashlib.sha256(written).hexdigest()
    assert vault.epochs("w1") == ()
    assert not any(file.is_file() for file in (tmp_path / "shares").rglob("*"))
    with pytest.raises(ShareUnknown):
        vault.get("w1", 1)


def test_a_destruction_cut_short_is_finished_with_the_same_proof(
    tmp_path: Path, file_vault: ShareVault, shares: Shares, monkeypatch: pytest.MonkeyPatch
) -> None:
    file_vault.put("w1", 1, shares[1])
    digest = hashlib.sha256(share_file(tmp_path).read_bytes()).hexdigest()

    def crash(_: Path) -> None:
        raise OSError("the machine stopped")

    with monkeypatch.context() as patched:
        patched.setattr(vault_module, "_wipe", crash)
        with pytest.raises(OSError, match="stopped"):
            file_vault.destroy("w1", 1)
    with pytest.raises(ShareUnknown):
        file_vault.get("w1", 1)
    assert file_vault.epochs("w1") == (1,)
    assert file_vault.destroy("w1", 1) == digest
    assert file_vault.epochs("w1") == ()


@pytest.mark.parametrize("key_id", ["../../etc/passwd", "a/b", ".", "ключ", "x" * 100])
def test_an_id_never_chooses_where_it_is_written(tmp_path: Path, file_vault: ShareVault, shares: Shares, key_id: str) -> None:
    file_vault.put(key_id, 1, shares[1])
    assert file_vault.get(key_id, 1).party == 1
    assert share_file(tmp_path).parent.parent == tmp_path / "shares"
    assert share_file(tmp_path).stat().st_mode & 0o777 == 0o600


def test_a_share_put_in_anothers_place_does_not_open(tmp_path: Path, vault: ShareVault, shares: Shares) -> None:
    vault.put("w1", 1, shares[1])
    file = share_file(tmp_path)
    file.rename(file.with_name("2.share"))
    with pytest.raises(SealRefused):
        vault.get("w1", 2)


def test_a_disk_without_the_sealing_key_is_worth_nothing(tmp_path: Path, vault: ShareVault, shares: Shares) -> None:
    vault.put("w1", 1, shares[1])
    thief = ShareVault(tmp_path / "shares", FileSealer(tmp_path / "another.key"))
    with pytest.raises(SealRefused):
        thief.get("w1", 1)


@pytest.mark.parametrize(
    ("spoil", "refusal"),
    [
        pytest.param(lambda content: content[:-1] + bytes([content[-1] ^ 1]), ShareUnfit, id="share"),
        pytest.param(lambda content: content[:20] + bytes([content[20] ^ 1]) + content[21:], SealRefused, id="data key"),
        pytest.param(lambda content: content[:30], VaultDamaged, id="cut short"),
        pytest.param(lambda _: b"", VaultDamaged, id="empty"),
    ],
)
def test_a_damaged_file_is_refused(
    tmp_path: Path, vault: ShareVault, shares: Shares, spoil: Callable[[bytes], bytes], refusal: type[Exception]
) -> None:
    vault.put("w1", 1, shares[1])
    file = share_file(tmp_path)
    write_private(file, spoil(file.read_bytes()))
    with pytest.raises(refusal):
        vault.get("w1", 1)


def test_a_file_that_others_can_read_is_refused(tmp_path: Path, file_vault: ShareVault, shares: Shares) -> None:
    file_vault.put("w1", 1, shares[1])
    share_file(tmp_path).chmod(0o640)
    with pytest.raises(PrivateFileRefused, match="chmod 0600"):
        file_vault.get("w1", 1)


def test_a_backup_is_restored_by_the_recovery_key_into_another_vault(tmp_path: Path, vault: ShareVault, shares: Shares) -> None:
    recovery = X25519PrivateKey.generate()
    vault.put("w1", 4, shares[5])
    backup = vault.backup("w1", 4, recovery.public_key().public_bytes_raw())
    newcomer = ShareVault(tmp_path / "newcomer", FileSealer(tmp_path / "newcomer.key"))
    for key_id, epoch, key in [("w1", 4, X25519PrivateKey.generate()), ("w1", 5, recovery), ("w2", 4, recovery)]:
        with pytest.raises(EnvelopeRefused):
            newcomer.restore(key_id, epoch, backup, key)
    for cut in (b"", backup[:40], backup[:-1]):
        with pytest.raises((EnvelopeRefused, ShareUnfit)):
            newcomer.restore("w1", 4, cut, recovery)
    assert newcomer.epochs("w1") == ()
    assert newcomer.restore("w1", 4, backup, recovery).party == 5
    assert newcomer.get("w1", 4).address == shares[5].address


def test_a_sealing_file_that_holds_no_key_is_refused(tmp_path: Path) -> None:
    write_private(tmp_path / "sealing.key", secrets.token_bytes(31))
    with pytest.raises(PrivateFileRefused, match="31 bytes"):
        FileSealer(tmp_path / "sealing.key")


def test_what_is_sealed_opens_in_its_context_only(sealer: Sealer) -> None:
    sealed = sealer.seal(b"data key", b"w1, epoch 1")
    assert sealer.open(sealed, b"w1, epoch 1") == b"data key"
    assert b"data key" not in sealed
    for wrong, context in [
        (sealed, b"w1, epoch 2"),
        (sealed[:-1], b"w1, epoch 1"),
        (b"", b""),
        (b"\x02" + sealed[1:], b"w1, epoch 1"),
    ]:
        with pytest.raises(SealRefused):
            sealer.open(wrong, context)
