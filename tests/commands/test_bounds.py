"""The gateway bounds requests, bodies, time and events, and sets headers on every answer."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from fastapi import FastAPI, Request
from starlette.responses import Response, StreamingResponse
from starlette.types import ASGIApp

from commands.gateway import problems, protection
from commands.gateway.protection import BODY_BYTES_MAX, SECURITY_HEADERS, Protection
from commands.log.refused import Bucket


def application() -> FastAPI:
    app = FastAPI()
    problems.install(app)

    @app.post("/body")
    async def body(request: Request) -> int:
        return len(await request.body())

    @app.get("/late")
    async def late() -> None:
        await asyncio.sleep(60)

    @app.get("/bug")
    async def bug() -> None:
        raise RuntimeError("the password is swordfish")

    @app.get("/framed")
    async def framed() -> Response:
        return Response("x", headers={"Content-Security-Policy": "default-src 'self'"})

    return app


def send_request(app: ASGIApp, method: str, path: str, **parts: object) -> httpx.Response:
    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://desk.test") as client:
            return await client.request(method, path, **parts)  # type: ignore[arg-type] # a test's own keywords

    return asyncio.run(ask())


@pytest.fixture
def door_only() -> Protection:
    return Protection(application(), {"desk.test"})


@pytest.mark.slow
def test_every_answer_has_the_security_headers_and_none_allows_another_origin(door_only: Protection) -> None:
    for path in ("/framed", "/bug", "/nothing"):
        headers = send_request(door_only, "GET", path, headers={"Origin": "http://elsewhere.test"}).headers
        assert [name for name in SECURITY_HEADERS if name not in headers] == []
        assert "access-control-allow-origin" not in headers
    assert send_request(door_only, "GET", "/framed").headers["content-security-policy"] == "default-src 'self'"
    assert "default-src 'none'" in send_request(door_only, "GET", "/bug").headers["content-security-policy"]


@pytest.mark.slow
def test_a_bug_is_a_problem_that_tells_nothing(door_only: Protection) -> None:
    response = send_request(door_only, "GET", "/bug")

    assert response.status_code == 500
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["check"] == "fault"
    assert "swordfish" not in response.text
    assert "Traceback" not in response.text


def test_another_host_is_not_served(door_only: Protection) -> None:
    for host in ("elsewhere.test", "", "[", "desk.test.elsewhere.test"):
        response = send_request(door_only, "GET", "/framed", headers={"Host": host})
        assert (response.status_code, response.json()["check"]) == (421, "host-unknown")
    assert send_request(door_only, "GET", "/framed", headers={"Host": "DESK.test:8080"}).status_code == 200


@pytest.mark.parametrize("length", ["-1", "1e9", "9" * 30, str(BODY_BYTES_MAX + 1)])
def test_a_body_that_says_it_is_too_long_is_not_read(door_only: Protection, length: str) -> None:
    response = send_request(door_only, "POST", "/body", content=b"x", headers={"Content-Length": length})

    assert (response.status_code, response.json()["check"]) == (413, "body-too-large")
    assert response.headers["connection"] == "close"


def test_a_body_of_unsaid_length_is_read_up_to_the_bound(door_only: Protection) -> None:
    def chunks(count: int) -> object:
        async def give() -> object:
            for _ in range(count):
                yield b"x" * 1_024

        return give()

    assert send_request(door_only, "POST", "/body", content=chunks(BODY_BYTES_MAX // 1_024)).json() == BODY_BYTES_MAX
    assert send_request(door_only, "POST", "/body", content=chunks(BODY_BYTES_MAX // 1_024 + 1)).status_code == 413


def test_a_late_answer_is_given_up(door_only: Protection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protection, "REQUEST_SECONDS_MAX", 0.05)

    response = send_request(door_only, "GET", "/late")

    assert (response.status_code, response.json()["check"]) == (503, "too-slow")
    assert response.headers["retry-after"]


def test_requests_beyond_the_bound_are_turned_away_and_later_ones_served(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protection, "REQUESTS_AT_ONCE_MAX", 2)
    entered = 0

    async def slow(scope: object, receive: object, send: object) -> None:
        nonlocal entered
        entered += 1
        await asyncio.sleep(0.1)
        await Response("done")(scope, receive, send)  # type: ignore[arg-type] # as above

    async def ask() -> list[int]:
        transport = httpx.ASGITransport(app=Protection(slow, {"desk.test"}))
        async with httpx.AsyncClient(transport=transport, base_url="http://desk.test") as client:
            first = await asyncio.gather(*(client.get("/") for _ in range(5)))
            last = await client.get("/")
        return [*sorted(each.status_code for each in first), last.status_code]

    assert asyncio.run(ask()) == [200, 200, 503, 503, 503, 200]
    assert entered == 3


def test_streams_have_places_of_their_own_and_no_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protection, "REQUESTS_AT_ONCE_MAX", 0)
    monkeypatch.setattr(protection, "REQUEST_SECONDS_MAX", 0.01)

    async def stream(scope: object, receive: object, send: object) -> None:
        async def words() -> object:
            await asyncio.sleep(0.05)
            yield b"data: x\n\n"

        await StreamingResponse(words())(scope, receive, send)  # type: ignore[arg-type] # an application's form

    response = send_request(Protection(stream, {"desk.test"}), "GET", "/", headers={"Accept": "text/event-stream"})

    assert response.content == b"data: x\n\n"


def test_a_bucket_gives_its_burst_then_its_rate() -> None:
    now = [0.0]
    bucket = Bucket(per_second=10, burst=3, clock=lambda: now[0])

    assert [bucket.take() for _ in range(4)] == [True, True, True, False]
    now[0] = 0.1
    assert [bucket.take() for _ in range(2)] == [True, False]
    now[0] = 1_000
    assert [bucket.take() for _ in range(4)] == [True, True, True, False]
