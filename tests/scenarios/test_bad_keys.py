"""Faults of keys, tokens, shares and clocks: each is reported by name, and leaves nothing half done."""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import pytest

from infra.hsm.errors import DigestLength, KeyExists, KeyUnknown, TokenFull, TokenMissing, WrongPin
from infra.hsm.settings import TokenSettings
from infra.hsm.softhsm import initialise
from infra.hsm.token import Token
from infra.identity.private_file import write_private
from infra.keys.sealing import FileSealer, SealRefused
from infra.keys.threshold import Share, ShareUnfit
from infra.keys.vault import ShareExists, ShareUnknown, ShareVault
from tests.infra.keys.ring import generated, refreshed, signed
from tests.world.line.forgery import examined
from tests.world.line.line import Line
from tests.world.line.scenery import SECOND, pay

pytestmark = [pytest.mark.cluster, pytest.mark.shares]

DIGEST: Final = bytes(range(32))
KEY: Final = "treasury-1"

# Tokens -------------------------------------------------------------------------------------------------------------------


@contextmanager
def opened(settings: TokenSettings) -> Iterator[Token]:
    with Token.open(settings) as token:
        yield token


def wrong_pin(settings: TokenSettings) -> None:
    other = settings.pin_file.with_name("another-pin")
    write_private(other, b"000000")
    with opened(replace(settings, pin_file=other)):
        pass


def missing_token(settings: TokenSettings) -> None:
    with opened(replace(settings, label="elsewhere")):
        pass


def token_full(settings: TokenSettings) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    with opened(settings) as token:
        resource.setrlimit(resource.RLIMIT_FSIZE, (400, before[1]))
        try:
            token.generate_key("another")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)


def unknown_key(settings: TokenSettings) -> None:
    with opened(settings) as token:
        token.sign_digest("another", DIGEST)


def key_again(settings: TokenSettings) -> None:
    with opened(settings) as token:
        token.generate_key(KEY)


def short_digest(settings: TokenSettings) -> None:
    with opened(settings) as token:
        token.sign_digest(KEY, DIGEST[:-1])


def long_digest(settings: TokenSettings) -> None:
    with opened(settings) as token:
        token.sign_digest(KEY, DIGEST + b"\x00")


@dataclass(frozen=True, slots=True)
class Wrong:
    """Something done wrong, and what must be said of it."""

    do: Callable[[TokenSettings], None]
    error: type[Exception]
    says: str


TOKENS: Final = {
    "wrong PIN": Wrong(wrong_pin, WrongPin, "put the right PIN there"),
    "missing token": Wrong(missing_token, TokenMissing, "initialise it"),
    "token full": Wrong(token_full, TokenFull, "destroy keys that are no longer used"),
    "unknown key": Wrong(unknown_key, KeyUnknown, "generate it"),
    "a key that is there": Wrong(key_again, KeyExists, "choose another id"),
    "digest too short": Wrong(short_digest, DigestLength, "this has 31"),
    "digest too long": Wrong(long_digest, DigestLength, "this has 33"),
}


@pytest.mark.parametrize("name", TOKENS)
def test_what_is_wrong_with_a_token_is_told_and_its_key_signs_as_before(tmp_path: Path, name: str) -> None:
    settings, wrong = initialise(tmp_path), TOKENS[name]
    with opened(settings) as token:
        address = token.generate_key(KEY)
    with pytest.raises(wrong.error, match=wrong.says):
        wrong.do(settings)
    with opened(settings) as token:
        assert (token.key_ids(), token.address(KEY)) == ((KEY,), address)
        token.sign_digest(KEY, DIGEST)


# Shares -------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Shares:
    """Of one key before and after a rotation, and of another. Both holders must sign: no more shares than are needed."""

    before: Mapping[int, Share]
    after: Mapping[int, Share]
    others: Mapping[int, Share]


@pytest.fixture(scope="module")
def shares() -> Shares:
    before = generated(2, 2)
    return Shares(before, refreshed(before), generated(2, 2))


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (
            "before",
            "of different epochs; one of them is from before a rotation.* then recover the share of the cosigner that lacks it",
        ),
        ("others", "party 2 is of another key, 0x.*; one of the two is in the wrong place"),
    ],
)
def test_a_share_from_before_a_rotation_or_of_another_key_signs_nothing_and_the_right_one_still_does(
    shares: Shares, wrong: str, says: str
) -> None:
    mixed = {**shares.after, 2: getattr(shares, wrong)[2]}
    with pytest.raises(ShareUnfit, match=says) as told:
        signed(mixed, [1, 2], DIGEST)
    assert (told.value.blamed, told.value.banned) == (2, None)
    assert signed(shares.after, [1, 2], DIGEST)


@pytest.mark.parametrize("length", [0, 31, 33])
def test_a_digest_of_the_wrong_length_begins_no_session(shares: Shares, length: int) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        signed(shares.after, [1, 2], bytes(length))


def test_a_vault_gives_no_share_that_it_has_not_replaces_none_and_opens_none_of_anothers(
    shares: Shares, tmp_path: Path
) -> None:
    vault = ShareVault(tmp_path / "shares", FileSealer(tmp_path / "sealing.key"))
    vault.put(KEY, 2, shares.after[1])
    with pytest.raises(ShareUnknown):
        vault.get(KEY, 1)
    with pytest.raises(ShareExists):
        vault.put(KEY, 2, shares.before[1])
    with pytest.raises(SealRefused):
        ShareVault(tmp_path / "shares", FileSealer(tmp_path / "another.key")).get(KEY, 2)
    kept = vault.get(KEY, 2)
    assert vault.epochs(KEY) == (2,)
    assert signed({1: kept, 2: shares.after[2]}, [1, 2], DIGEST)


# Clocks -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("skew_seconds", "check", "says"),
    [
        (-3_600, "chain-shape", " s from now by this signer's clock: its clock is behind"),
        (-60, "chain-shape", " s from now by this signer's clock: its clock is behind"),
        (3_600, "simulation", "3600 s old by this signer's clock"),
        (61, "simulation", "61 s old by this signer's clock, and may be 60: it has waited, or the clocks"),
        (0, "signed", ""),
    ],
)
def test_an_enclave_whose_clock_is_wrong_signs_nothing_and_names_the_clock(skew_seconds: int, check: str, says: str) -> None:
    line = Line()
    line.send("o1", pay("1000"))
    line.run("desk", "execution")
    found = examined(line.records, line.now + skew_seconds * SECOND)
    assert (found.of("o1"), bool(found.digests)) == (check, check == "signed"), found.messages
    assert says in "".join(found.messages)
