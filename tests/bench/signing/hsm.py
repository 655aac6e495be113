"""`signing-hsm`: orders that the enclave's own process signs in a second with one session of a token, beside bare C_Sign.

The process is the one that a cluster runs: it reads simulations and all evidence from Kafka, judges each order, signs in the
token, and writes `signed` in transactions. A round is timed from the first simulation written to the last signature that a
reader of committed records sees. The floor signs 32 bytes again and again, and knows nothing of orders.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Final

import psutil
from confluent_kafka import Consumer, TopicPartition

from infra.hsm.token import Token
from infra.kafka import clients
from infra.settings.description import RUNTIME_VARIABLE, ClusterDescription
from schemas import wire
from schemas.topics import DESK_PARTITIONS, TOPICS
from streams.engine.reading import check
from streams.judging.evidence_reader import REFERENCE_TOPICS
from streams.rules.decider import Received
from streams.signing.backends.hsm import HsmSigner
from tests.bench import ROOT
from tests.bench.racing.contenders import Contender, ContenderFailed, running
from tests.bench.racing.course import last_of
from tests.bench.report import Result
from tests.bench.signing.orders import WALLET, Book
from tests.world.firm.governance import PINNED

ENCLAVE: Final = Contender("signer", "streams.signing", records=0, warm_up=0, events=("signed",))
ORDERS_A_ROUND: Final = 1_200
"""Some seconds of work, so that what a round costs once (connecting, the last commit) does not count for much."""
ROUNDS: Final = 3
BEFORE_MICROS: Final = 3_600 * 1_000_000
"""The orders were placed in the hour before: none of them is from the future."""
SIGNATURES_A_ROUND: Final = 4_000
ROUND_SECONDS_MAX: Final = 120
MS_PER_SECOND: Final = 1_000
WRITTEN_SECONDS_MAX: Final = 30
LOOK_SECONDS: Final = 0.05
LOOK_RECORDS_MAX: Final = 500
_ANSWERS: Final = ("signed", "signing-refused")


def run(description: ClusterDescription) -> list[Result]:
    """Rounds of orders and of bare signatures in turn. The first pair warms up and is not counted."""
    description.root_key_file.write_text(PINNED.hex(), "ascii")
    rounds = _ready(description)
    answers = _at_end(description)
    runs: dict[str, list[float]] = {"ours": [], "floor": []}
    log = description.runtime / "logs" / "enclave.log"
    spent = []
    with running(ENCLAVE, description, log) as processes:
        for simulated in rounds:
            begun, used = time.perf_counter(), _used(processes)
            _publish(description, simulated)
            _await(answers, len(simulated), processes, log)
            runs["ours"].append(len(simulated) / (time.perf_counter() - begun))
            spent.append((_used(processes) - used) / len(simulated) * MS_PER_SECOND)
            runs["floor"].append(_bare(description))
    note = (
        "ours: orders judged and signed by the enclave's process, from Kafka to Kafka; floor: C_Sign alone, one session each\n"
        f"processor time of the enclave's process, ms an order, median: {median(spent[1:]):.2f}"
    )
    return [Result.of("signing-hsm", "per second", {who: figures[1:] for who, figures in runs.items()}, note)]


def _ready(description: ClusterDescription) -> list[list[Received]]:
    """The simulations of each round, not yet on the log, where all that leads to them stands."""
    with Token.open(description.token.settings) as token:
        book = Book(HsmSigner(token), token.generate_key(WALLET), time.time_ns() // 1_000 - BEFORE_MICROS)
        rounds = [[book.order(approvals=False) for _ in range(ORDERS_A_ROUND)] for _ in range(1 + ROUNDS)]
    told = [each for each in book.line.records if each.topic in REFERENCE_TOPICS and each.topic not in ("simulated", *_ANSWERS)]
    _publish(description, told)
    return rounds


def _publish(description: ClusterDescription, records: Sequence[Received]) -> None:
    """Writes each record as its topic's own writer."""
    for writer in dict.fromkeys(TOPICS[each.topic].writers[0] for each in records):
        producer = clients.producer(description, writer, {"linger.ms": 5})
        for each in records:
            if TOPICS[each.topic].writers[0] == writer:
                producer.produce(each.topic, each.value, each.key, each.partition)
        if producer.flush(WRITTEN_SECONDS_MAX):
            raise ContenderFailed("the broker did not take the orders")


def _at_end(description: ClusterDescription) -> Consumer:
    consumer = clients.consumer(description, "client")
    consumer.assign([TopicPartition(topic, number, 0) for topic in _ANSWERS for number in range(DESK_PARTITIONS)])
    return consumer


def _await(answers: Consumer, count: int, processes: Sequence[subprocess.Popen[bytes]], log: Path) -> None:
    """Until so many orders were signed.

    Raises:
        ContenderFailed: one was refused, the process ended, or it takes too long.
    """
    deadline = time.monotonic() + ROUND_SECONDS_MAX
    while count > 0:
        for message in answers.consume(LOOK_RECORDS_MAX, LOOK_SECONDS):
            if check(message) is not None:
                if message.topic() != "signed":
                    raise ContenderFailed(f"an order was refused: {wire.decode('signing-refused', message.value() or b'')}")
                count -= 1
        if any(each.poll() is not None for each in processes) or time.monotonic() > deadline:
            raise ContenderFailed(f"{count} orders were not signed:\n{last_of(log)}")


def _used(processes: Sequence[subprocess.Popen[bytes]]) -> float:
    """Seconds of processor time so far, which hold on a machine that others use, too."""
    times = [psutil.Process(each.pid).cpu_times() for each in processes]
    return sum(each.user + each.system for each in times)


def _bare(description: ClusterDescription) -> float:
    command = [sys.executable, "-m", "tests.bench.signing.bare_token", WALLET, str(SIGNATURES_A_ROUND)]
    environment = {**os.environ, RUNTIME_VARIABLE: str(description.runtime)}
    told = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=True)
    return float(told.stdout)
