"""Each malformed request gets a clear problem and an event in the log; later requests are served."""

from __future__ import annotations

import hashlib
import json
import socket
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from confluent_kafka import TopicPartition

from commands.answers import Problem
from commands.client.signing import Signer, signed
from commands.gateway.protection import BODY_BYTES_MAX
from commands.intake.requests import content_of
from infra.kafka import clients
from infra.local_cluster.deadline import Deadline
from schemas import wire
from schemas.commands import InitiateOrder
from schemas.events.answers import RequestRefused
from tests.commands.conftest import Door
from tests.world.firm.door import DESK, OTHER_DESK, SYSTEM, WALLET, transfer

pytestmark = pytest.mark.cluster

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Sending:
    """A request that would be accepted, to be spoilt."""

    content: Json
    headers: dict[str, str]
    raw: bytes | None = None
    path: str = "/v1/orders"

    @property
    def body(self) -> bytes:
        return json.dumps(self.content).encode() if self.raw is None else self.raw


def good(signer: Signer, principal: str = SYSTEM, desk: str = DESK) -> Sending:
    command = signed(
        signer,
        command_id=str(uuid.uuid4()),
        desk_id=desk,
        principal=principal,
        issued_at=time.time_ns() // 1_000,
        body=InitiateOrder(wallet_id=WALLET, action=transfer("1")),
    )
    headers = {
        "Content-Type": "application/json",
        "Idempotency-Key": command.command_id,
        "Proofdesk-Principal": principal,
        "Proofdesk-Issued-At": str(command.issued_at),
    }
    return Sending(content_of(command), headers)


Spoil = Callable[[Sending], Sending]


def content(**changes: Any) -> Spoil:
    return lambda sending: replace(sending, content={**sending.content, **changes})


def action(**changes: Any) -> Spoil:
    return lambda sending: replace(sending, content={**sending.content, "action": {**sending.content["action"], **changes}})


def without(name: str) -> Spoil:
    return lambda sending: replace(sending, content={n: v for n, v in sending.content.items() if n != name})


def header(name: str, value: str | None) -> Spoil:
    def spoil(sending: Sending) -> Sending:
        others = {n: v for n, v in sending.headers.items() if n != name}
        return replace(sending, headers=others if value is None else {**others, name: value})

    return spoil


def raw(change: Callable[[bytes], bytes]) -> Spoil:
    return lambda sending: replace(sending, raw=change(sending.body))


def path(text: str) -> Spoil:
    return lambda sending: replace(sending, path=text)


@dataclass(frozen=True, slots=True)
class Row:
    """A fault of a request, and its answer."""

    what: str
    spoil: Spoil
    status: int
    check: str
    fault: str = ""
    """The field that is named."""
    words: str = ""
    """What its message, or the detail, says among other things."""
    recorded: bool = field(default=True)
    """True if the gateway writes `request-refused`; otherwise the desk does."""


