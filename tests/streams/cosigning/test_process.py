"""Cosigners as processes: they give up privileges, sign together over Kafka, and never hold the key in memory."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from coincurve import PrivateKey

from infra.hsm.softhsm import initialise
from infra.hsm.token import Token
from infra.identity.private_file import create_private
from infra.isolation import landlock, syscall_filter
from infra.keys.sealing import TokenSealer
from infra.keys.threshold import Share
from infra.keys.vault import ShareVault
from infra.local_cluster.local import Cluster
from infra.settings.description import RUNTIME_VARIABLE, ClusterDescription
from schemas.events.lifecycle import Signed
from schemas.keys import RotateKey
from schemas.topics import COSIGNERS
from streams.cosigning.enrolment import enrol
from streams.cosigning.installation import SEALING_KEY, CosignerFolder
from tests.infra.keys.reconstruction import reconstructed, remembered, secret_of
from tests.streams.cosigning.processes import COSIGNING, Processes, WaitingSigner
from tests.streams.signing.test_isolation import installed, listening
from tests.world.firm.governance import PINNED
from tests.world.line.cosigners import KEY, of_cosigners
from tests.world.line.line import Line
from tests.world.line.scenery import pay

pytestmark = [pytest.mark.cluster, pytest.mark.shares]

ROOT = Path(__file__).parents[3]
ORDERS_DURING_A_LOOK = 3

PROBE = """
import json, socket, sys
from infra.settings.description import current
from infra.hsm.token import Token
from streams.cosigning.__main__ import CosignerSettings, shut_in
from streams.cosigning.installation import CosignerFolder

description, settings = current(), CosignerSettings()
place = CosignerFolder.of(description, settings.principal)

def attempt(action):
    try:
        action()
    except OSError as failure:
        return type(failure).__name__
    return "done"

def connect(port):
    socket.create_connection(("127.0.0.1", port), timeout=2).close()

with Token.open(description.cosigner_token(place.name).settings) as token:
    token.generate_sealing_key("k")
    shut_in(description, place, settings)
    from schemas import catalogue
    json.dump({
        "seal": attempt(lambda: token.seal("k", b"share", b"here")),
        "read schemas": attempt(lambda: catalogue.entries()),
        "keep a share": attempt(lambda: (place.shares / "s").write_bytes(b"1")),
        "connect to the broker": attempt(lambda: connect(int(description.kafka_bootstrap.rpartition(":")[2]))),
        "connect elsewhere": attempt(lambda: connect(int(sys.argv[1]))),
        "listen": attempt(lambda: socket.create_server(("127.0.0.1", 0))),
        "read another's folder": attempt(lambda: list(description.cosigner("cosigner-2").iterdir())),
        "read its PIN again": attempt(description.cosigner_token(place.name).pin_file.read_bytes),
        "raise its caps": attempt(lambda: place.velocity_file.write_bytes(b"{}")),
        "read the enclave's token": attempt(description.token.pin_file.read_bytes),
        "read the recovery key": attempt(description.secret("recovery.pem").read_bytes),
    }, sys.stdout)
