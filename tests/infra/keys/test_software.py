"""A development key does the work of a token's key, from a file that only its owner can read."""

import hashlib
from pathlib import Path

import pytest
from eth_keys.datatypes import Signature
from hypothesis import given
from hypothesis import strategies as st

from infra.ethereum.recovery import CURVE_ORDER
from infra.hsm.errors import DigestLength, KeyExists, KeyIdInvalid, KeyUnfit, KeyUnknown
from infra.identity.private_file import PrivateFileRefused, write_private
from infra.keys.software import SoftwareKeys

pytestmark = pytest.mark.shares


@pytest.fixture
def keys(tmp_path: Path) -> SoftwareKeys:
    return SoftwareKeys(tmp_path / "software")


def file_of(tmp_path: Path) -> Path:
    (file,) = (tmp_path / "software").iterdir()
    return file


@given(digest=st.binary(min_size=32, max_size=32))
def test_signatures_recover_to_the_keys_own_address_and_have_low_s(
    tmp_path_factory: pytest.TempPathFactory, digest: bytes
) -> None:
    keys = SoftwareKeys(tmp_path_factory.getbasetemp() / "software-keys")
    address = keys.address("w1") if keys.has_key("w1") else keys.generate_key("w1")
    made = keys.sign_digest("w1", digest)
    public = Signature(vrs=(made.y_parity, made.r, made.s)).recover_public_key_from_msg_hash(digest)
    assert public.to_checksum_address() == address
    assert public.to_bytes() == keys.public_key("w1")[1:]
    assert made.s <= CURVE_ORDER // 2


def test_a_key_is_made_once_and_found_again(tmp_path: Path, keys: SoftwareKeys) -> None:
    address = keys.generate_key("treasury/../w1")
    with pytest.raises(KeyExists, match="software"):
        keys.generate_key("treasury/../w1")
    again = SoftwareKeys(tmp_path / "software")
    assert again.address("treasury/../w1") == address
    assert again.key_ids() == ("treasury/../w1",)
    assert file_of(tmp_path).stat().st_mode & 0o777 == 0o600


def test_a_destroyed_key_is_gone(tmp_path: Path, keys: SoftwareKeys) -> None:
    keys.generate_key("w1")
    point = keys.public_key("w1")
    assert keys.destroy_key("w1") == hashlib.sha256(point).hexdigest()
    assert not keys.has_key("w1")
    assert not list((tmp_path / "software").iterdir())
    for ask in (keys.public_key, keys.destroy_key):
        with pytest.raises(KeyUnknown, match="software"):
            ask("w1")


@pytest.mark.parametrize("length", [0, 31, 33])
def test_only_digests_are_signed(keys: SoftwareKeys, length: int) -> None:
    keys.generate_key("w1")
    with pytest.raises(DigestLength):
        keys.sign_digest("w1", bytes(length))


@pytest.mark.parametrize("content", [b"", bytes(31), bytes(32), CURVE_ORDER.to_bytes(32, "big"), b"\xff" * 33])
def test_a_file_that_holds_no_key_signs_nothing_and_is_not_quoted(tmp_path: Path, keys: SoftwareKeys, content: bytes) -> None:
    keys.generate_key("w1")
    write_private(file_of(tmp_path), content)
    with pytest.raises(KeyUnfit, match="holds no secp256k1 key") as refused:
        keys.sign_digest("w1", bytes(32))
    assert refused.value.__cause__ is None
    assert refused.value.__context__ is None


def test_a_file_that_others_can_read_is_refused(tmp_path: Path, keys: SoftwareKeys) -> None:
    keys.generate_key("w1")
    file_of(tmp_path).chmod(0o640)
    with pytest.raises(PrivateFileRefused, match="chmod 0600"):
        keys.sign_digest("w1", bytes(32))


@pytest.mark.parametrize("key_id", ["", "x" * 65, "naïve"])
def test_an_id_that_names_no_key_is_refused(keys: SoftwareKeys, key_id: str) -> None:
    with pytest.raises(KeyIdInvalid):
        keys.generate_key(key_id)