MALFORMED = "request-malformed"
ROWS = [
    Row("malformed JSON", raw(lambda body: body[:-1]), 422, MALFORMED, "body", "is not JSON"),
    Row("no body", raw(lambda _: b""), 422, MALFORMED, "body", "is missing"),
    Row("no object", raw(lambda _: b"[]"), 422, MALFORMED, "body"),
    Row("two meanings", raw(lambda body: b'{"memo":"a",' + body[1:-1] + b',"memo":"b"}'), 422, MALFORMED, "memo", "twice"),
    Row("a float", action(amount=1.5), 422, MALFORMED, "action.amount", "floating-point number; write amounts as strings"),
    Row("an exponent", action(amount="1e6"), 422, MALFORMED, "action.amount", "plain digits"),
    Row("NaN", action(amount=float("nan")), 422, MALFORMED, "action.amount", "NaN is not a number"),
    Row("NaN in words", action(amount="NaN"), 422, MALFORMED, "action.amount", "plain digits"),
    Row("true", action(amount=True), 422, MALFORMED, "action.amount", "plain digits"),
    Row("a negative amount", action(amount="-1"), 422, MALFORMED, "action.amount", "plain digits"),
    Row("a negative integer", action(amount=-1), 422, MALFORMED, "action.amount", "greater than 0"),
    Row("nothing", action(amount="0"), 422, MALFORMED, "action.amount", "greater than 0"),
    Row("an amount that cannot exist", action(amount="9" * 79), 422, MALFORMED, "action.amount", "plain digits"),
    Row("a wrong checksum", action(destination="0x70997970c51812dc3A010C7d01b50e0d17dc79C8"), 422, MALFORMED,
        "action.destination", "wrong EIP-55 checksum"),
    Row("no address", action(destination="alice"), 422, MALFORMED, "action.destination", "0x and 40 hexadecimal digits"),
    Row("an unknown kind", action(kind="burn"), 422, MALFORMED, "action", "burn"),
    Row("an unknown field", content(priority="high"), 422, MALFORMED, "priority", "not known here"),
    Row("an unknown field inside", action(note="x"), 422, MALFORMED, "action.note", "not known here"),
    Row("a desk's name in capitals", content(desk_id="ALPHA"), 422, MALFORMED, "desk_id"),
    Row("a NUL", content(memo="a\0b"), 422, MALFORMED, "memo", "control character"),
    Row("a memo like a book", content(memo="x" * 1_001), 422, MALFORMED, "memo", "1000"),
    Row("a huge body", content(memo="x" * BODY_BYTES_MAX), 413, "body-too-large", words="65536 bytes", recorded=False),
    Row("another media type", header("Content-Type", "text/plain"), 415, "media-type", words="application/json"),
    Row("no media type", header("Content-Type", None), 415, "media-type", words="application/json"),
    Row("no principal", header("Proofdesk-Principal", None), 401, "request-unsigned", "header Proofdesk-Principal", "missing"),
    Row("no authorization", without("authorization"), 401, "request-unsigned", "authorization", "is missing"),
    Row("no key", header("Idempotency-Key", None), 422, MALFORMED, "header Idempotency-Key", "is missing"),
    Row("a key with blanks", header("Idempotency-Key", "a b"), 422, MALFORMED, "header Idempotency-Key", "visible ASCII"),
    Row("no time", header("Proofdesk-Issued-At", None), 422, MALFORMED, "header Proofdesk-Issued-At", "is missing"),
    Row("a time in words", header("Proofdesk-Issued-At", "now"), 422, MALFORMED, "header Proofdesk-Issued-At"),
    Row("a time beyond all", header("Proofdesk-Issued-At", "9" * 18), 422, MALFORMED, "header Proofdesk-Issued-At", "9999"),
    Row("an order that is none", path("/v1/orders/seven/cancel"), 422, MALFORMED, "path order_id"),
    Row("an unknown principal", header("Proofdesk-Principal", "mallory"), 401, "principal-unknown", words="mallory"),
    Row("another's name", header("Proofdesk-Principal", "paula"), 401, "key-unknown", words="paula has no registered key"),
    Row("another content than signed", content(memo="and a tip"), 401, "signature-wrong", words="exactly the content"),
    Row("another time than signed", header("Proofdesk-Issued-At", "1"), 401, "signature-wrong"),
    Row("another key than signed", header("Idempotency-Key", "other"), 401, "signature-wrong"),
    Row("no signature at all", content(authorization={"kind": "ed25519", "key_id": "bot-1", "signature": ""}), 401,
        "signature-wrong", words="64 bytes"),
    Row("an unknown key", content(authorization={"kind": "ed25519", "key_id": "bot-9", "signature": "AA"}), 401, "key-unknown"),
]  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=[row.what for row in ROWS])
def test_what_is_wrong_is_answered_clearly_and_recorded(door: Door, row: Row) -> None:
    sending = row.spoil(good(door.firm.system()))

    problem = answered(door, sending, row.status)

    assert problem.check == row.check
    assert problem.type == f"urn:proofdesk:problem:{row.check}"
    assert problem.remedy in problem.detail
    said = {fault.field: fault.message for fault in problem.errors}
    if row.fault:
        assert row.fault in said
    assert row.words in (said[row.fault] if row.fault else problem.detail)
    if row.recorded:
        event = refused_request(door, hashlib.sha256(sending.body).hexdigest(), row.check)
        assert event.path == sending.path
        assert event.claimed_principal == sending.headers.get("Proofdesk-Principal", "")
        assert row.words in event.refusal.message + event.refusal.remedy


def test_a_desk_that_is_not_theirs_is_forbidden(door: Door) -> None:
    sending = good(door.firm.system(), desk=OTHER_DESK)

    problem = answered(door, sending, 403)

    assert problem.check == "desk-not-entitled"
    event = refused_request(door, hashlib.sha256(sending.body).hexdigest(), "desk-not-entitled")
    assert event.claimed_principal == SYSTEM


