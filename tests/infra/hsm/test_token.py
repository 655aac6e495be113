"""Keys are made in the token, sign digests only, and cannot leave it; every refusal gives a remedy."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest
from coincurve import PublicKey
from eth_keys.datatypes import Signature
from pkcs11 import Attribute, KeyType, Mechanism, MechanismFlag, ObjectClass, Session
from pkcs11.exceptions import DeviceRemoved, PKCS11Error
from pkcs11.util.ec import encode_named_curve_parameters

from infra.ethereum.recovery import CURVE_ORDER, RecoverableSignature
from infra.hsm import token as token_module
from infra.hsm.errors import (
    DigestLength,
    KeyExists,
    KeyIdInvalid,
    KeyUnfit,
    KeyUnknown,
    SignatureInvalid,
    TokenBusy,
    TokenClosed,
    TokenFailed,
    TokenMissing,
    WrongPin,
)
from infra.hsm.key_pairs import KEY_ID_BYTES_MAX
from infra.hsm.module import loaded
from infra.hsm.settings import TokenSettings
from infra.hsm.token import Token
from infra.identity.private_file import PrivateFileRefused, write_private

pytestmark = pytest.mark.token

if TYPE_CHECKING:
    import pkcs11
    from pkcs11._pkcs11 import lib as Library  # noqa: N812 - a class that its authors wrote in lower case
    from pkcs11.types import SignMixin

ROOT = Path(__file__).parents[3]
DIGEST = bytes(range(32))


def pin_of(settings: TokenSettings) -> str:
    return settings.pin_file.read_text()


def recovered_address(made: RecoverableSignature, digest: bytes) -> str:
    """Recover by eth-keys, so that not only coincurve says so."""
    public = Signature(vrs=(made.y_parity, made.r, made.s)).recover_public_key_from_msg_hash(digest)
    return str(public.to_checksum_address())


@contextmanager
def raw_session(settings: TokenSettings) -> Iterator[Session]:
    with loaded(settings.module, settings.config_file) as library:
        token = library.get_token(token_label=settings.label)
        with token.open(rw=True, user_pin=pin_of(settings)) as session:
            yield session


def test_signatures_recover_to_the_keys_own_address_and_have_low_s(token: Token) -> None:
    address = token.generate_key("w1")
    parities = set()
    for _ in range(40):
        digest = os.urandom(32)
        signature = token.sign_digest("w1", digest)
        assert recovered_address(signature, digest) == address == token.address("w1")
        assert 0 < signature.s <= CURVE_ORDER // 2
        parities.add(signature.y_parity)
    assert parities == {0, 1}


def test_the_public_key_is_the_point_that_the_address_comes_from(token: Token) -> None:
    address = token.generate_key("w1")
    point = token.public_key("w1")
    assert len(PublicKey(point).format(compressed=False)) == len(point) == 65
    assert address == token.address("w1")


def test_keys_are_listed_and_outlive_the_session(settings: TokenSettings) -> None:
    with Token.open(settings) as token:
        addresses = {name: token.generate_key(name) for name in ("w2", "w1")}
        assert token.key_ids() == ("w1", "w2")
    with Token.open(settings) as token:
        assert {name: token.address(name) for name in token.key_ids()} == addresses


@pytest.mark.parametrize("length", [0, 20, 31, 33, 64])
def test_only_a_digest_of_32_bytes_is_signed(token: Token, length: int) -> None:
    token.generate_key("w1")
    with pytest.raises(DigestLength, match="32 bytes"):
        token.sign_digest("w1", bytes(length))


def test_a_key_that_is_not_there_is_named(token: Token) -> None:
    for use in (token.address, token.public_key, lambda name: token.sign_digest(name, DIGEST)):
        with pytest.raises(KeyUnknown, match="'absent'"):
            use("absent")


def test_an_id_names_one_key_for_ever(token: Token) -> None:
    address = token.generate_key("w1")
    with pytest.raises(KeyExists, match="'w1'"):
        token.generate_key("w1")
    assert token.key_ids() == ("w1",)
    assert token.address("w1") == address


@pytest.mark.parametrize("key_id", ["", "x" * (KEY_ID_BYTES_MAX + 1), "w\n1", "wällét", "\x00"])
def test_an_id_that_cannot_be_read_back_is_refused(token: Token, key_id: str) -> None:
    with pytest.raises(KeyIdInvalid):
        token.generate_key(key_id)
    assert token.key_ids() == ()


def test_the_private_key_cannot_be_read_or_made_readable(settings: TokenSettings) -> None:
    with Token.open(settings) as token:
        token.generate_key("w1")
    with raw_session(settings) as session:
        key = session.get_key(object_class=ObjectClass.PRIVATE_KEY, id=b"w1")
        assert key[Attribute.LOCAL] is key[Attribute.NEVER_EXTRACTABLE] is key[Attribute.ALWAYS_SENSITIVE] is True
        with pytest.raises(PKCS11Error):
            key[Attribute.VALUE]
        with pytest.raises(PKCS11Error):
            key[Attribute.EXTRACTABLE] = True
        with pytest.raises(PKCS11Error):
            key[Attribute.ID] = b"w2"


def plant(settings: TokenSettings, curve: str, copies: int, private_template: dict[Attribute, object]) -> None:
    """Put key pairs of id `planted` into the token, as a careless operator might."""
    with raw_session(settings) as session:
        for _ in range(copies):
            session.create_domain_parameters(
                KeyType.EC, {Attribute.EC_PARAMS: encode_named_curve_parameters(curve)}, local=True
            ).generate_keypair(id=b"planted", store=True, capabilities=MechanismFlag.SIGN, private_template=private_template)


@pytest.mark.parametrize(
    ("curve", "copies", "template", "complaint"),
    [
        ("secp256k1", 1, {Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: True}, "EXTRACTABLE"),
        ("secp256k1", 1, {Attribute.SENSITIVE: False, Attribute.EXTRACTABLE: False}, "SENSITIVE"),
        ("secp256k1", 2, {Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False}, "2 private"),
        ("secp256r1", 1, {Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False}, "secp256k1"),
    ],
    ids=["extractable", "readable", "ambiguous", "another curve"],
)
def test_a_key_that_could_have_been_copied_or_confused_never_signs(
    settings: TokenSettings, curve: str, copies: int, template: dict[Attribute, object], complaint: str
) -> None:
    plant(settings, curve, copies, template)
    with Token.open(settings) as token, pytest.raises(KeyUnfit, match=complaint):
        token.sign_digest("planted", DIGEST)


def test_a_wrong_pin_is_tried_once_and_never_shown(settings: TokenSettings) -> None:
    write_private(settings.pin_file, b"wrong-pin")
    before = time.monotonic()
    with pytest.raises(WrongPin, match=str(settings.pin_file)) as refusal:
        Token.open(settings)
    assert time.monotonic() - before < token_module.OPEN_WAIT_S_MAX
    assert "wrong-pin" not in str(refusal.value)


def test_a_pin_file_that_others_can_read_is_not_used(settings: TokenSettings) -> None:
    settings.pin_file.chmod(0o640)
    with pytest.raises(PrivateFileRefused, match="chmod 0600"):
        Token.open(settings)


def test_a_token_that_is_not_there_is_named(settings: TokenSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(token_module, "OPEN_ATTEMPTS_MAX", 2)
    with pytest.raises(TokenMissing, match="'elsewhere'"):
        Token.open(replace(settings, label="elsewhere"))


def test_a_process_has_one_token_open_and_gives_it_back_however_it_ends(settings: TokenSettings) -> None:
    with Token.open(settings), pytest.raises(TokenBusy):
        Token.open(settings)
    write_private(settings.pin_file, right := settings.pin_file.read_bytes())
    write_private(settings.pin_file, b"wrong-pin")
    with pytest.raises(WrongPin):
        Token.open(settings)
    write_private(settings.pin_file, right)
    with Token.open(settings) as token:
        token.close()
        token.close()
    Token.open(settings).close()


def test_a_closed_token_signs_nothing_even_while_its_session_number_is_somebody_elses(settings: TokenSettings) -> None:
    with Token.open(settings) as closed:
        closed.generate_key("w1")
    with Token.open(settings), pytest.raises(TokenClosed):
        closed.sign_digest("w1", DIGEST)


def test_what_the_library_reports_is_passed_on_with_what_was_being_done(token: Token, monkeypatch: pytest.MonkeyPatch) -> None:
    class Removed:
        def get_objects(self, _: object) -> None:
            raise DeviceRemoved

    monkeypatch.setattr(token, "_session", Removed())
    with pytest.raises(TokenFailed, match=r"listing its keys.*DeviceRemoved"):
        token.key_ids()


def test_many_threads_sign_through_one_session(token: Token) -> None:
    address = token.generate_key("w1")
    digests = [i.to_bytes(32, "big") for i in range(200)]
    with ThreadPoolExecutor(max_workers=8) as threads:
        signatures = list(threads.map(lambda digest: token.sign_digest("w1", digest), digests))
    for digest, made in zip(digests, signatures, strict=True):
        assert recovered_address(made, digest) == address


def test_a_token_that_returns_a_wrong_signature_is_caught(token: Token, monkeypatch: pytest.MonkeyPatch) -> None:
    token.generate_key("w1")
    token.address("w1")
    pair = token._pairs["w1"]

    class Faulty:
        def sign(self, digest: bytes, mechanism: Mechanism) -> bytes:
            raw = bytearray(pair.private.sign(digest, mechanism=mechanism))
            raw[40] ^= 1
            return bytes(raw)

    monkeypatch.setitem(token._pairs, "w1", replace(pair, private=cast("SignMixin", Faulty())))
    with pytest.raises(SignatureInvalid, match="out of service"):
        token.sign_digest("w1", DIGEST)


@pytest.mark.parametrize("failure", token_module.LOST_RACES)
def test_a_race_lost_to_another_process_is_tried_again(settings: TokenSettings, failure: type[PKCS11Error]) -> None:
    class Racing:
        """The library, failing its first look-ups as SoftHSM does when processes open its files at once."""

        def __init__(self, library: "Library") -> None:
            self.library, self.failures, self.reinitialised = library, 3, 0

        def get_token(self, **criteria: str) -> "pkcs11.Token":
            self.failures -= 1
            if self.failures >= 0:
                raise failure
            return self.library.get_token(**criteria)

        def reinitialize(self) -> None:
            self.reinitialised += 1
            self.library.reinitialize()

    with ExitStack() as resources:
        library = Racing(resources.enter_context(loaded(settings.module, settings.config_file)))
        session = token_module._logged_in(cast("Library", library), settings, pin_of(settings))
        resources.enter_context(session)
        assert session.rw
        assert library.reinitialised == 3


OPEN_AND_SIGN = """
import sys
from pathlib import Path
from infra.hsm.settings import TokenSettings
from infra.hsm.token import Token
module, label, pin_file, config_file = sys.argv[1:]
with Token.open(TokenSettings(Path(module), label, Path(pin_file), Path(config_file))) as token:
    for n in range(20):
        token.sign_digest("w1", n.to_bytes(32, "big"))
"""


def test_several_processes_open_the_token_at_the_same_moment(settings: TokenSettings) -> None:
    with Token.open(settings) as token:
        token.generate_key("w1")
    arguments = [str(settings.module), settings.label, str(settings.pin_file), str(settings.config_file)]
    signers = [
        subprocess.Popen(
            [sys.executable, "-c", OPEN_AND_SIGN, *arguments],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    complaints = [signer.communicate(timeout=60)[1] for signer in signers]
    assert [signer.returncode for signer in signers] == [0] * 4, complaints
