"""An approval is believed only when every rule of WebAuthn Level 3, section 7.2 holds."""

import itertools
import json
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from fido2 import cbor
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infra.proofs import base64url
from infra.proofs.webauthn import Assertion, AssertionRefused, VerifiedAssertion
from tests.infra.proofs.assertion_parts import (
    CHALLENGE,
    CREDENTIAL_ID,
    ORIGIN,
    UP,
    UV,
    Parts,
    SigningKey,
    cose_of,
    p256_key,
    seal,
    verify,
)

ED25519_KEY = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
GENUINE = Parts().sealed()
CLIENT = dict(Parts().client)
CLIENT_JSON = json.dumps(CLIENT)
OTHER_CHALLENGE = base64url.encode(bytes(32))


def refused_for(assertion: Assertion, key: bytes | None = None, previous_counter: int | None = None) -> str:
    with pytest.raises(AssertionRefused) as refusal:
        verify(assertion, key, previous_counter)
    assert str(refusal.value) == f"{refusal.value.check}: {refusal.value.reason}"
    return refusal.value.check


@pytest.mark.parametrize("key", [p256_key(), ED25519_KEY], ids=["ES256", "EdDSA"])
def test_a_genuine_assertion_says_who_where_and_its_counter(key: SigningKey) -> None:
    verified = verify(Parts(counter=7).sealed(key), cose_of(key), previous_counter=6)
    assert verified == VerifiedAssertion(CREDENTIAL_ID, 7, ORIGIN, backed_up=False)


@pytest.mark.parametrize(
    "parts",
    [
        Parts().with_client(origin="https://desk-two.example"),
        Parts().with_client(somethingNewer={"is": "ignored"}),
        Parts(client={name: value for name, value in CLIENT.items() if name != "crossOrigin"}),
        Parts(flags=UP | UV | 0x80, trailing=cbor.encode({"credProtect": 2})),
        Parts(flags=UP | UV | 0x08),
    ],
    ids=["another of our origins", "unknown members", "no crossOrigin", "extensions", "backup eligible"],
)
def test_what_the_standard_allows_is_accepted(parts: Parts) -> None:
    assert verify(parts.sealed()).backed_up is False


def test_a_backed_up_credential_is_reported() -> None:
    assert verify(Parts(flags=UP | UV | 0x18).sealed()).backed_up is True


@pytest.mark.parametrize(
    ("parts", "check"),
    [
        (Parts().with_client(type="webauthn.create"), "type"),
        (Parts().with_client(type="payment.get"), "type"),
        (Parts().with_client(challenge=OTHER_CHALLENGE), "challenge"),
        (Parts().with_client(challenge=base64url.encode(CHALLENGE) + "="), "challenge"),
        (Parts().with_client(challenge=base64url.encode(CHALLENGE[:-1])), "challenge"),
        (Parts().with_client(challenge=""), "challenge"),
        (Parts().with_client(challenge=None), "challenge"),
        (Parts().with_client(challenge="\u00e9"), "challenge"),
        (Parts().with_client(origin="http://desk.example"), "origin"),
        (Parts().with_client(origin="https://desk.example:8443"), "origin"),
        (Parts().with_client(origin="https://desk.example/"), "origin"),
        (Parts().with_client(origin="https://desk.example.evil.example"), "origin"),
        (Parts().with_client(origin="https://sub.desk.example"), "origin"),
        (Parts().with_client(origin="HTTPS://DESK.EXAMPLE"), "origin"),
        (Parts().with_client(origin=[ORIGIN]), "origin"),
        (Parts().with_client(origin=None), "origin"),
        (Parts().with_client(crossOrigin=True), "cross-origin"),
        (Parts().with_client(crossOrigin=0), "cross-origin"),
        (Parts().with_client(crossOrigin="false"), "cross-origin"),
        (Parts().with_client(topOrigin="https://evil.example"), "cross-origin"),
        (Parts(rp_id="evil.example"), "relying-party"),
        (Parts(rp_id="sub.desk.example"), "relying-party"),
        (Parts(flags=UV), "user-present"),
        (Parts(flags=UP), "user-verified"),
        (Parts(flags=0), "user-present"),
        (Parts(flags=UP | UV | 0x02), "authenticator-data"),
        (Parts(flags=UP | UV | 0x20), "authenticator-data"),
        (Parts(flags=UP | UV | 0x10), "authenticator-data"),
        (Parts(flags=UP | UV | 0x40, trailing=bytes(50)), "authenticator-data"),
        (Parts(trailing=b"\x00"), "authenticator-data"),
        (Parts(flags=UP | UV | 0x80), "authenticator-data"),
        (Parts(flags=UP | UV | 0x80, trailing=b"\x01"), "authenticator-data"),
        (Parts(flags=UP | UV | 0x80, trailing=cbor.encode({}) + b"\x00"), "authenticator-data"),
        (Parts(flags=UP | UV | 0x80, trailing=b"\xa1\x81\x01\x01"), "authenticator-data"),
        (Parts(client_bytes=b"\xff"), "client-data"),
        (Parts(client_bytes=b"[]"), "client-data"),
        (Parts(client_bytes=b"[" * 4_000), "client-data"),
        (Parts(client_bytes=b"\xef\xbb\xbf" + CLIENT_JSON.encode()), "client-data"),
        (Parts(client_bytes=CLIENT_JSON.encode() + b"{}"), "client-data"),
        (Parts(client_bytes=CLIENT_JSON[:-1].encode() + b',"origin":"https://evil.example"}'), "client-data"),
        (Parts(client_bytes=b'{"type":"webauthn.create",' + CLIENT_JSON[1:].encode()), "client-data"),
    ],
)
def test_an_assertion_that_breaks_one_rule_is_refused_for_it_though_its_signature_is_genuine(parts: Parts, check: str) -> None:
    assert refused_for(parts.sealed()) == check