def test_an_assertion_for_something_else_is_no_authorization(door: Door) -> None:
    sending = content(memo="and a tip")(good(door.firm.person("paula"), "paula"))

    problem = answered(door, sending, 401)

    assert problem.check == "assertion-wrong"
    assert "challenge" in problem.detail


@pytest.mark.parametrize(
    ("what", "change", "check", "words"),
    [
        ("an unknown asset", {"asset_id": "DOGE"}, "asset-unknown", "there is no asset DOGE"),
        ("too precise", {"amount": "0.0000001"}, "amount-too-precise", "at most 6 decimals"),
        ("absurd", {"amount": "9" * 75}, "amount-too-large", "check the amount and its unit"),
    ],
)
def test_what_only_the_desk_can_know_is_its_rejection(
    door: Door, what: str, change: dict[str, str], check: str, words: str
) -> None:
    order = transfer("1").model_copy(update={})
    command = door.system().command(
        DESK, InitiateOrder(wallet_id=WALLET, action=order.model_validate({**order.model_dump(mode="json"), **change}))
    )
    headers = {
        "Content-Type": "application/json",
        "Idempotency-Key": command.command_id,
        "Proofdesk-Principal": SYSTEM,
        "Proofdesk-Issued-At": str(command.issued_at),
    }

    problem = answered(door, Sending(content_of(command), headers), 422)

    assert problem.check == check, what
    assert words in problem.detail
    assert problem.command_id == command.command_id


def test_nothing_is_lost_behind_all_that(door: Door) -> None:
    assert door.system().submit(DESK, WALLET, transfer("1")).state == "approved"


@pytest.mark.parametrize(
    ("method", "where", "status", "check"),
    [
        ("GET", "/v1/nothing", 404, "not-found"),
        ("GET", "/v1/orders/0b9f4f0e-5b0c-5d3f-9c7e-2f1f3f0a9d11", 404, "not-found"),
        ("DELETE", "/v1/orders", 405, "method-not-allowed"),
        ("GET", "/v1/orders?limit=none", 422, "request-malformed"),
        ("GET", "/v1/orders?cursor=none", 422, "request-malformed"),
    ],
)
def test_every_other_failure_has_the_same_form(door: Door, method: str, where: str, status: int, check: str) -> None:
    response = httpx.request(method, door.description.http + where)

    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    assert Problem.model_validate_json(response.content).check == check


def test_a_header_that_stands_twice_is_refused(door: Door) -> None:
    sending = good(door.firm.system())
    headers = [*sending.headers.items(), ("Proofdesk-Principal", "paula")]

    response = httpx.post(door.description.http + sending.path, content=sending.body, headers=headers)

    assert response.status_code == 422
    assert response.json()["errors"] == [
        {"field": "header Proofdesk-Principal", "message": "stands more than once; say it once"}
    ]


def test_what_is_no_http_is_told_so(door: Door) -> None:
    place = urlsplit(door.description.http)
    with socket.create_connection((place.hostname, place.port), timeout=10) as connection:
        connection.sendall(b"BREW /pot HTCPCP/1.0\r\n\r\n")
        received = connection.makefile("rb").read()

    head, _, body = received.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert b"application/problem+json" in head
    assert Problem.model_validate_json(body).check == "not-http"


def answered(door: Door, sending: Sending, status: int) -> Problem:
    response = httpx.post(door.description.http + sending.path, content=sending.body, headers=sending.headers)
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert "Traceback" not in response.text
    if status == 401:
        assert response.headers["www-authenticate"] == "Proofdesk-Signature"
    problem = Problem.model_validate_json(response.content)
    assert problem.status == status
    return problem


def refused_request(door: Door, body_sha256: str, check: str) -> RequestRefused:
    """The newest event for that body on `request-refused`."""
    consumer = clients.consumer(door.description, "client")
    consumer.assign([TopicPartition("request-refused", 0, 0)])
    deadline = Deadline(10)
    try:
        while not deadline.passed:
            message = consumer.poll(0.5)
            if message is None or message.error() is not None:
                continue
            event = wire.decode("request-refused", message.value() or b"")
            assert isinstance(event, RequestRefused)
            if event.body_sha256 == body_sha256 and event.refusal.check == check:
                return event
    finally:
        consumer.close()
    raise AssertionError(f"no event for {body_sha256} with {check}")
