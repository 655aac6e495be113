"""The enclave as a process: its settings, the privileges it gives up, and its work on a real log with a real token."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from infra.ethereum import transaction
from infra.hsm.token import Token
from infra.kafka import clients
from infra.local_cluster.deadline import Deadline
from infra.local_cluster.local import Cluster
from infra.local_cluster.processes import EXIT_REFUSED
from infra.settings.description import RUNTIME_VARIABLE, ClusterDescription
from schemas.events.governance import WalletAssigned
from schemas.events.lifecycle import Signed, SigningRefused, Simulated
from schemas.topics import TOPICS
from streams.engine.references import References
from streams.judging.installation import EnclaveSettings, RootKeyInvalid, pinned_root_key
from streams.rules.decider import Received
from streams.signing.__main__ import broker_ports
from tests.world.firm.governance import PINNED
from tests.world.line.forgery import rewritten, where
from tests.world.line.forgery import transaction as transacting
from tests.world.line.line import Line, answer_of
from tests.world.line.scenery import STRANGER, genesis, orders_named, pay, wallet

ROOT = Path(__file__).parents[3]
ANSWER_SECONDS_MAX = 30


def test_the_pinned_root_key_is_read_from_its_file(tmp_path: Path) -> None:
    file = tmp_path / "root-key.pub"
    file.write_text(PINNED.hex() + "\n")
    assert pinned_root_key(file) == PINNED


@pytest.mark.parametrize("content", [None, "", "zz", PINNED.hex()[2:], PINNED.hex() + "00"])
def test_anything_else_is_no_root_key(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "root-key.pub"
    if content is not None:
        file.write_text(content)
    with pytest.raises(RootKeyInvalid, match=str(file)):
        pinned_root_key(file)


def test_every_brokers_port_is_known() -> None:
    assert broker_ports("127.0.0.1:9092") == (9092,)
    assert broker_ports("a:1,b:2,[::1]:3") == (1, 2, 3)


def test_production_is_what_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PROOFDESK_PRODUCTION", raising=False)
    assert not EnclaveSettings().production
    monkeypatch.setenv("PROOFDESK_PRODUCTION", "1")
    assert EnclaveSettings().production


# On a real log --------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterDescription]:
    """Kafka and a token, for the enclave alone: its governance is not that of other tests."""
    with Cluster(tmp_path_factory.mktemp("enclave"), ["kafka", "token"], processes=[]) as cluster:
        cluster.description.root_key_file.write_text(PINNED.hex())
        yield cluster.description


def publish(description: ClusterDescription, records: list[Received]) -> None:
    """Writes each record as its topic's own writer."""
    for writer in {TOPICS[r.topic].writers[0] for r in records}:
        producer = clients.producer(description, writer)
        for r in records:
            if TOPICS[r.topic].writers[0] == writer and r.topic != "commands":
                producer.produce(r.topic, r.value, r.key, r.partition)
        assert producer.flush(ANSWER_SECONDS_MAX) == 0


@contextmanager
def enclave(description: ClusterDescription, output: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The process; killed in the end, as by a crash."""
    environment = {**os.environ, RUNTIME_VARIABLE: str(description.runtime), "PYTHONPATH": str(ROOT)}
    with output.open("ab") as lines:
        process = subprocess.Popen([sys.executable, "-m", "streams.signing"], env=environment, stdout=lines, stderr=lines)
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def answer_in(received: Received) -> str:
    assert isinstance(received.record, Signed | SigningRefused)
    return answer_of(received.record)


def raw_of(received: Received) -> bytes:
    assert isinstance(received.record, Signed)
    return bytes.fromhex(received.record.raw_transaction[2:])


def awaited(references: References, *names: str) -> dict[str, Received]:
    """The enclave's answers to these orders, each once."""
    deadline = Deadline(ANSWER_SECONDS_MAX)
    answers: dict[str, Received] = {}
    while len(answers) < len(names):
        assert not deadline.passed, f"no answer in time; so far {answers}"
        for received in references.poll():
            assert isinstance(received.record, Signed | SigningRefused)
            assert received.record.order_id not in answers, "answered twice"
            answers[received.record.order_id] = received
        time.sleep(0.01)
    return {name: answers[each] for name in names for each in orders_named(name) if each in answers}


@pytest.mark.cluster
def test_it_signs_what_it_could_derive_refuses_what_it_could_not_and_goes_on_after_a_crash(
    log: ClusterDescription, tmp_path: Path
) -> None:
    with Token.open(log.token.settings) as token:
        address = token.generate_key("treasury-1")
    line = Line(genesis(wallets=[wallet(address=address), wallet("treasury-2")]), now=time.time_ns() // 1_000)
    line.send("o1", pay("1000"))
    line.send("o2", pay("1000", wallet_id="treasury-2"))
    line.run("desk", "execution")
    publish(log, rewritten(line.records, where(Simulated, "o2", transacting(to=STRANGER))))
    references, written = References(log, "client", ["signed", "signing-refused"]), len(line.records)

    with enclave(log, tmp_path / "enclave.log"):
        answers = awaited(references, "o1", "o2")
        with enclave(log, tmp_path / "second.log") as by_mistake:
            assert by_mistake.wait(ANSWER_SECONDS_MAX) != 0
    assert "there must be one signer" in (tmp_path / "second.log").read_text()
    assert {name: answer_in(received) for name, received in answers.items()} == {"o1": "signed", "o2": "call"}

    line.records.append(answers["o1"])
    line.chain.mine(address)
    line.send("o3", pay("1000"))
    line.run("desk", "execution")
    publish(log, line.records[written + 1 :])
    with enclave(log, tmp_path / "enclave.log"):
        answers |= awaited(references, "o3")
    raw = [raw_of(answers[name]) for name in ("o1", "o3")]
    assert [transaction.recover_sender(each) for each in raw] == [address] * 2
    first, second = (transaction.decode_raw(each)[0].nonce for each in raw)
    assert second == first + 1, "the nonces of a first life are not folded by the second"


@pytest.mark.cluster
def test_forged_governance_stops_it(log: ClusterDescription, tmp_path: Path) -> None:
    """On the log of the test before: one event more than the signed document gives."""
    last = next(r for r in reversed(Line().records) if r.topic == "wallet-assigned")
    assert isinstance(last.record, WalletAssigned)
    publish(log, [last])
    with enclave(log, tmp_path / "enclave.log") as process:
        assert process.wait(ANSWER_SECONDS_MAX) == EXIT_REFUSED
    # Which of the two it reads first is for its consumer: they stand on two topics.
    assert re.search(rf"governance events? .*position {last.record.position}\b", (tmp_path / "enclave.log").read_text())