def test_authenticator_data_that_is_too_short_is_refused() -> None:
    assert refused_for(seal(CLIENT_JSON.encode(), bytes(36), p256_key())) == "authenticator-data"


def test_another_credentials_signature_is_refused() -> None:
    assert refused_for(Parts().sealed(p256_key(secret=99))) == "signature"
    assert refused_for(Parts().sealed(ED25519_KEY)) == "signature"
    assert refused_for(Parts().sealed(), cose_of(ED25519_KEY)) == "signature"


@pytest.mark.parametrize(
    ("previous", "counter", "accepted"),
    [
        (None, 0, True),
        (None, 5, True),
        (0, 0, True),
        (0, 1, True),
        (4, 5, True),
        (5, 5, False),
        (5, 4, False),
        (5, 0, False),
        (2**32 - 1, 2**32 - 1, False),
    ],
)
def test_a_counter_that_does_not_advance_is_a_replay_or_a_copy(previous: int | None, counter: int, *, accepted: bool) -> None:
    assertion = Parts(counter=counter).sealed()
    if accepted:
        assert verify(assertion, previous_counter=previous).counter == counter
    else:
        assert refused_for(assertion, previous_counter=previous) == "counter"


R, S = decode_dss_signature(base64url.decode(GENUINE.signature))
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
DER = encode_dss_signature(R, S)


@pytest.mark.parametrize(
    "signature",
    [
        encode_dss_signature(0, S),
        encode_dss_signature(R, 0),
        encode_dss_signature(0, 0),
        encode_dss_signature(1, 1),
        encode_dss_signature(R + ORDER, S),
        encode_dss_signature(R, S + ORDER),
        encode_dss_signature(ORDER - R, S),
        encode_dss_signature(ORDER, ORDER),
        encode_dss_signature(S, R),
        R.to_bytes(32, "big") + S.to_bytes(32, "big"),
        DER + b"\x00",
        DER[:-1],
        DER[:1] + b"\x81" + DER[1:],
        DER[:2] + b"\x02\x00" + DER[2:],
        b"\x30\x00",
        b"\x00",
        b"\x30\x80" + DER[2:] + b"\x00\x00",
    ],
    ids=itertools.count(),
)
def test_signatures_that_other_verifiers_were_known_to_accept_are_refused(signature: bytes) -> None:
    """The kinds of Wycheproof's ecdsa_secp256r1_sha256_test.json: zero, one, over the order, other encodings."""
    assert refused_for(replace(GENUINE, signature=base64url.encode(signature))) == "signature"


