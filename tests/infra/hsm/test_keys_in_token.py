"""A key is made whole or not at all, seals for its context only, and cannot be used once destroyed."""

import hashlib
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import pytest
from pkcs11 import Attribute, KeyType, MechanismFlag, ObjectClass, Session
from pkcs11.exceptions import DeviceMemory, DeviceRemoved, GeneralError, PKCS11Error

from infra.hsm import key_pairs, sealing_keys
from infra.hsm.errors import KeyExists, KeyIdInvalid, KeyUnfit, KeyUnknown, SealBroken, TokenFailed, TokenFull
from infra.hsm.module import loaded
from infra.hsm.settings import TokenSettings
from infra.hsm.token import Token

pytestmark = pytest.mark.token

ROOT = Path(__file__).parents[3]
DIGEST = bytes(range(32))


@contextmanager
def no_file_over(size: int) -> Iterator[None]:
    """Let the disk be full for what grows beyond `size` bytes, as an exhausted quota does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def stored(settings: TokenSettings) -> list[Path]:
    """The token's files of keys: all but its own description."""
    assert settings.config_file is not None
    return [file for file in (settings.config_file.parent / "tokens").rglob("*.object") if file.name != "token.object"]


@pytest.mark.parametrize("room", [400, 700])
def test_a_token_without_room_makes_no_key_though_it_says_so(settings: TokenSettings, room: int) -> None:
    with Token.open(settings) as token:
        token.generate_key("older")
        with no_file_over(room), pytest.raises(TokenFull, match="'w1'"):
            token.generate_key("w1")
        assert not token.has_key("w1")
        assert token.key_ids() == ("older",)
        token.sign_digest("older", DIGEST)


@pytest.mark.parametrize("kept", [0, 100, 300])
@pytest.mark.parametrize("module", [key_pairs, sealing_keys])
def test_a_key_that_the_token_lost_while_storing_it_is_none_and_its_id_is_free_again(
    settings: TokenSettings, monkeypatch: pytest.MonkeyPatch, module: ModuleType, kept: int
) -> None:
    generate = module.generate

    def lossy(session: Session, key_id: str) -> None:
        before = set(stored(settings))
        generate(session, key_id)
        os.truncate(max(set(stored(settings)) - before, key=lambda file: file.stat().st_size), kept)

    with Token.open(settings) as token:
        make = token.generate_key if module is key_pairs else token.generate_sealing_key
        with monkeypatch.context() as patched:
            patched.setattr(module, "generate", lossy)
            with pytest.raises(TokenFull, match="'w1'"):
                make("w1")
        assert not token.has_key("w1")
        make("w1")
    with Token.open(settings) as again:
        assert again.has_key("w1")


