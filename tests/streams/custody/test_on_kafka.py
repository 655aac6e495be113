"""Governance, the custodian and three cosigners as processes: keys in a token and in shares, from an order to the end."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, TypeVar

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from infra.ethereum.transaction import Signature, signer_of
from infra.hsm import softhsm
from infra.hsm.token import Token
from infra.identity.private_file import create_private
from infra.keys.sealing import FileSealer, TokenSealer
from infra.keys.threshold import Share, ShareUnfit
from infra.keys.vault import ShareVault
from infra.local_cluster.deadline import Deadline
from infra.local_cluster.local import Cluster
from infra.local_cluster.processes import Process
from infra.local_cluster.runtime import ROOT
from infra.settings.description import RUNTIME_VARIABLE, ClusterDescription
from schemas.events.base import FirmEvent
from schemas.events.keys import KeyDestroyed, KeyFailed, KeyGenerated, KeyOrdered, KeyRotated
from schemas.firm_commands import ProposeKey
from schemas.keys import Cosigner, DestroyKey, KeyChange, RecoverShare, RotateKey
from schemas.topics import COSIGNERS
from streams.cosigning.enrolment import RECOVERY_KEY_FILE, enrol
from streams.cosigning.installation import SEALING_KEY, CosignerFolder, load_agreement_key
from streams.custody.custodian import key_file
from streams.rules.governance.genesis import SignedGenesis
from tests.infra.keys.ring import signed
from tests.streams.cosigning.processes import READY
from tests.streams.governance.test_on_kafka import WAIT_SECONDS_MAX, Running, approval_of
from tests.streams.rules.governance.changes.keys.ceremonies import generate, in_token
from tests.world.firm import governance as firm
from tests.world.firm.desk import MachineKey

pytestmark = [pytest.mark.cluster, pytest.mark.shares, pytest.mark.token]

THREE: Final = COSIGNERS[:3]
LOST: Final = "cosigner-3"
SHARED: Final = "treasury-3"
DIGEST: Final = bytes(range(32))
LOOK_SECONDS: Final = 0.05
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
    """The outcome of a change, once a quorum has agreed to it."""
    return outcome_of(running, ordered(running, change), kind)


def outcome_of(running: Running, position: int, kind: type[E]) -> E:
    """The outcome of an order: never a failure."""

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


# A cosigner that is lost for good -----------------------------------------------------------------------------------


def await_true(holds: Callable[[], bool], what: str) -> None:
    deadline = Deadline(WAIT_SECONDS_MAX)
    while not holds():
        assert not deadline.passed, what
        time.sleep(LOOK_SECONDS)


def why(running: Running, name: str) -> str:
    """Why a process is not started again; empty while it is."""
    return next(each.why for each in running.cluster.running() if each.name == name)


def output_of(description: ClusterDescription, module: str, *arguments: str) -> str:
    """The output of a command given on a cosigner's machine."""
    command = [sys.executable, "-m", module, *arguments]
    environment = {**os.environ, RUNTIME_VARIABLE: str(description.runtime)}
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def held(description: ClusterDescription, name: str, epoch: int) -> Share:
    """A cosigner's share of the shared key, the only one that it has once it has thrown the older ones away."""
    with Token.open(description.cosigner_token(name).settings) as token:
        vault = ShareVault(CosignerFolder.of(description, name).shares / "hybrid", TokenSealer(token, SEALING_KEY))
        await_true(lambda: vault.epochs(SHARED) == (epoch,), f"{name} has not thrown its old shares away")
        return vault.get(SHARED, epoch)


def replaced(running: Running, backup: Path, epoch: int) -> Cosigner:
    """Another cosigner in the lost one's place: a machine with a token and nothing else, and what is done there."""
    description = running.cluster.description
    log = description.runtime / "logs" / f"{LOST}.log"
    softhsm.initialise(description.cosigner(LOST))
    public = CosignerFolder.of(description, "cosigner-1").recovery_key_file
    enrolled = output_of(description, "streams.cosigning.enrolment", LOST, "--recovery-public", str(public))
    given = ("--backup", str(backup), "--recovery-key", str(description.secret(RECOVERY_KEY_FILE)), "--hybrid")
    output_of(description, "streams.cosigning.recovery", LOST, SHARED, str(epoch), *given)
    before = log.read_text().count(READY)
    running.cluster.start_process(LOST)
    await_true(lambda: log.read_text().count(READY) > before, f"the new {LOST} is not ready")
    return Cosigner.model_validate(json.loads(enrolled))


def test_a_cosigner_lost_for_good_is_replaced_from_its_back_up_and_what_it_had_is_dead(
    running: Running, tmp_path: Path
) -> None:
    description = running.cluster.description
    change = generate(key_id=SHARED, backend="hybrid", threshold=2, cosigners=list(THREE))
    made = outcome(running, change, KeyGenerated)
    kept = description.cosigner(LOST) / "backups" / f"{SHARED}-{made.epoch}.backup"
    await_true(kept.exists, "there is no back-up")
    backup = Path(shutil.copy(kept, tmp_path))

    shutil.rmtree(description.cosigner(LOST))
    running.cluster.kill(LOST)
    await_true(lambda: "softhsm2.conf is missing" in why(running, LOST), "without its token it stands still, and says so")
    recovered = outcome(running, RecoverShare(key_id=SHARED, cosigner=replaced(running, backup, made.epoch)), KeyRotated)
    assert (recovered.reason, recovered.cosigners) == ("recovered", list(THREE))
    refreshed = outcome(running, RotateKey(key_id=SHARED), KeyRotated)
    assert {each.address for each in (*recovered.vouched, *refreshed.vouched)} == {made.address}

    first, third = held(description, "cosigner-1", refreshed.epoch), held(description, LOST, refreshed.epoch)
    signature = signed({1: first, 3: third}, [1, 3], DIGEST)
    assert signer_of(DIGEST, Signature(signature.y_parity, signature.r, signature.s)) == made.address
    stolen = ShareVault(tmp_path / "stolen", FileSealer(tmp_path / "sealing.key"))
    recovery_key = load_agreement_key(description.secret(RECOVERY_KEY_FILE))
    old = stolen.restore(SHARED, made.epoch, backup.read_bytes(), recovery_key)
    with pytest.raises(ShareUnfit, match="of different epochs"):
        signed({1: first, 3: old}, [1, 3], DIGEST)