@pytest.mark.parametrize("field", ["credential_id", "authenticator_data", "client_data_json", "signature"])
@pytest.mark.parametrize("text", ["", "=", "A", "AA=", "AAA=", "+A", "/A", "A A", "AB", "A\n", "é", "AAAA=", "A" * 9_000])
def test_only_strict_base64url_of_a_plausible_length_is_read(field: str, text: str) -> None:
    assert refused_for(replace(GENUINE, **{field: text})) == "encoding"


X, Y = (p256_key().public_key().public_numbers().x.to_bytes(32, "big"),
        p256_key().public_key().public_numbers().y.to_bytes(32, "big"))  # fmt: skip
ES256 = {1: 2, 3: -7, -1: 1, -2: X, -3: Y}


@pytest.mark.parametrize(
    "key",
    [
        b"",
        b"\xa1",
        b"\xbf\xff",
        b"\x9b" + b"\xff" * 8,
        b"\x81" * 200,
        b"\x00" * 300,
        cbor.encode([]),
        cbor.encode({}),
        cbor.encode(ES256) + b"\x00",
        cbor.encode(ES256 | {3: -257}),
        cbor.encode(ES256 | {3: -47}),
        cbor.encode(ES256 | {-1: 2}),
        cbor.encode(ES256 | {1: 1}),
        cbor.encode(ES256 | {4: 1}),
        cbor.encode(ES256 | {-4: X}),
        cbor.encode(ES256 | {-1: True}),
        cbor.encode({True if name == 1 else name: value for name, value in ES256.items()}),
        cbor.encode(ES256 | {-3: bytes(32)}),
        cbor.encode(ES256 | {-2: X[:31]}),
        cbor.encode(ES256 | {-2: b"\x00" + X}),
        cbor.encode(ES256 | {-3: True}),
        cbor.encode({name: value for name, value in ES256.items() if name != -3}),
        b"\xa5\x03\x26\x01\x02\x20\x01\x21\x58\x20" + X + b"\x22\x58\x20" + Y,
        cbor.encode({1: 1, 3: -8, -1: 6, -2: bytes(32)}),
        cbor.encode({1: 1, 3: -8, -1: 6, -2: b"\xff" * 32}),
        cbor.encode({1: 1, 3: -8, -1: 6, -2: X, -3: Y}),
    ],
)
def test_a_key_that_an_approval_cannot_rest_on_is_refused(key: bytes) -> None:
    assert refused_for(GENUINE, key) == "credential-key"


SIGNED_FIELDS = ("authenticator_data", "client_data_json", "signature")


@settings(max_examples=1_000, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(
    field=st.sampled_from(SIGNED_FIELDS),
    edit=st.sampled_from(["flip", "insert", "drop", "cut"]),
    place=st.integers(min_value=0, max_value=10_000),
    mask=st.integers(min_value=1, max_value=255),
)
def test_no_change_to_the_bytes_of_an_assertion_ever_verifies(field: str, edit: str, place: int, mask: int) -> None:
    genuine = base64url.decode(getattr(GENUINE, field))
    at = place % len(genuine)
    changed = {
        "flip": genuine[:at] + bytes([genuine[at] ^ mask]) + genuine[at + 1 :],
        "insert": genuine[:at] + bytes([mask]) + genuine[at:],
        "drop": genuine[:at] + genuine[at + 1 :],
        "cut": genuine[:at],
    }[edit]
    if changed != genuine:
        refused_for(replace(GENUINE, **{field: base64url.encode(changed)}))


@settings(max_examples=300, deadline=None)
@given(field=st.sampled_from(SIGNED_FIELDS), place=st.integers(0, 10_000), character=st.characters())
def test_no_change_to_the_text_of_an_assertion_ever_verifies(field: str, place: int, character: str) -> None:
    genuine = getattr(GENUINE, field)
    at = place % len(genuine)
    changed = genuine[:at] + character + genuine[at + 1 :]
    if changed != genuine:
        refused_for(replace(GENUINE, **{field: changed}))


@settings(max_examples=300, deadline=None)
@given(key=st.binary(max_size=260))
def test_arbitrary_bytes_are_no_key_and_never_crash(key: bytes) -> None:
    assert refused_for(GENUINE, key) == "credential-key"
