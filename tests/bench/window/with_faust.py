"""faust-streaming, exactly once, its windows in a table of its own with a changelog."""

from __future__ import annotations

import json
import sys
import time
import uuid
from decimal import Decimal

import faust

from infra.identity.private_file import read_private
from infra.settings.description import current
from schemas import wire
from schemas.commands import Command
from tests.bench.window.work import EVENTS, Window, reservation

PRINCIPAL = "admin"
"""It chooses names of groups, transactions and topics that no access list of ours foresees."""

description = current()
credentials = json.loads(read_private(description.secret(f"kafka-{PRINCIPAL}.json")))
app = faust.App(
    f"faust-{uuid.uuid4()}",
    broker=f"kafka://{description.kafka_bootstrap}",
    broker_credentials=faust.SASLCredentials(
        username=credentials["username"], password=credentials["password"], mechanism="SCRAM-SHA-256"
    ),
    processing_guarantee="exactly_once",
    consumer_auto_offset_reset="earliest",
    topic_disable_leader=True,
    web_enabled=False,
    store="memory://",
    datadir=str(description.runtime / "faust"),
)
commands = app.topic("commands", key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")
output = app.topic(EVENTS[0], key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")
counted = app.Table("counted", default=list, partitions=6)


@app.agent(commands)
async def reserve(stream: faust.Stream) -> None:
    async for event in stream.events():
        command = wire.decode("commands", event.message.value)
        assert isinstance(command, Command)
        now, window = time.time_ns() // 1_000, Window()
        for at, amount in counted[command.desk_id]:
            window.add(Decimal(amount), at)
        reserved = reservation(command, window, now)
        window.add(reserved.reserved[0].amount_usd, now)
        counted[command.desk_id] = [(at, str(amount)) for at, amount in window.counted]
        await output.send(key=event.message.key, value=wire.encode(reserved), partition=event.message.partition)


if __name__ == "__main__":
    sys.argv = [sys.argv[0], "worker", "--loglevel", "warn", "--without-web"]
    app.main()