"""


@pytest.mark.skipif(
    landlock.abi() < landlock.ABI_TCP or not syscall_filter.available(),
    reason="this kernel lacks Landlock's TCP rules, or libseccomp2 is not installed",
)
def test_shut_in_it_has_its_own_folder_and_the_broker_and_nothing_else(tmp_path: Path) -> None:
    with listening() as broker, listening() as other:
        description = installed(tmp_path, broker)
        enrol(description)
        initialise(tmp_path / "cosigner-1")
        for private in (description.secret("kafka-cosigner-1.json"), description.cosigner("cosigner-1") / "velocity.json"):
            create_private(private, b"{}")
        environment = {
            "PROOFDESK_PRODUCTION": "1",
            "PROOFDESK_PRINCIPAL": "cosigner-1",
            RUNTIME_VARIABLE: str(tmp_path),
            "PYTHONPATH": str(ROOT),
        }
        finished = subprocess.run(
            [sys.executable, "-c", PROBE, str(other)],
            env=os.environ | environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert finished.stdout, finished.stderr
    assert json.loads(finished.stdout.splitlines()[-1]) == {
        "seal": "done",
        "read schemas": "done",
        "keep a share": "done",
        "connect to the broker": "done",
        "connect elsewhere": "PermissionError",
        "listen": "PermissionError",
        "read another's folder": "PermissionError",
        "read its PIN again": "PermissionError",
        "raise its caps": "PermissionError",
        "read the enclave's token": "PermissionError",
        "read the recovery key": "PermissionError",
    }


# On a real log --------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Kafka, tokens and five cosigners."""

    def found(description: ClusterDescription) -> None:
        enrol(description)
        description.root_key_file.write_text(PINNED.hex())

    with Cluster(tmp_path_factory.mktemp("cosigners"), ["kafka", "token"], COSIGNING, found=found) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def table(cluster: Cluster) -> Processes:
    """A table around these processes, with a hybrid key."""
    line = Line(of_cosigners(enrol(cluster.description)), now=time.time_ns() // 1_000)
    table = Processes(line, cluster.description.runtime, description=cluster.description)
    table.publish()
    table.await_ready()
    table.make_key(backend="hybrid")
    return table


@pytest.fixture(scope="module")
def enclave(table: Processes) -> WaitingSigner:
    signer = table.waiting_signer()
    table.line.use(signer)
    return signer


def sign(table: Processes, name: str) -> Signed:
    table.line.now = max(table.line.now, time.time_ns() // 1_000)
    table.line.send(name, pay("1000", wallet_id=KEY))
    table.line.run()
    assert table.line.outcome(name) == "signed"
    (signed,) = table.line.events(Signed, name)
    return signed


def shares(description: ClusterDescription, epoch: int) -> list[Share]:
    """All of them: only a test sees them side by side."""
    found = []
    for name in COSIGNERS:
        with Token.open(description.cosigner_token(name).settings) as token:
            vault = ShareVault(CosignerFolder.of(description, name).shares / "hybrid", TokenSealer(token, SEALING_KEY))
            found.append(vault.get(KEY, epoch))
    return found


def test_the_key_is_in_no_memory_while_it_signs(cluster: Cluster, table: Processes, enclave: WaitingSigner) -> None:
    held = shares(cluster.description, 1)
    key, secrets = reconstructed(held[:3]), [secret_of(share) for share in held]
    assert PrivateKey.from_int(key).public_key.format(compressed=False) == held[0].public_key
    for pair in ((0, 1), (1, 4)):
        assert reconstructed([held[place] for place in pair]) != key, "two shares are nothing"
    pids = {each.name: each.pid for each in cluster.running() if each.name in COSIGNERS}
    with ThreadPoolExecutor(1) as signing:
        signed = [signing.submit(sign, table, f"look-{number}") for number in range(ORDERS_DURING_A_LOOK)]
        seen = {name: remembered(pid, {key, *secrets}) for name, pid in pids.items()}
        attestations = [each.result().attestation for each in signed]
    again = {name: seen[name] | remembered(pid, {key, *secrets}) for name, pid in pids.items()}
    signers = {verdict.cosigner for each in attestations if each is not None for verdict in each.cosigners}
    for name, secret in zip(COSIGNERS, secrets, strict=True):
        assert again[name] <= {secret}, f"{name} has seen more than its own share"
        assert name not in signers or again[name] == {secret}, "the look sees what is there"
    assert len(enclave.seconds) >= ORDERS_DURING_A_LOOK


def test_a_cosigner_that_was_killed_is_replaced_and_signs_again_when_it_is_back(
    cluster: Cluster, table: Processes, enclave: WaitingSigner
) -> None:
    enclave.seconds.clear()
    for number, name in enumerate(COSIGNERS[:2]):
        cluster.kill(name, signal.SIGKILL)
        assert sign(table, f"killed-{number}").attestation is not None
    assert max(enclave.seconds) < 30, "replaced within seconds, on a machine that has little time"


def test_new_shares_sign_for_the_same_address_and_old_ones_go_with_none(
    cluster: Cluster, table: Processes, enclave: WaitingSigner
) -> None:
    before = sign(table, "before").wallet
    old = shares(cluster.description, 1)
    order = table.order(RotateKey(key_id=KEY))
    attempt = 1
    while len(table.vouched(opened := table.hold(table.opened("refresh", attempt)))) < len(COSIGNERS):
        attempt += 1
    table.report_vouched(order, opened)
    after = sign(table, "after")
    assert after.wallet == before
    assert after.attestation is not None
    assert after.attestation.epoch == 1 + attempt
    new = shares(cluster.description, 1 + attempt)
    assert reconstructed(new[:3]) == reconstructed(old[:3]) != reconstructed([*old[:2], new[2]])
    assert enclave.seconds
