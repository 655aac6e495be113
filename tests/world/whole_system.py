"""Drives the running system for scenarios: orders that need no approval, outages, and the log as the only evidence."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any, Final

import httpx
from confluent_kafka import KafkaError, TopicPartition

from commands.client import Ed25519KeyFile, ProofdeskClient
from commands.intake.requests import content_of, path_of
from infra.kafka import clients
from infra.local_cluster.deadline import Deadline
from infra.local_cluster.local import Cluster
from infra.settings.description import ClusterDescription
from schemas import hash_chain, wire
from schemas.canonical import command_digest
from schemas.canonical import order_id as order_id_of
from schemas.commands import Command, InitiateOrder
from schemas.events.base import Event, OrderEvent
from schemas.events.lifecycle import Signed
from schemas.orders import Transfer
from schemas.partitioning import desk_partition
from schemas.topics import TOPICS
from streams.engine.reading import headers_of
from streams.samples.institution import DESK, PAYEE, SYSTEM, SYSTEM_KEY, WALLET, institution_of
from tests.infra.telemetry.collector import Collector
from tests.scenarios.newswap.cast import Cast
from tests.world.systems import within

READY_SECONDS_MAX: Final = 60
RECOVERY_SECONDS_MAX: Final = 45
READ_SECONDS_MAX: Final = 15
LOOK_SECONDS: Final = 0.05
PARTITION: Final = desk_partition(DESK.encode())
EVENT_TOPICS: Final = tuple(
    topic.name for topic in TOPICS.values() if topic.record and issubclass(topic.record, Event) and topic.key == "desk_id"
)


@dataclass(frozen=True, slots=True)
class Written:
    """A record as it stands on a topic."""

    topic: str
    offset: int
    value: bytes
    event: Event
    headers: dict[str, bytes]


@dataclass(frozen=True)
class WholeSystem:
    """Every process of it, on this machine."""

    cluster: Cluster
    description: ClusterDescription
    collector: Collector

    @cached_property
    def cast(self) -> Cast:
        """The scenario's participants."""
        return Cast(self.description)

    @cached_property
    def signer(self) -> Ed25519KeyFile:
        """The treasury system's key."""
        return Ed25519KeyFile(institution_of(self.description).system_key_file, SYSTEM_KEY)

    def client(self, patience_seconds: float) -> ProofdeskClient:
        """The treasury's own system, over HTTP."""
        return ProofdeskClient(self.description.http, SYSTEM, self.signer, patience_seconds=patience_seconds)

    def payment(self, amount: str) -> Command:
        """A signed order that needs nobody: a transfer of USDC to a listed account."""
        body = InitiateOrder(wallet_id=WALLET, action=transfer(amount), memo="custody fee")
        return self.cast.system.command(DESK, body)

    def post(self, command: Command, **headers: str) -> httpx.Response:
        """Send a command by HTTP, once."""
        return httpx.post(
            self.description.http + path_of(command),
            json=content_of(command),
            headers={
                "Idempotency-Key": command.command_id,
                "Proofdesk-Principal": command.principal,
                "Proofdesk-Issued-At": str(command.issued_at),
                **headers,
            },
            timeout=READY_SECONDS_MAX,
        )

    def get(self, path: str) -> httpx.Response:
        """Read by HTTP, once."""
        return httpx.get(self.description.http + path, timeout=READY_SECONDS_MAX)

    def await_ready(self) -> None:
        """Until a command sent now would be answered."""
        assert within(READY_SECONDS_MAX, self._is_ready), "the gateway is not ready"

    def _is_ready(self) -> bool:
        try:
            return self.get("/readyz").status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False

    def await_state(self, order_ids: Collection[str], state: str, seconds: float = RECOVERY_SECONDS_MAX) -> None:
        """Until the read side shows every one of the orders in `state`."""
        states: dict[str, Any] = {}

        def arrived() -> bool:
            try:
                shown = self.cast.reader.read("/v1/orders", limit="200")["orders"]
            except Exception:  # noqa: BLE001 - whatever is not back yet
                return False
            states.update({order["order_id"]: order["state"] for order in shown if order["order_id"] in order_ids})
            return all(states.get(order_id) == state for order_id in order_ids)

        assert within(seconds, arrived), f"not all {state}: {[states.get(each, 'not shown') for each in order_ids]}"

    @contextmanager
    def without(self, service: str, *, killed: bool) -> Iterator[None]:
        """A service is away inside the block, `killed` or told to stop, and is started again after it."""
        if killed:
            self.cluster.kill(service)
        self.cluster.stop_process(service)
        try:
            yield
        finally:
            self.cluster.start_process(service)

    def pids(self) -> dict[str, int]:
        """Every program's process id."""
        return {each.name: each.pid for each in self.cluster.running()}

    def await_running(self) -> None:
        """Until the supervisor has everything running."""
        assert within(RECOVERY_SECONDS_MAX, lambda: all(each.state == "running" for each in self.cluster.running())), (
            self.cluster.running()
        )

    def log(self, topics: Sequence[str] = EVENT_TOPICS) -> list[Written]:
        """All committed records of the desk's partition of `topics`, each topic in order."""
        consumer = clients.consumer(self.description, "client", {"enable.partition.eof": True})
        unread = {(topic, PARTITION) for topic in topics}
        consumer.assign([TopicPartition(*place, 0) for place in unread])
        found = []
        deadline = Deadline(READ_SECONDS_MAX)
        try:
            while unread:
                assert not deadline.passed, f"cannot read {sorted(unread)}"
                for message in consumer.consume(500, LOOK_SECONDS):
                    topic, error = str(message.topic()), message.error()
                    if error is not None:
                        assert error.code() == KafkaError._PARTITION_EOF, error
                        unread.discard((topic, PARTITION))
                        continue
                    value = message.value() or b""
                    event = wire.decode(topic, value)
                    assert isinstance(event, Event)
                    found.append(Written(topic, int(message.offset() or 0), value, event, dict(headers_of(message))))
        finally:
            consumer.close()
        return found

    def order_log(self, order_ids: Collection[str]) -> dict[str, list[Written]]:
        """Each order's own events by sequence."""
        log = [each for each in self.log() if isinstance(each.event, OrderEvent)]
        return {
            order_id: sorted(
                (each for each in log if getattr(each.event, "order_id", "") == order_id),
                key=lambda each: getattr(each.event, "sequence", 0),
            )
            for order_id in order_ids
        }


def verified(links: Sequence[Written]) -> list[str]:
    """The topics of one order's events in order, whose hashes follow from one another."""
    hash_chain.verify((each.event, each.value) for each in links if isinstance(each.event, OrderEvent))
    return [each.topic for each in links]


def nonces(logs: Collection[Sequence[Written]]) -> list[int]:
    """The nonces that were signed for these orders, sorted."""
    return sorted(each.event.nonce for links in logs for each in links if isinstance(each.event, Signed))


def transfer(amount: str) -> Transfer:
    """USDC to a listed account."""
    return Transfer(asset_id="USDC", amount=Decimal(amount), destination=PAYEE)


def order_of(command: Command) -> str:
    """The id of the order that a command initiates."""
    return order_id_of(command.desk_id, command_digest(command))
