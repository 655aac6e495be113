"""Shows keys over HTTP and on the dashboard, from the log through the tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from fastapi.testclient import TestClient

from projections.projector.projecting import rebuild
from projections.storage.tables import Writer
from schemas.events import lifecycle
from schemas.events.keys import KeySuspended
from schemas.keys import GenerateKey
from tests.projections import key_story
from tests.projections.conftest import fresh_database
from tests.projections.key_story import ADDRESS, HOLDERS, SHARED
from tests.projections.memory_log import Stage
from tests.projections.test_api import HOSTILE, client_of, get
from tests.world.firm import story
from tests.world.firm.story import Story, life, made, order_id_of

pytestmark = pytest.mark.cluster

SIGNED, OTHER = order_id_of(31), order_id_of(32)
OPEN_PROPOSAL = order_id_of(33)


def keys_story() -> Story:
    """A key in shares that signed twice and was renewed; a Safe; a proposal that waits."""
    keys_story = life(signed_by(SIGNED), signed_by(OTHER, epoch=1))
    for event in [*key_story.birth(), key_story.wallet(), key_story.safe_wallet(), *key_story.later()[:4]]:
        keys_story.tell(event)
    keys_story.tell(key_story.enrolled(5, "singapore"))
    keys_story.tell(key_story.proposed(GenerateKey(key_id="spare", backend="hsm"), OPEN_PROPOSAL))
    return keys_story


def signed_by(order_id: str, epoch: int = 2) -> list[Any]:
    """An order as far as its signature."""
    by = key_story.attestation().model_copy(update={"epoch": epoch})
    signed = made(lifecycle.Signed, order_id, key_backend="mpc", key_id=SHARED, attestation=by)
    return [*story.confirmed(order_id)[:7], signed]


@pytest.fixture(scope="module")
def client(postgres: str) -> Iterator[TestClient]:
    """Filled once: these tests only read."""
    database = fresh_database(postgres)
    rebuild(Stage(lambda: psycopg.connect(database, autocommit=True), keys_story()).outside())
    with client_of(database) as client:
        yield client


def test_keys_are_listed_with_their_age_last_use_and_who_holds_them(client: TestClient) -> None:
    found = get(client, "/v1/keys")
    keys = {each["key_id"]: each for each in found["keys"]}
    shared, newest = keys[SHARED], get(client, f"/v1/orders/{OTHER}/events")["links"][-1]

    assert list(keys) == sorted(keys)
    assert {"executor-1", "owner-1", "owner-2", "vault", SHARED} <= set(keys)
    assert (shared["state"], shared["may_sign"], shared["backend"], shared["address"]) == ("suspended", False, "mpc", ADDRESS)
    assert (shared["epoch"], shared["threshold"], shared["rotation_due"], shared["ordered"]) == (2, 3, True, None)
    assert [use["wallet_id"] for use in shared["uses"]] == ["shared-main"]
    assert (shared["last_order_id"], shared["last_used_at"]) == (OTHER, newest["decided_at"])
    assert shared["renewed_at"] > shared["generated_at"] > 0
    assert {each["cosigner"]: each["site"] for each in shared["cosigners"]} == {
        **dict(zip(HOLDERS, key_story.SITES, strict=True)),
        "cosigner-5": "singapore",
    }


def test_whoever_took_a_place_last_is_its_cosigner(client: TestClient) -> None:
    cosigners = get(client, "/v1/keys")["cosigners"]
    assert [(each["party"], each["cosigner"]) for each in cosigners] == list(enumerate(HOLDERS, 1))
    assert cosigners[4]["site"] == "singapore"
    assert cosigners[0]["signing_key"] == key_story.enrolled(1).cosigner.signing_key


def test_one_key_comes_with_all_that_was_said_of_it_and_of_its_proposals(client: TestClient) -> None:
    key = get(client, f"/v1/keys/{SHARED}")
    assert [each["topic"] for each in key["history"]] == [
        "key-proposed",
        "proposal-approved",
        "proposal-approved",
        "proposal-closed",
        "key-ordered",
        "key-generated",
        "wallet-assigned",
        "key-ordered",
        "key-rotated",
        "rotation-due",
        "key-suspended",
    ]
    positions = [each["position"] for each in key["history"]]
    assert positions == sorted(set(positions))
    assert all(each["said"] and each["digest"] for each in key["history"])
    assert get(client, "/v1/keys/vault")["history"][0]["event"]["safe"]["threshold"] == 2


@pytest.mark.parametrize(
    ("path", "status"), [("/v1/keys/nothing", 404), ("/v1/keys/a/b%20c", 404), ("/v1/keys/" + "k" * 101, 422)]
)
def test_a_key_that_nobody_spoke_of_is_404_whatever_its_name(client: TestClient, path: str, status: int) -> None:
    assert client.get(path).status_code == status
    assert client.get(path.removeprefix("/v1")).status_code == status


def test_a_proposal_about_a_key_is_one_of_the_proposals(client: TestClient) -> None:
    enacted, waiting = (get(client, f"/v1/proposals/{each}") for each in (key_story.PROPOSAL, OPEN_PROPOSAL))

    assert (enacted["kind"], enacted["state"], len(enacted["approvals"])) == ("key", "enacted", 2)
    assert enacted["change"]["change"] == key_story.GENERATE.model_dump(mode="json")
    assert (waiting["state"], waiting["requires"]) == ("awaiting-approval", ["risk-officer:2"])


def test_an_order_says_by_what_it_was_signed(client: TestClient) -> None:
    attestation = get(client, f"/v1/orders/{SIGNED}")["attestation"]
    assert attestation == key_story.attestation().model_dump(mode="json")


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/keys", [SHARED, "suspended", "mpc 3 of 5, from 2 sites, epoch 2", "due", "singapore", "vault", "generate-key"]),
        ("/keys", ["executor-1", "(owner)", 'name="holder-cosigner-4"']),
        (
            f"/keys/{SHARED}",
            [
                "resume-key",
                "Rotate: new shares",
                "destroy-key",
                "recover-share",
                "older than was agreed to",
                f"/orders/{OTHER}",
            ],
        ),
        (f"/keys/{SHARED}", ["wallet shared-main", "cosigner-3 in london", f"/proposals/{key_story.PROPOSAL}"]),
        ("/", ["Keys to be rotated", f"/keys/{SHARED}"]),
        ("/keys/vault", ["safe 2", "Owner 2", "/keys/executor-1", "suspend-key"]),
        (f"/proposals/{OPEN_PROPOSAL}", ["Make key spare in a token", "approve-proposal"]),
        (f"/orders/{SIGNED}", ["Signed by", SHARED, "epoch 2", "Cosigners that judged it", "new-york", "not the enclave"]),
    ],
)
def test_a_page_shows_what_it_is_for(client: TestClient, path: str, words: list[str]) -> None:
    page = client.get(path)
    assert page.status_code == 200
    assert [word for word in words if word not in page.text] == []


def test_a_page_offers_only_what_could_be_proposed(client: TestClient) -> None:
    suspended, safe = client.get(f"/keys/{SHARED}").text, client.get("/keys/vault").text
    assert [word for word in ("suspend-key", "activate-key", 'name="successor"') if word in suspended] == []
    assert [word for word in ("rotate-key", "destroy-key", "activate-key", "recover-share") if word in safe] == []


def test_a_keys_name_runs_nothing(database: str, connect: Callable[[], Writer]) -> None:
    hostile = life()
    for event in (key_story.wallet(HOSTILE), key_story.key_event(KeySuspended, HOSTILE, reason=HOSTILE)):
        hostile.tell(event)
    rebuild(Stage(connect, hostile).outside())
    with client_of(database) as client:
        for page in (client.get("/keys"), client.get(f"/keys/{HOSTILE.replace('?', '%3F').replace('#', '%23')}")):
            assert page.status_code == 200
            assert "<img" not in page.text
            assert "&lt;script&gt;alert" in page.text
