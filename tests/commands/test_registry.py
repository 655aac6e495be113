"""The registry's routes, read by common clients: Confluent's own, and kcat."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import httpx
import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.schema_registry import SchemaRegistryClient, SchemaRegistryError
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext
from fastapi import FastAPI
from starlette.testclient import TestClient

from commands.gateway.routes import registry
from infra.kafka import clients
from schemas import catalogue
from schemas.topics import TOPICS
from tests.commands.conftest import Door
from tests.world.firm.door import DESK, WALLET, transfer


@pytest.fixture(scope="module")
def routes() -> TestClient:
    app = FastAPI()
    app.include_router(registry.routes(""))
    return TestClient(app)


@pytest.mark.parametrize(
    ("path", "status", "answer"),
    [
        ("/schemas/types", 200, ["AVRO"]),
        ("/config", 200, {"compatibilityLevel": "FULL_TRANSITIVE"}),
        ("/config/commands-value", 200, {"compatibilityLevel": "FULL_TRANSITIVE"}),
        ("/mode", 200, {"mode": "READONLY"}),
        ("/schemas/ids/1/versions", 200, [{"subject": catalogue.by_id()[1].subject, "version": 1}]),
        ("/schemas/ids/0", 404, {"error_code": 40403, "message": "Schema 0 not found"}),
        ("/schemas/ids/x", 404, {"error_code": 40403, "message": "Schema x not found"}),
        ("/subjects/none/versions", 404, {"error_code": 40401, "message": "Subject 'none' not found."}),
        ("/subjects/none/versions/1", 404, {"error_code": 40401, "message": "Subject 'none' not found."}),
        ("/subjects/commands-value/versions/999", 404, {"error_code": 40402, "message": "Version 999 not found."}),
        (
            "/subjects/commands-value/versions/zero",
            422,
            {"error_code": 42202, "message": "The specified version 'zero' is not a valid version id."},
        ),
    ],
)
def test_answers_are_those_of_the_api(routes: TestClient, path: str, status: int, answer: object) -> None:
    response = routes.get(f"/registry{path}")

    assert (response.status_code, response.json()) == (status, answer)
    assert response.headers["content-type"] == "application/vnd.schemaregistry.v1+json"


def test_every_published_schema_is_there_under_its_id_and_its_version(routes: TestClient) -> None:
    for entry in catalogue.entries():
        by_id = routes.get(f"/registry/schemas/ids/{entry.schema_id}")
        by_version = routes.get(f"/registry/subjects/{entry.subject}/versions/{entry.version}").json()

        assert json.loads(by_id.json()["schema"]) == entry.schema
        assert "immutable" in by_id.headers["cache-control"]
        assert (by_version["id"], by_version["schema"]) == (entry.schema_id, by_id.json()["schema"])
    newest = routes.get("/registry/subjects/commands-value/versions/latest").json()
    assert newest["id"] == catalogue.newest("commands-value").schema_id


def test_a_registry_of_ones_own_answers_instead() -> None:
    app = FastAPI()
    app.include_router(registry.routes("http://registry.example:8081/"))

    response = TestClient(app).get("/registry/schemas/ids/7?deleted=true", follow_redirects=False)

    assert response.status_code == 307
    assert response.headers["location"] == "http://registry.example:8081/schemas/ids/7?deleted=true"


@pytest.mark.cluster
def test_nothing_can_be_registered(door: Door) -> None:
    response = httpx.post(f"{door.description.registry}/subjects/commands-value/versions", json={"schema": "{}"})

    assert response.status_code == 405


@pytest.mark.cluster
def test_confluents_own_client_reads_an_orders_events(door: Door) -> None:
    answer = door.system().submit(DESK, WALLET, transfer("4"))
    with SchemaRegistryClient({"url": door.description.registry}) as client:
        assert (
            client.get_latest_version("order-initiated-value").schema_id == catalogue.newest("order-initiated-value").schema_id
        )
        with pytest.raises(SchemaRegistryError, match="not found"):
            client.get_latest_version("none")
        read = AvroDeserializer(client)
        records = [
            read(value, SerializationContext(topic, MessageField.VALUE)) for topic, value in values(door, "order-initiated")
        ]

    assert answer.order_id in [record["order_id"] for record in records if isinstance(record, dict)]


@pytest.mark.cluster
def test_kcat_prints_an_orders_events(door: Door, tmp_path: Path) -> None:
    kcat = shutil.which("kcat")
    if kcat is None or "Avro" not in subprocess.run([kcat, "-V"], capture_output=True, text=True, check=False).stdout:
        pytest.skip("no kcat with Avro here: Debian builds it without")
    answer = door.system().submit(DESK, WALLET, transfer("5"))
    settings = tmp_path / "client.conf"
    settings.touch(mode=0o600)
    named = clients.settings(door.description, "client").items()
    settings.write_text(
        "".join(f"{name}={str(value).lower() if isinstance(value, bool) else value}\n" for name, value in named)
    )

    printed = subprocess.run(
        [kcat, "-F", settings, "-C", "-e", "-q", "-o", "beginning", "-t", "policy-evaluated",
         "-s", "value=avro", "-r", door.description.registry],
        capture_output=True, text=True, timeout=60, check=False, env={**os.environ},
    )  # fmt: skip

    assert printed.returncode == 0, printed.stderr
    events = [json.loads(line) for line in printed.stdout.splitlines()]
    assert [event["outcome"] for event in events if event["order_id"] == answer.order_id] == ["allowed"]


def values(door: Door, topic: str) -> list[tuple[str, bytes]]:
    """Everything that stands on a topic now."""
    consumer = clients.consumer(door.description, "client", {"enable.partition.eof": True})
    consumer.assign([TopicPartition(topic, number, 0) for number in range(TOPICS[topic].partitions)])
    ended, found = 0, []
    try:
        while ended < TOPICS[topic].partitions:
            message = consumer.poll(10)
            assert message is not None, "the topic cannot be read"
            if message.error() is None:
                found.append((topic, message.value() or b""))
            else:
                ended += 1
    finally:
        consumer.close()
    return found
