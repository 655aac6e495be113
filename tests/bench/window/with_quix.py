"""quixstreams, exactly once, its state in its own store with a changelog: a crash costs it nothing either."""

from __future__ import annotations

import json
import time
import uuid
from decimal import Decimal
from typing import Any

from quixstreams import Application, State
from quixstreams.kafka import ConnectionConfig

from infra.identity.private_file import read_private
from infra.settings.description import current
from schemas import wire
from schemas.commands import Command
from tests.bench.window.work import EVENTS, Window, reservation

PRINCIPAL = "admin"
"""It chooses names of groups, transactions and topics that no access list of ours foresees."""


def reserve(value: bytes, state: State) -> bytes:
    """The reservation for one command, counted in the key's window, which the store keeps as JSON."""
    command = wire.decode("commands", value)
    assert isinstance(command, Command)
    now = time.time_ns() // 1_000
    window = Window()
    for at, amount in state.get("counted", []):
        window.add(Decimal(amount), at)
    reserved = reservation(command, window, now)
    window.add(reserved.reserved[0].amount_usd, now)
    state.set("counted", [(at, str(amount)) for at, amount in window.counted])
    return wire.encode(reserved)


def main() -> None:
    description = current()
    credentials: dict[str, Any] = json.loads(read_private(description.secret(f"kafka-{PRINCIPAL}.json")))
    application = Application(
        ConnectionConfig(
            bootstrap_servers=description.kafka_bootstrap,
            security_protocol="sasl_plaintext",
            sasl_mechanism="SCRAM-SHA-256",
            sasl_username=credentials["username"],
            sasl_password=credentials["password"],
        ),
        consumer_group=f"quix-{uuid.uuid4()}",
        auto_offset_reset="earliest",
        processing_guarantee="exactly-once",
        state_dir=str(description.runtime / "quix"),
        loglevel="WARNING",
    )
    commands = application.topic("commands", key_deserializer="bytes", value_deserializer="bytes")
    output = application.topic(EVENTS[0], key_serializer="bytes", value_serializer="bytes")
    application.dataframe(commands).apply(reserve, stateful=True).to_topic(output)
    application.run()


if __name__ == "__main__":
    main()
