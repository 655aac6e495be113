"""Governance, the custodian and three cosigners as processes: keys in a token and in shares, from an order to the end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, TypeVar

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from infra.cluster.description import ClusterDescription
from infra.cluster.local import Cluster
from infra.cluster.processes import Process
from infra.hsm.token import Token
from infra.identity.private_file import create_private
from schemas.events.base import FirmEvent
from schemas.events.keys import KeyDestroyed, KeyFailed, KeyGenerated, KeyOrdered, KeyRotated
from schemas.firm_commands import ProposeKey
from schemas.keys import DestroyKey, KeyChange, RotateKey
from schemas.topics import COSIGNERS
from streams.cosigning.enrolment import enrol
from streams.custody.custodian import key_file
from streams.governance.genesis import SignedGenesis
from tests.streams.desk.firm import MachineKey
from tests.streams.governance import firm
from tests.streams.governance.changes.keys.ceremonies import generate, in_token
from tests.streams.governance.test_on_kafka import Running, approval_of

THREE: Final = COSIGNERS[:3]
PROCESSES: Final = (
    Process("governance", "streams.governance", "governance"),
    Process("custodian", "streams.custody", "custodian"),
    *(Process(name, "streams.cosigning", name) for name in THREE),
)
E = TypeVar("E", KeyGenerated, KeyRotated, KeyDestroyed)


def genesis(description: ClusterDescription) -> SignedGenesis:
    systems = [*firm.document().systems, firm.system("custodian", "custodian", desks=[])]
    return firm.genesis(systems=systems, cosigners=enrol(description))


def found(description: ClusterDescription) -> None:
    """The firm's genesis, its cosigners, and the custodian's key."""
    if description.genesis_file.exists():
        return
    key = MachineKey("custodian")._private()
    create_private(key_file(description), key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    description.root_key_file.write_text(firm.PINNED.hex(), "ascii")
    create_private(description.genesis_file, genesis(description).model_dump_json().encode())


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with Cluster(tmp_path_factory.mktemp("custody"), ["kafka", "token"], PROCESSES, found=found) as cluster:
        yield Running(cluster)
        cluster.stop(delete=True)


def ordered(running: Running, change: KeyChange) -> int:
    """The position of an order, once a quorum has agreed to it."""
    proposed = running.send("sven", ProposeKey(change=change, reason="a review"))
    running.answer(proposed)
    running.answer(running.send("cora", approval_of(proposed)))
    agreed = running.send("carl", approval_of(proposed))
    order = running.until(lambda event: isinstance(event, KeyOrdered) and event.causation_id == agreed.command_id)
    return order.position


def outcome(running: Running, change: KeyChange, kind: type[E]) -> E:
    """What became of a change, once a quorum has agreed to it."""
    return outcome_of(running, ordered(running, change), kind)


def outcome_of(running: Running, position: int, kind: type[E]) -> E:
    """What became of an order: never a failure."""

    def is_answer(event: FirmEvent) -> bool:
        return isinstance(event, kind | KeyFailed) and event.ordered_position == position

    event = running.until(is_answer)
    assert isinstance(event, kind), event
    return event


def test_a_key_in_the_token_is_made_succeeded_and_destroyed_whoever_is_killed(running: Running) -> None:
    position = ordered(running, in_token("token-1"))
    running.cluster.kill("custodian")
    outcome_of(running, position, KeyGenerated)
    successor = outcome(running, RotateKey(key_id="token-1", successor="token-2"), KeyGenerated)
    outcome(running, DestroyKey(key_id="token-1"), KeyDestroyed)
    with Token.open(running.cluster.description.token.settings) as token:
        assert token.address("token-2") == successor.address
        assert token.key_ids() == ("token-2",)


def test_a_key_in_shares_is_made_refreshed_and_destroyed_by_all_its_cosigners(running: Running) -> None:
    made = outcome(running, generate(backend="hybrid", threshold=2, cosigners=list(THREE)), KeyGenerated)
    refreshed = outcome(running, RotateKey(key_id=made.key_id), KeyRotated)
    assert refreshed.epoch > made.epoch
    gone = outcome(running, DestroyKey(key_id=made.key_id), KeyDestroyed)
    assert {proof.place for proof in gone.proofs} == set(THREE)
