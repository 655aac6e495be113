"""The log read with kcat, as an operator would: against the running system, decoded by schemas that the gateway serves."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import confluent_kafka
import pytest

from infra.kafka import clients
from streams.samples.institution import DESK
from tests.world.whole_system import WholeSystem, order_of

pytestmark = pytest.mark.cluster

AMOUNT = "1234.56"
CAUSE = "custody fee"


@pytest.fixture(scope="module")
def settings(whole_system: WholeSystem, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """kcat's connection file: only its owner reads it, since arguments are readable by everybody on the machine."""
    file = tmp_path_factory.mktemp("kcat") / "client.conf"
    file.touch(mode=0o600)
    named = {**clients.settings(whole_system.description, "client"), "isolation.level": "read_committed"}
    file.write_text("".join(f"{name}={value}\n" for name, value in named.items()))
    return file


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Lends kcat our own client's librdkafka: Debian 12's doubles SCRAM's nonce, which Kafka refuses since 3.8.1."""
    folder = tmp_path_factory.mktemp("librdkafka")
    (library,) = (Path(confluent_kafka.__path__[0]).parent / "confluent_kafka.libs").glob("librdkafka*.so*")
    (folder / "librdkafka.so.1").symlink_to(library)
    return {**os.environ, "LD_LIBRARY_PATH": f"{folder}:{os.environ.get('LD_LIBRARY_PATH', '')}"}


@pytest.fixture(scope="module")
def order_id(whole_system: WholeSystem) -> str:
    command = whole_system.payment(AMOUNT)
    assert whole_system.post(command).status_code == 201
    whole_system.await_state([order_of(command)], "confirmed")
    return order_of(command)


@pytest.fixture(scope="module")
def kcat(settings: Path, environment: dict[str, str]) -> Callable[..., list[str]]:
    """Prints all that stands on a topic, a record a line."""

    def lines(topic: str, *arguments: str) -> list[str]:
        printed = subprocess.run(
            ["kcat", "-F", settings, "-C", "-q", "-e", "-o", "beginning", "-t", topic, *arguments],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env=environment,
        )
        assert printed.returncode == 0, printed.stderr
        return printed.stdout.splitlines()

    return lines


def decodes_avro() -> bool:
    path = shutil.which("kcat")
    assert path, "no kcat: run make setup"
    return "Avro" in subprocess.run([path, "-V"], capture_output=True, text=True, check=True).stdout


@pytest.mark.skipif(not decodes_avro(), reason="Debian builds kcat without libserdes, so without `-s avro`")
def test_kcat_prints_an_orders_events_as_json_with_readable_amounts(
    whole_system: WholeSystem, kcat: Callable[..., list[str]], order_id: str
) -> None:
    def shown(topic: str) -> dict[str, Any]:
        printed = map(json.loads, kcat(topic, "-s", "value=avro", "-r", whole_system.description.registry))
        (event,) = (each for each in printed if each["order_id"] == order_id)
        return dict(event)

    order = shown("order-initiated")["order"]
    assert (order["memo"], order["action"]["Transfer"]["amount"]) == (CAUSE, AMOUNT)
    evaluated = shown("policy-evaluated")
    assert (evaluated["outcome"], evaluated["facts"]["amount_usd"]) == ("allowed", f"{AMOUNT}0000")
    assert {each["amount_usd"] for each in shown("limit-reserved")["reserved"]} == {f"{AMOUNT}0000"}
    assert shown("confirmed")["sequence"] == 8


def test_kcat_without_avro_shows_whose_record_it_is_its_trace_and_a_schema_that_the_registry_has(
    whole_system: WholeSystem, kcat: Callable[..., list[str]], order_id: str
) -> None:
    lines = kcat("policy-evaluated", "-s", "value=>b I", "-f", "%k %h %s\n")
    key, headers, magic, schema_id = lines[-1].split(" ")
    link = next(each for each in whole_system.cast.events(order_id) if each["topic"] == "policy-evaluated")
    assert (key, magic) == (DESK, "0")
    assert f"-{link['trace_id']}-" in headers
    answer = whole_system.get(f"/registry/schemas/ids/{schema_id}").json()
    assert json.loads(answer["schema"])["name"] == "PolicyEvaluated"
