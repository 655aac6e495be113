"""Bad records straight on `commands`: each is answered in the log by name and with a remedy, and the next command is served."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import fastavro
import pytest

from infra.kafka import clients
from schemas import catalogue, wire
from schemas.canonical import command_digest
from schemas.commands import Command, Ed25519Signature
from schemas.events.answers import CommandRejected, Quarantined
from schemas.hash_chain import digest_of
from schemas.partitioning import desk_partition
from schemas.topics import TOPIC_OF
from streams.samples.institution import DESK, PAYEE, SYSTEM_KEY
from tests.world.systems import within
from tests.world.whole_system import PARTITION, WholeSystem, order_of

pytestmark = pytest.mark.cluster

DECIDED_SECONDS_MAX: Final = 30
OTHER_DESK: Final = next(
    name for name in (f"desk-{number}" for number in range(100)) if desk_partition(name.encode()) == PARTITION
)
"""A desk that nobody has, on the same partition: what stands behind it on the log would be held up by it."""


def raw(command: Command, change: Callable[[dict[str, Any]], object]) -> bytes:
    """The command as Avro, with a change that our own clients could not even express."""
    content = command.model_dump(mode="json")
    change(content["body"]["action"])
    newest = catalogue.newest(TOPIC_OF[Command].subject)
    out = io.BytesIO()
    out.write(struct.pack(">bI", wire.MAGIC, newest.schema_id))
    fastavro.schemaless_writer(out, fastavro.parse_schema(newest.schema), in_avro(content))
    return out.getvalue()


def in_avro(content: Any) -> Any:
    """Turns a JSON union, told by its `kind`, into Avro's field of that name (docs/adr/0008)."""
    if not isinstance(content, dict):
        return content
    inner = {name: in_avro(part) for name, part in content.items()}
    return {inner["kind"]: inner} if "kind" in inner else inner


def with_action(**fields: str) -> Callable[[WholeSystem], bytes]:
    """A payment whose action says something else; what it says is signed where it can be said at all."""

    def make(system: WholeSystem) -> bytes:
        command = system.payment("1.25")
        value = raw(command, lambda action: action.update(fields))
        try:
            changed = wire.decode("commands", value)
        except wire.Unreadable:
            return value
        assert isinstance(changed, Command)
        return wire.encode(signed(system, changed))

    return make


def signed(system: WholeSystem, command: Command) -> Command:
    return command.model_copy(update={"authorization": system.signer.authorize(command_digest(command))})


def broken_avro(system: WholeSystem) -> bytes:
    return wire.encode(system.payment("1.25"))[:-40]


def noise(_: WholeSystem) -> bytes:
    return bytes.fromhex("00ff17c0de") * 20


def unsigned(system: WholeSystem) -> bytes:
    nothing = Ed25519Signature(key_id=SYSTEM_KEY, signature="")
    return wire.encode(system.payment("1.25").model_copy(update={"authorization": nothing}))


def wrongly_signed(system: WholeSystem) -> bytes:
    other = system.payment("1.26").authorization
    return wire.encode(system.payment("1.25").model_copy(update={"authorization": other}))


def unknown_desk(system: WholeSystem) -> bytes:
    return wire.encode(signed(system, system.payment("1.25").model_copy(update={"desk_id": OTHER_DESK})))


@dataclass(frozen=True, slots=True)
class Bad:
    """A record, and what must be said of it."""

    make: Callable[[WholeSystem], bytes]
    check: str
    """Empty: it cannot be read, so it is quarantined."""
    says: str
    key: str = DESK


BAD: Final = {
    "broken Avro": Bad(broken_avro, "", "not Avro of schema"),
    "random bytes": Bad(noise, "", "schema id"),
    "unsigned": Bad(unsigned, "signature-wrong", "does not hold"),
    "wrongly signed": Bad(wrongly_signed, "signature-wrong", "does not hold"),
    "unknown desk": Bad(unknown_desk, "desk-not-entitled", OTHER_DESK, OTHER_DESK),
    "unknown asset": Bad(with_action(asset_id="DOGE"), "asset-unknown", "DOGE"),
    "wrong checksum": Bad(with_action(destination=PAYEE.lower()), "command-malformed", "checksum"),
    "negative": Bad(with_action(amount="-1"), "command-malformed", "amount"),
    "too precise": Bad(with_action(amount="1.0000001"), "amount-too-precise", "6 decimals"),
    "absurd": Bad(with_action(amount="9" * 70), "amount-too-large", "more than can exist"),
    "beyond any number": Bad(with_action(amount="9" * 500), "command-malformed", "amount"),
}


@dataclass(frozen=True, slots=True)
class Answered:
    """The records written, and the log's answers."""

    values: Mapping[str, bytes]
    quarantined: Mapping[str, Quarantined]
    rejected: Mapping[str, CommandRejected]
    """By the SHA-256 of the record that is answered, as above."""


@pytest.fixture(scope="module")
def answered(whole_system: WholeSystem) -> Answered:
    """All of it at once, with a good command right behind each; the good ones are all confirmed."""
    values = {name: bad.make(whole_system) for name, bad in BAD.items()}
    good = [whole_system.payment(f"{10 + number}.5") for number in range(len(BAD))]
    producer = clients.producer(whole_system.description, "system")
    for (name, bad), command in zip(BAD.items(), good, strict=True):
        producer.produce("commands", values[name], bad.key.encode())
        producer.produce("commands", wire.encode(command), DESK.encode())
    assert producer.flush(DECIDED_SECONDS_MAX) == 0
    whole_system.await_state([order_of(command) for command in good], "confirmed", DECIDED_SECONDS_MAX)
    events = [each.event for each in whole_system.log(["quarantined", "command-rejected"])]
    return Answered(
        values,
        {event.original_sha256: event for event in events if isinstance(event, Quarantined)},
        {event.command_hash: event for event in events if isinstance(event, CommandRejected)},
    )


@pytest.mark.parametrize("name", [name for name, bad in BAD.items() if not bad.check])
def test_what_cannot_be_read_is_kept_with_its_bytes_and_a_reason(answered: Answered, name: str) -> None:
    event = answered.quarantined[digest_of(answered.values[name])]
    assert BAD[name].says in event.reason
    assert event.original == "0x" + answered.values[name].hex()
    assert (event.topic, event.partition) == ("commands", PARTITION)


@pytest.mark.parametrize("name", [name for name, bad in BAD.items() if bad.check])
def test_what_may_not_be_is_rejected_by_name_with_what_would_change_that(answered: Answered, name: str) -> None:
    event = answered.rejected[digest_of(answered.values[name])]
    assert (event.refusal.check, event.desk_id) == (BAD[name].check, BAD[name].key)
    assert BAD[name].says in event.refusal.message
    assert event.refusal.remedy


def test_who_sent_a_rejected_command_finds_the_answer_by_its_id(whole_system: WholeSystem, answered: Answered) -> None:
    for event in answered.rejected.values():
        path = f"/v1/rejections/{event.command_id}?command_hash={event.command_hash}"
        assert within(DECIDED_SECONDS_MAX, lambda path=path: whole_system.get(path).status_code == 200)  # type: ignore[misc]
        assert whole_system.get(path).json()["refusal"] == event.refusal.model_dump()
