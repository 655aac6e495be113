"""Publishes prices of the chain's reference venue: `python -m streams.prices`, a plain idempotent producer."""

from __future__ import annotations

import sys
from threading import Event
from typing import Final

import structlog
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from infra.chain.node import Node
from infra.chain.world.description import World
from infra.chain.world.description import load as load_world
from infra.kafka import clients
from infra.settings.description import current
from schemas import wire
from schemas.events.observations import PriceObserved
from schemas.topics import TOPIC_OF
from streams.engine import shell
from streams.engine.process import wall_clock
from streams.engine.shell import Ends, Stop
from streams.prices.publisher import PricePublisher, PriceSource

PRINCIPAL: Final = "prices"
NATIVE_ASSET: Final = "ETH"
LOOK_MS: Final = 200
"""Between two looks at the chain's head."""
DELIVERY_TIMEOUT_MS: Final = 5_000
"""A price that could not be written by then is old."""

log = structlog.get_logger(__name__)


class Delivery:
    """Writes prices to their topic and remembers if one was lost."""

    def __init__(self, producer: Producer) -> None:
        self.lost = Event()
        self._producer = producer
        self._topic = TOPIC_OF[PriceObserved].name

    def publish(self, observed: PriceObserved) -> None:
        """Hand one price over to the producer."""
        key, value = observed.asset_id.encode(), wire.encode(observed)
        try:
            self._producer.produce(self._topic, value, key, on_delivery=self._delivered)
        except (KafkaException, BufferError) as fault:
            log.exception("a price cannot be written", error=str(fault))
            self.lost.set()

    def _delivered(self, error: KafkaError | None, _: Message) -> None:
        if error is not None:
            log.error("a price was not written", error=str(error))
            self.lost.set()


def sources(world: World) -> tuple[PriceSource, ...]:
    """Return the local chain's reference venue, for wrapped and native ether: WETH9 exchanges them one for one at any time."""
    return tuple(PriceSource(asset_id, world.reference_venue) for asset_id in (world.weth.symbol, NATIVE_ASSET))


def main() -> int:
    """Publish prices until a stop is requested (`EXIT_STOPPED`), or until a price could not be written (`EXIT_RESTART`)."""
    return shell.run(PRINCIPAL, _publish, Ends())


def _publish(stop: Stop) -> None:
    description = current()
    producer = clients.producer(description, PRINCIPAL, {"delivery.timeout.ms": DELIVERY_TIMEOUT_MS})
    delivery = Delivery(producer)
    with Node(description.node) as node:
        publisher = PricePublisher(node, sources(load_world(description.world_file)), delivery.publish)
        while not delivery.lost.is_set() and not stop.wait(LOOK_MS / 1_000):
            publisher.step(wall_clock())
            producer.poll(0)
    if delivery.lost.is_set():
        stop.restart()


if __name__ == "__main__":
    sys.exit(main())
