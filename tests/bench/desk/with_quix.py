"""The desk on quixstreams, exactly once, with its own commit interval: committing as often as ours was no faster."""

from __future__ import annotations

import uuid

from quixstreams import Application, message_context
from quixstreams.kafka import ConnectionConfig
from quixstreams.models import Serializer

from streams.rules.chaining import ChainedEvent
from tests.bench.desk.peer import Peer
from tests.bench.desk.workload import EVENTS_PER_COMMAND


class ValueOf(Serializer):  # type: ignore[misc] # the library is not installed where types are checked
    """A chained event is bytes already."""

    def __call__(self, value: ChainedEvent, ctx: object) -> bytes:  # noqa: ARG002 - the library passes it by name
        return value.value


def main() -> None:
    peer = Peer()
    user, password = peer.credentials()
    application = Application(
        ConnectionConfig(
            bootstrap_servers=peer.description.kafka_bootstrap,
            security_protocol="sasl_plaintext",
            sasl_mechanism="SCRAM-SHA-256",
            sasl_username=user,
            sasl_password=password,
        ),
        consumer_group=f"quix-{uuid.uuid4()}",
        auto_offset_reset="earliest",
        processing_guarantee="exactly-once",
        auto_create_topics=False,
        loglevel="WARNING",
    )
    commands = application.topic("commands", key_deserializer="bytes", value_deserializer="bytes")
    outputs = {name: application.topic(name, key_serializer="bytes", value_serializer=ValueOf()) for name in EVENTS_PER_COMMAND}

    def answer(value: bytes, key: bytes, _timestamp: int, _headers: object) -> list[ChainedEvent]:
        place = message_context()
        return peer.answer(place.partition, place.offset, key, value)

    frame = application.dataframe(commands).apply(answer, expand=True, metadata=True)
    frame.to_topic(lambda chained, _key, _timestamp, _headers: outputs[chained.topic])
    application.run()


if __name__ == "__main__":
    main()
