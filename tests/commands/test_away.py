"""Without Kafka or PostgreSQL, requests get a clear error in bounded time; work goes on when they are back."""

from __future__ import annotations

import time
from collections.abc import Iterator

import httpx
import pytest

from commands.client import ProofdeskClient, SystemFault
from commands.intake.requests import content_of, path_of
from infra.local_cluster.deadline import Deadline
from schemas.commands import Command, InitiateOrder
from tests.commands.conftest import Door
from tests.world.firm.door import DESK, SYSTEM, WALLET, transfer

pytestmark = pytest.mark.cluster

ANSWER_SECONDS_MAX = 6
BACK_SECONDS_MAX = 60
TAKEN_IN = (201, 202)


def post_command(door: Door, command: Command) -> httpx.Response:
    headers = {
        "Idempotency-Key": command.command_id,
        "Proofdesk-Principal": command.principal,
        "Proofdesk-Issued-At": str(command.issued_at),
    }
    return httpx.post(door.description.http + path_of(command), json=content_of(command), headers=headers, timeout=20)


@pytest.fixture
def undisturbed(door: Door) -> Iterator[Door]:
    """The door, with a desk that starts afresh afterwards: how the desk outlives a broker is not tested here."""
    yield door
    door.cluster.restart_process("desk")
    door.await_ready()
    ProofdeskClient(door.description.http, SYSTEM, door.firm.system(), patience_seconds=BACK_SECONDS_MAX).submit(
        DESK, WALLET, transfer("1")
    )


@pytest.mark.parametrize(("service", "check"), [("postgres", "database-away"), ("kafka", "log-away")])
def test_what_is_away_is_said_in_time_and_the_same_command_is_taken_in_later(
    undisturbed: Door, service: str, check: str
) -> None:
    door = undisturbed
    command = door.system().command(DESK, InitiateOrder(wallet_id=WALLET, action=transfer("2")))
    door.cluster.stop_process(service)
    try:
        begun = time.monotonic()
        response = post_command(door, command)
        assert time.monotonic() - begun < ANSWER_SECONDS_MAX
        assert response.status_code == 503
        assert int(response.headers["retry-after"]) > 0
        assert response.json()["check"] == check
        assert "same again" in response.json()["remedy"] or "nothing was taken in" in response.json()["remedy"]
        assert httpx.get(f"{door.description.http}/healthz").status_code == 200
        assert httpx.get(f"{door.description.http}/readyz", timeout=10).status_code == 503
    finally:
        door.cluster.start_process(service)

    door.await_ready()
    deadline = Deadline(BACK_SECONDS_MAX)
    while (status := post_command(door, command).status_code) not in TAKEN_IN:
        assert (status, not deadline.passed) == (503, True)
        time.sleep(0.2)


def test_a_gateway_that_is_not_there_is_a_fault_not_a_refusal() -> None:
    with ProofdeskClient("http://localhost:1") as client, pytest.raises(SystemFault, match="cannot be reached"):
        client.list()
