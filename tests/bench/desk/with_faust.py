"""The desk on faust-streaming, exactly once, with its own commit interval: more frequent commits only slow it down."""

from __future__ import annotations

import sys
import uuid

import faust

from tests.bench.desk.peer import Peer
from tests.bench.desk.workload import EVENTS_PER_COMMAND

peer = Peer()
user, password = peer.credentials()
app = faust.App(
    f"faust-{uuid.uuid4()}",
    broker=f"kafka://{peer.description.kafka_bootstrap}",
    broker_credentials=faust.SASLCredentials(username=user, password=password, mechanism="SCRAM-SHA-256"),
    processing_guarantee="exactly_once",
    consumer_auto_offset_reset="earliest",
    topic_allow_declare=False,
    topic_disable_leader=True,
    web_enabled=False,
    store="memory://",
    datadir=str(peer.description.runtime / "faust"),
)
commands = app.topic("commands", key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")
outputs = {
    name: app.topic(name, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")
    for name in EVENTS_PER_COMMAND
}


@app.agent(commands)
async def decide(stream: faust.Stream) -> None:
    async for event in stream.events():
        message = event.message
        for sealed in peer.answer(message.partition, message.offset, message.key, message.value):
            await outputs[sealed.topic].send(key=sealed.key, value=sealed.value)


if __name__ == "__main__":
    sys.argv = [sys.argv[0], "worker", "--loglevel", "warn", "--without-web"]
    app.main()
