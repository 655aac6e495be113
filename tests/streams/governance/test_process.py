"""The process takes the genesis into an empty log once, decides on that log, and on no other."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

import pytest
from confluent_kafka import KafkaError, KafkaException

from infra.local_cluster.processes import EXIT_REFUSED
from infra.settings.description import ClusterDescription, TokenPlace
from schemas import wire
from schemas.events.base import FirmEvent
from streams.engine import process as engine
from streams.engine.shell import EXIT_RESTART
from streams.governance import process
from streams.rules.chaining import ChainedEvent
from streams.rules.decider import Processor
from streams.rules.governance.founding import GenesisMismatch
from streams.rules.governance.genesis import GenesisRefused, SignedGenesis
from tests.world.firm import governance as firm


class KeptLog:
    """The governance topics in memory: what was written is read back from its bytes."""

    def __init__(self) -> None:
        self.records: list[tuple[str, bytes]] = []
        self.transactions = 0

    def present(self) -> list[FirmEvent]:
        records = [wire.decode(topic, value) for topic, value in self.records]
        return [record for record in records if isinstance(record, FirmEvent)]

    def write(self, events: Sequence[ChainedEvent]) -> None:
        self.transactions += 1
        self.records += [(chained.topic, chained.value) for chained in events]


@pytest.fixture
def topics(monkeypatch: pytest.MonkeyPatch) -> KeptLog:
    kept = KeptLog()
    monkeypatch.setattr(process, "GovernanceLog", lambda _description: kept)
    return kept


@pytest.fixture
def installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ClusterDescription:
    """A runtime folder with the firm's genesis file and pinned key."""
    for variable in ("PROOFDESK_ROOT_KEY", "PROOFDESK_GENESIS"):
        monkeypatch.delenv(variable, raising=False)
    nowhere = tmp_path / "nowhere"
    description = ClusterDescription(
        runtime=tmp_path,
        http="http://localhost:1",
        node="http://localhost:2",
        postgres="postgresql://localhost:3",
        kafka_bootstrap="localhost:4",
        token=TokenPlace(module=nowhere, label="none", pin_file=nowhere, config_file=None),
    )
    description.root_key_file.write_text(f"{firm.PINNED.hex()}\n", "ascii")
    install(description, firm.genesis())
    return description


def install(description: ClusterDescription, genesis: SignedGenesis) -> None:
    description.genesis_file.write_text(genesis.model_dump_json(), "utf-8")


@pytest.fixture(autouse=True)
def _signals() -> Iterator[None]:
    """The process takes the stop signals for itself: they are pytest's again afterwards."""
    before = {each: signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT)}
    yield
    for each, handler in before.items():
        signal.signal(each, handler)


def status_of(description: ClusterDescription) -> object:
    with pytest.raises(SystemExit) as end:
        process.run(description)
    return end.value.code


def test_an_empty_log_gets_everything_in_one_transaction(topics: KeptLog, installation: ClusterDescription) -> None:
    assert process.establish(installation) == 14
    assert (len(topics.present()), topics.transactions) == (14, 1)


def test_started_again_it_writes_nothing(topics: KeptLog, installation: ClusterDescription) -> None:
    process.establish(installation)
    assert process.establish(installation) == 14
    assert topics.transactions == 1


def test_another_genesis_on_the_same_log_is_refused(topics: KeptLog, installation: ClusterDescription) -> None:
    process.establish(installation)
    install(installation, firm.genesis(firm="Another"))
    with pytest.raises(GenesisMismatch):
        process.establish(installation)
    assert topics.transactions == 1


def test_a_genesis_that_makes_no_sense_never_reaches_the_log(topics: KeptLog, installation: ClusterDescription) -> None:
    install(installation, firm.genesis(desks=[]))
    with pytest.raises(GenesisRefused, match="there is no desk newswap"):
        process.establish(installation)
    assert topics.transactions == 0


def test_the_environment_may_name_the_file_and_the_key(
    topics: KeptLog, installation: ClusterDescription, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    elsewhere = installation.genesis_file.rename(tmp_path / "elsewhere.json")
    installation.root_key_file.unlink()
    monkeypatch.setenv("PROOFDESK_GENESIS", str(elsewhere))
    monkeypatch.setenv("PROOFDESK_ROOT_KEY", f"0x{firm.PINNED.hex()}")
    assert process.establish(installation) == 14
    assert topics.transactions == 1


def test_it_decides_once_the_log_began_as_it_should(
    topics: KeptLog, installation: ClusterDescription, monkeypatch: pytest.MonkeyPatch
) -> None:
    def decides(processor: Processor[Any, Any], description: ClusterDescription) -> NoReturn:
        assert (processor.inputs, len(topics.present()), description) == (("firm-commands",), 14, installation)
        raise SystemExit(0)

    monkeypatch.setattr(engine, "run", decides)
    assert status_of(installation) == 0


@pytest.mark.usefixtures("topics")
@pytest.mark.parametrize("root_key", ["zz", "ab" * 31, "ab" * 32])
def test_a_wrong_root_key_needs_a_person(
    installation: ClusterDescription, monkeypatch: pytest.MonkeyPatch, root_key: str
) -> None:
    monkeypatch.setenv("PROOFDESK_ROOT_KEY", root_key)
    assert status_of(installation) == EXIT_REFUSED


@pytest.mark.usefixtures("topics")
def test_a_missing_genesis_file_needs_a_person(installation: ClusterDescription) -> None:
    installation.genesis_file.unlink()
    assert status_of(installation) == EXIT_REFUSED


@pytest.mark.parametrize("failure", [KafkaException(KafkaError(KafkaError._TRANSPORT)), TimeoutError("still open")])
def test_kafka_that_does_not_answer_means_a_fresh_start(
    installation: ClusterDescription, monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    def unanswered(_description: ClusterDescription) -> NoReturn:
        raise failure

    monkeypatch.setattr(process, "GovernanceLog", unanswered)
    assert status_of(installation) == EXIT_RESTART
