"""The floor: consume, read, decide, write, produce, send offsets, commit. A crash would cost it its state."""

from __future__ import annotations

import time
from collections import defaultdict

from confluent_kafka import Message, TopicPartition

from infra.kafka import clients
from infra.settings.description import current
from schemas import wire
from schemas.commands import Command
from schemas.values import DeskId
from streams.engine.loop import BATCH_INPUTS_MAX
from tests.bench.window.work import EVENTS, Window, reservation

SECONDS_MAX = 30
TAKE_SECONDS = 0.1


def main() -> None:
    description = current()
    group = "proofdesk-desk"
    consumer = clients.consumer(description, "desk", {"group.id": group, "auto.offset.reset": "earliest"})
    producer = clients.producer(description, "desk", {"transactional.id": f"{group}-0"})
    producer.init_transactions(SECONDS_MAX)
    consumer.subscribe(["commands"])
    windows: defaultdict[DeskId, Window] = defaultdict(Window)
    while True:
        first = consumer.poll(TAKE_SECONDS)
        if first is None:
            continue
        messages = [first, *consumer.consume(BATCH_INPUTS_MAX - 1, 0)]
        now = time.time_ns() // 1_000
        producer.begin_transaction()
        for message in messages:
            command = wire.decode("commands", message.value() or b"")
            assert isinstance(command, Command)
            window = windows[command.desk_id]
            reserved = reservation(command, window, now)
            window.add(reserved.reserved[0].amount_usd, now)
            producer.produce(EVENTS[0], wire.encode(reserved), message.key(), partition=message.partition() or 0)
        producer.send_offsets_to_transaction(_next(messages), consumer.consumer_group_metadata(), SECONDS_MAX)
        producer.commit_transaction(SECONDS_MAX)


def _next(messages: list[Message]) -> list[TopicPartition]:
    """The next position to read of each partition."""
    offsets = {message.partition() or 0: (message.offset() or 0) + 1 for message in messages}
    return [TopicPartition("commands", number, offset) for number, offset in offsets.items()]


if __name__ == "__main__":
    main()
