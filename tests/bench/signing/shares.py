"""`signing-mpc` and `signing-refresh`: three of five cosigners in processes of their own, beside the library in one process.

Ours is what people wait for, on a whole system: from `simulated` on the log to `signed` on the log, with every cosigner's own
judgement, five tokens, and each message signed, encrypted and through Kafka; and from `key-ordered` to `key-rotated`. The floor
plays the same parties in turn in one process, without any of it. Milliseconds: lower is better.
"""

from __future__ import annotations

import secrets
import time
import uuid
from collections.abc import Mapping
from decimal import Decimal
from statistics import median
from typing import Final

from confluent_kafka import Consumer, Producer, TopicPartition

from commands.client import Ed25519KeyFile
from commands.client.signing import signed
from infra.kafka import clients
from infra.keys.threshold import Share
from infra.settings.description import ClusterDescription
from schemas import wire
from schemas.commands import InitiateOrder
from schemas.events.answers import CommandRejected
from schemas.events.base import Event
from schemas.events.keys import KeyOrdered, KeyRotated
from schemas.events.lifecycle import OrderHeld, Signed, SigningRefused, Simulated
from schemas.orders import Transfer
from schemas.topics import DESK_PARTITIONS, TOPIC_OF
from streams.engine.reading import check
from streams.samples.institution import DESK, PAYEE, SYSTEM, SYSTEM_KEY, institution_of
from tests.bench.latency import OrderFailed
from tests.bench.report import Result
from tests.infra.keys import ring
from tests.scenarios.newswap.ceremony import THRESHOLD, Ceremony

KEY: Final = "shared-bench"
PARTIES: Final = 5
WARM_UP_ORDERS: Final = 5
ORDERS_A_RUN: Final = 20
RUNS: Final = 3
ORDER_SECONDS_MAX: Final = 30.0
MS_PER_SECOND: Final = 1_000
_WATCHED: Final = (Simulated, Signed, CommandRejected, OrderHeld, SigningRefused)


def run(description: ClusterDescription) -> list[Result]:
    """Orders of a wallet in shares, one after the other, then refreshes; the library's turns in between."""
    ceremony = Ceremony(description)
    ceremony.shared_wallet(KEY, KEY)
    orders, shares = Orders(description), ring.generated(THRESHOLD, PARTIES)
    for _ in range(WARM_UP_ORDERS):
        orders.signed_after()
    signing: dict[str, list[float]] = {"ours": [], "floor": []}
    refresh: dict[str, list[float]] = {"ours": [], "floor": []}
    for _ in range(RUNS):
        signing["ours"].append(median(orders.signed_after() for _ in range(ORDERS_A_RUN)))
        signing["floor"].append(median(_signed_alone(shares) for _ in range(ORDERS_A_RUN)))
        refresh["ours"].append(_refreshed(ceremony))
        begun = time.perf_counter()
        shares = ring.refreshed(shares)
        refresh["floor"].append((time.perf_counter() - begun) * MS_PER_SECOND)
    return [
        Result.of("signing-mpc", "ms p50", signing, "ours: simulated to signed on the log; floor: the library, one process"),
        Result.of("signing-refresh", "ms", refresh, "ours: key-ordered to key-rotated; floor: the library, one process"),
    ]


class Orders:
    """One sender and one reader, connected once."""

    def __init__(self, description: ClusterDescription) -> None:
        self._signer = Ed25519KeyFile(institution_of(description).system_key_file, SYSTEM_KEY)
        self._producer: Producer = clients.producer(description, "system")
        self._events: Consumer = clients.consumer(description, "client")
        places = [TopicPartition(TOPIC_OF[each].name, number) for each in _WATCHED for number in range(DESK_PARTITIONS)]
        for place in places:
            place.offset = self._events.get_watermark_offsets(place, timeout=ORDER_SECONDS_MAX)[1]
        self._events.assign(places)

    def signed_after(self) -> float:
        """Milliseconds from an order's simulation to its signature.

        Raises:
            OrderFailed: there is none.
        """
        command = signed(
            self._signer,
            command_id=str(uuid.uuid4()),
            desk_id=DESK,
            principal=SYSTEM,
            issued_at=time.time_ns() // 1_000,
            body=InitiateOrder(wallet_id=KEY, action=Transfer(asset_id="USDC", amount=Decimal("1.25"), destination=PAYEE)),
        )
        self._producer.produce("commands", wire.encode(command), DESK.encode())
        self._producer.flush(ORDER_SECONDS_MAX)
        begun, deadline = 0.0, time.monotonic() + ORDER_SECONDS_MAX
        while time.monotonic() < deadline:
            message = self._events.poll(0.5)
            at = time.perf_counter()
            if message is None or check(message) is None:
                continue
            event = wire.decode(str(message.topic()), message.value() or b"")
            assert isinstance(event, Event), "these topics hold events"
            match event:
                case Simulated():
                    begun = at
                case Signed():
                    return (at - begun) * MS_PER_SECOND
                case _:
                    raise OrderFailed(f"{type(event).__name__}: {event!s:.300}")
        raise OrderFailed(f"no signature within {ORDER_SECONDS_MAX} s")


def _signed_alone(shares: Mapping[int, Share]) -> float:
    begun = time.perf_counter()
    ring.signed(shares, range(1, THRESHOLD + 1), secrets.token_bytes(32))
    return (time.perf_counter() - begun) * MS_PER_SECOND


def _refreshed(ceremony: Ceremony) -> float:
    ceremony.refresh(KEY)
    return (ceremony.arrived[KeyRotated] - ceremony.arrived[KeyOrdered]) * MS_PER_SECOND