def test_a_token_that_says_it_is_full_is_believed(token: Token, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise DeviceMemory

    monkeypatch.setattr(key_pairs, "generate", full)
    with pytest.raises(TokenFull, match="destroy keys"):
        token.generate_key("w1")


def test_what_else_goes_wrong_while_a_key_is_made_is_no_lack_of_room(token: Token, monkeypatch: pytest.MonkeyPatch) -> None:
    def removed(*_: object) -> None:
        raise DeviceRemoved

    monkeypatch.setattr(key_pairs, "generate", removed)
    with pytest.raises(TokenFailed, match=r"generating key 'w1'.*DeviceRemoved"):
        token.generate_key("w1")


def test_keys_made_before_sign_on_after_another_was_made(token: Token) -> None:
    address = token.generate_key("w1")
    token.sign_digest("w1", DIGEST)
    token.generate_key("w2")
    assert token.address("w1") == address
    token.sign_digest("w1", DIGEST)


def test_what_a_key_sealed_it_opens_in_the_same_context_only(token: Token) -> None:
    token.generate_sealing_key("shares")
    sealed = token.seal("shares", b"data key", b"w1, epoch 1")
    assert token.unseal("shares", sealed, b"w1, epoch 1") == b"data key"
    assert sealed != token.seal("shares", b"data key", b"w1, epoch 1")
    for wrong in (sealed[:-1], b"", sealed[:20], b"\x02" + sealed[1:], sealed[:15] + bytes([sealed[15] ^ 1]) + sealed[16:]):
        with pytest.raises(SealBroken, match="'shares'"):
            token.unseal("shares", wrong, b"w1, epoch 1")
    with pytest.raises(SealBroken):
        token.unseal("shares", sealed, b"w1, epoch 2")
    assert token.unseal("shares", sealed, b"w1, epoch 1") == b"data key"


def test_another_key_does_not_open_it(token: Token) -> None:
    token.generate_sealing_key("shares")
    token.generate_sealing_key("journal")
    with pytest.raises(SealBroken):
        token.unseal("journal", token.seal("shares", b"data key", b""), b"")


def test_a_token_that_can_open_nothing_is_told_from_bytes_that_do_not_open(
    token: Token, monkeypatch: pytest.MonkeyPatch
) -> None:
    token.generate_sealing_key("shares")
    sealed = token.seal("shares", b"data key", b"")

    def broken(*_: object) -> bytes:
        raise GeneralError

    monkeypatch.setattr(sealing_keys, "_opened", broken)
    with pytest.raises(TokenFailed, match="opening bytes sealed by key 'shares'"):
        token.unseal("shares", sealed, b"")


def test_a_sealing_key_seals_on_after_the_token_was_opened_again(settings: TokenSettings) -> None:
    with Token.open(settings) as token:
        token.generate_sealing_key("shares")
        sealed = token.seal("shares", b"data key", b"")
    with Token.open(settings) as again:
        assert again.unseal("shares", sealed, b"") == b"data key"


def test_a_sealing_key_cannot_be_read(settings: TokenSettings) -> None:
    with Token.open(settings) as token:
        token.generate_sealing_key("shares")
    with loaded(settings.module, settings.config_file) as library:
        slot = library.get_token(token_label=settings.label)
        with slot.open(rw=True, user_pin=settings.pin_file.read_text()) as session:
            key = session.get_key(object_class=ObjectClass.SECRET_KEY, id=b"shares")
            with pytest.raises(PKCS11Error):
                key[Attribute.VALUE]


def test_a_sealing_key_that_could_have_been_copied_seals_nothing(settings: TokenSettings) -> None:
    with loaded(settings.module, settings.config_file) as library:
        slot = library.get_token(token_label=settings.label)
        with slot.open(rw=True, user_pin=settings.pin_file.read_text()) as session:
            session.generate_key(
                KeyType.AES,
                256,
                id=b"planted",
                store=True,
                capabilities=MechanismFlag.ENCRYPT | MechanismFlag.DECRYPT,
                template={Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: True},
            )
    with Token.open(settings) as token, pytest.raises(KeyUnfit, match="EXTRACTABLE"):
        token.seal("planted", b"data key", b"")


def test_ids_are_one_space_for_both_kinds_of_key(token: Token) -> None:
    token.generate_sealing_key("shares")
    with pytest.raises(KeyExists):
        token.generate_key("shares")
    token.generate_key("w1")
    with pytest.raises(KeyExists):
        token.generate_sealing_key("w1")
    with pytest.raises(KeyUnknown):
        token.seal("w1", b"", b"")
    with pytest.raises(KeyUnknown):
        token.sign_digest("shares", DIGEST)


def test_a_destroyed_key_is_gone_for_good_and_its_proof_is_its_public_half(settings: TokenSettings) -> None:
    with Token.open(settings) as token:
        token.generate_key("w1")
        token.generate_key("w2")
        point = token.public_key("w1")
        token.sign_digest("w1", DIGEST)
        assert token.destroy_key("w1") == hashlib.sha256(point).hexdigest()
        with pytest.raises(KeyUnknown):
            token.sign_digest("w1", DIGEST)
        token.sign_digest("w2", DIGEST)
    with Token.open(settings) as again:
        assert again.key_ids() == ("w2",)
        assert not again.has_key("w1")
        with pytest.raises(KeyUnknown):
            again.destroy_key("w1")
    assert len(stored(settings)) == 2


def test_a_destruction_cut_short_is_finished_with_the_same_proof(settings: TokenSettings) -> None:
    with Token.open(settings) as token:
        token.generate_key("w1")
        point = token.public_key("w1")
    with loaded(settings.module, settings.config_file) as library:
        slot = library.get_token(token_label=settings.label)
        with slot.open(rw=True, user_pin=settings.pin_file.read_text()) as session:
            session.get_key(object_class=ObjectClass.PRIVATE_KEY, id=b"w1").destroy()
    with Token.open(settings) as token:
        assert token.has_key("w1")
        assert token.destroy_key("w1") == hashlib.sha256(point).hexdigest()
        assert not token.has_key("w1")


def test_what_a_destroyed_key_sealed_opens_never_again(token: Token) -> None:
    token.generate_sealing_key("shares")
    sealed = token.seal("shares", b"data key", b"")
    token.destroy_key("shares")
    with pytest.raises(KeyUnknown):
        token.unseal("shares", sealed, b"")
    token.generate_sealing_key("shares")
    with pytest.raises(SealBroken):
        token.unseal("shares", sealed, b"")


SIGN_TWICE = """
import sys
from pathlib import Path
from infra.hsm.errors import KeyUnknown
from infra.hsm.settings import TokenSettings
from infra.hsm.token import Token
module, label, pin_file, config_file = sys.argv[1:]
with Token.open(TokenSettings(Path(module), label, Path(pin_file), Path(config_file))) as token:
    token.sign_digest("w1", bytes(32))
    print("signed", flush=True)
    sys.stdin.readline()
    try:
        token.sign_digest("w1", bytes(32))
    except KeyUnknown:
        print("unknown", flush=True)
    token.sign_digest("w2", bytes(32))
    print("signed", flush=True)
"""


def test_what_one_process_makes_and_destroys_another_sees_at_once(settings: TokenSettings) -> None:
    with Token.open(settings) as token:
        token.generate_key("w1")
    arguments = [str(settings.module), settings.label, str(settings.pin_file), str(settings.config_file)]
    with subprocess.Popen(
        [sys.executable, "-c", SIGN_TWICE, *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as signer:
        assert signer.stdout is not None
        assert signer.stdout.readline() == "signed\n"
        with Token.open(settings) as token:
            token.generate_key("w2")
            token.destroy_key("w1")
        assert signer.communicate("\n", timeout=60)[0] == "unknown\nsigned\n"


@pytest.mark.parametrize("key_id", ["", "x" * 65, "naïve"])
def test_an_id_that_names_no_key_is_refused_everywhere(token: Token, key_id: str) -> None:
    for refuse in (token.generate_key, token.generate_sealing_key, token.destroy_key, token.has_key, token.address):
        with pytest.raises(KeyIdInvalid):
            refuse(key_id)


def test_what_a_crash_left_of_a_key_is_discarded_and_leaves_no_trace(token: Token) -> None:
    token.generate_key("w1")
    token.generate_key("w2")
    token._pairs.clear()
    for key in token._session.get_objects({Attribute.CLASS: ObjectClass.PUBLIC_KEY, Attribute.ID: b"w1"}):
        key.destroy()
    with pytest.raises(KeyUnfit):
        token.public_key("w1")
    for _ in range(2):
        token.discard_key("w1")
        assert not token.has_key("w1")
    assert token.key_ids() == ("w2",)
    token.generate_key("w1")
