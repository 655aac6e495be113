"""The software authenticator makes real WebAuthn: python-fido2's own server is the judge, our verifier the second."""

import json
import stat
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest
from fido2.server import Fido2Server
from fido2.webauthn import (
    AttestedCredentialData,
    PublicKeyCredentialRpEntity,
    PublicKeyCredentialUserEntity,
    UserVerificationRequirement,
)

from infra.identity.authenticator import Registration, SoftwareAuthenticator
from infra.identity.private_file import PrivateFileRefused, create_private
from infra.proofs import base64url
from infra.proofs.webauthn import Assertion, CounterRefused, verify_assertion

RP_ID = "desk.example"
ORIGIN = "https://desk.example"
CHALLENGE = bytes(range(32))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "alice.json"


@pytest.fixture
def authenticator(path: Path) -> SoftwareAuthenticator:
    return SoftwareAuthenticator.create(path, rp_id=RP_ID, origin=ORIGIN, user="alice")


def verified_counter(authenticator: SoftwareAuthenticator, assertion: Assertion, previous: int | None) -> int:
    return verify_assertion(
        assertion,
        credential_public_key=authenticator.public_key,
        expected_challenge=CHALLENGE,
        rp_id=RP_ID,
        origins=[ORIGIN],
        previous_counter=previous,
    ).counter


def server() -> Fido2Server:
    party = PublicKeyCredentialRpEntity(id=RP_ID, name="desk")
    return Fido2Server(party, verify_origin=lambda origin: origin == ORIGIN)


def response(credential_id: str, **fields: str) -> dict[str, object]:
    """Return what a browser sends: RegistrationResponseJSON or AuthenticationResponseJSON."""
    return {
        "id": credential_id,
        "rawId": credential_id,
        "type": "public-key",
        "clientExtensionResults": {},
        "response": fields,
    }


def registered(authenticator: SoftwareAuthenticator) -> tuple[Registration, AttestedCredentialData]:
    user = PublicKeyCredentialUserEntity(id=b"alice", name="alice")
    _, state = server().register_begin(user, user_verification=UserVerificationRequirement.REQUIRED, challenge=CHALLENGE)
    registration = authenticator.register(CHALLENGE)
    answer = response(
        registration.credential_id,
        clientDataJSON=registration.client_data_json,
        attestationObject=registration.attestation_object,
    )
    credential = server().register_complete(state, answer).credential_data
    assert credential is not None
    return registration, credential


def asserted(assertion: Assertion, credential: AttestedCredentialData, challenge: bytes) -> AttestedCredentialData:
    _, state = server().authenticate_begin(
        [credential], user_verification=UserVerificationRequirement.REQUIRED, challenge=challenge
    )
    answer = response(
        assertion.credential_id,
        clientDataJSON=assertion.client_data_json,
        authenticatorData=assertion.authenticator_data,
        signature=assertion.signature,
    )
    return server().authenticate_complete(state, [credential], answer)


def test_fido2s_server_registers_it_and_accepts_its_assertions(authenticator: SoftwareAuthenticator) -> None:
    registration, credential = registered(authenticator)
    assert base64url.encode(credential.credential_id) == registration.credential_id == authenticator.credential_id
    assert registration.public_key == authenticator.public_key
    assert asserted(authenticator.get(CHALLENGE), credential, CHALLENGE) == credential


def test_fido2s_server_refuses_an_assertion_for_another_challenge(authenticator: SoftwareAuthenticator) -> None:
    _, credential = registered(authenticator)
    with pytest.raises(ValueError, match="challenge"):
        asserted(authenticator.get(bytes(32)), credential, CHALLENGE)


def test_our_verifier_accepts_its_assertions_one_after_the_other(authenticator: SoftwareAuthenticator) -> None:
    first = verified_counter(authenticator, authenticator.get(CHALLENGE), None)
    second = verified_counter(authenticator, authenticator.get(CHALLENGE), first)
    assert (first, second) == (1, 2)


def test_a_replayed_assertion_is_refused_for_its_counter(authenticator: SoftwareAuthenticator) -> None:
    assertion = authenticator.get(CHALLENGE)
    counter = verified_counter(authenticator, assertion, None)
    with pytest.raises(CounterRefused):
        verified_counter(authenticator, assertion, counter)


def test_the_counter_survives_the_process_and_is_on_disk_before_the_assertion_is_out(
    authenticator: SoftwareAuthenticator, path: Path
) -> None:
    authenticator.get(CHALLENGE)
    assert json.loads(path.read_text())["counter"] == 1
    reopened = SoftwareAuthenticator(path)
    assert reopened.user == "alice"
    assert verified_counter(reopened, reopened.get(CHALLENGE), 1) == 2


def test_a_counter_that_cannot_be_written_keeps_the_assertion_from_leaving(
    authenticator: SoftwareAuthenticator, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("infra.identity.authenticator.write_private", full)
    with pytest.raises(OSError, match="No space"):
        authenticator.get(CHALLENGE)


def counters_shown(path: Path, count: int) -> list[int]:
    authenticator = SoftwareAuthenticator(path)
    return [verified_counter(authenticator, authenticator.get(CHALLENGE), None) for _ in range(count)]


def test_two_processes_never_show_one_counter_twice(authenticator: SoftwareAuthenticator, path: Path) -> None:
    assert authenticator.user == "alice"
    with ProcessPoolExecutor(max_workers=2, mp_context=get_context("spawn")) as processes:
        shown = [counter for part in processes.map(counters_shown, [path] * 2, [20] * 2) for counter in part]
    assert sorted(shown) == list(range(1, 41))


def test_the_credentials_file_is_private_and_is_not_made_over_another(authenticator: SoftwareAuthenticator, path: Path) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(PrivateFileRefused, match="already exists"):
        SoftwareAuthenticator.create(path, rp_id=RP_ID, origin=ORIGIN, user="mallory")
    assert SoftwareAuthenticator(path).credential_id == authenticator.credential_id


def test_a_credential_swapped_under_an_open_authenticator_is_noticed(authenticator: SoftwareAuthenticator, path: Path) -> None:
    path.unlink()
    SoftwareAuthenticator.create(path, rp_id=RP_ID, origin=ORIGIN, user="mallory")
    with pytest.raises(PrivateFileRefused, match="another credential"):
        authenticator.get(CHALLENGE)


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b'{"counter": -1}', b"\xff"])
def test_a_file_that_holds_no_credential_is_refused_and_not_quoted(path: Path, content: bytes) -> None:
    create_private(path, content)
    with pytest.raises(PrivateFileRefused, match="no software credential") as refusal:
        SoftwareAuthenticator(path)
    assert refusal.value.__cause__ is None


def test_a_damaged_credential_is_refused_without_its_private_key_in_the_message(
    authenticator: SoftwareAuthenticator, path: Path
) -> None:
    members = json.loads(path.read_text())
    path.write_text(json.dumps(members | {"counter": "many"}))
    with pytest.raises(PrivateFileRefused) as refusal:
        authenticator.get(CHALLENGE)
    assert members["private_key"] not in str(refusal.value)
