from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from projections.api import cursors, router
from projections.api.database import Database
from projections.api.database import database as of_this_process
from projections.projector.projecting import rebuild
from projections.storage.tables import Writer
from schemas.events import answers, governance, lifecycle
from schemas.examples import example
from tests.projections.memory_log import Stage
from tests.world.firm import story
from tests.world.firm.story import Story, life, made, order_id_of

pytestmark = pytest.mark.cluster

REJECTED_COMMAND = "0b9f4f0e-5b0c-5d3f-9c7e-2f1f3f0a9d12"
UNKNOWN = "00000000-0000-4000-8000-000000000000"
PAGES = ("/", "/keys", "/limits", "/breakers", "/policies", "/proposals", f"/proposals/{UNKNOWN}")
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"


def orders_story() -> Story:
    orders_story = life(
        story.confirmed(order_id_of(1)),
        story.waiting(order_id_of(2)),
        story.flagged_and_split(order_id_of(3), [order_id_of(4)]),
        story.rejected(order_id_of(4)),
    )
    rejection = example(answers.CommandRejected)
    for event in story.change_events():
        orders_story.tell(event)
    for moment in (1, 2):
        orders_story.tell(rejection.model_copy(update={"command_id": REJECTED_COMMAND, "command_hash": f"{moment}" * 64}))
    return orders_story


def client_of(database: str) -> TestClient:
    reading = Database(psycopg.conninfo.make_conninfo(database, user="reader"))

    @asynccontextmanager
    async def closing(_: FastAPI) -> AsyncIterator[None]:
        yield
        await reading.close()

    app = FastAPI(lifespan=closing)
    app.include_router(router)
    app.dependency_overrides[of_this_process] = lambda: reading
    return TestClient(app, raise_server_exceptions=True)


@pytest.fixture
def client(database: str, connect: Callable[[], Writer]) -> Iterator[TestClient]:
    rebuild(Stage(connect, orders_story()).outside())
    with client_of(database) as client:
        yield client


def get(client: TestClient, path: str, **query: Any) -> Any:
    answer = client.get(path, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_orders_come_newest_first_with_money_and_hashes_as_strings(client: TestClient) -> None:
    orders = get(client, "/v1/orders")["orders"]
    assert [each["order_id"] for each in orders] == [order_id_of(number) for number in (4, 3, 2, 1)]
    assert [each["state"] for each in orders] == ["rejected", "superseded", "awaiting-approval", "confirmed"]
    assert orders[3]["amount_usd"] == "1000000.500000"
    assert orders[3]["tail_digest"] == orders_story().tails[order_id_of(1)].digest


def test_orders_are_found_by_desk_and_state(client: TestClient) -> None:
    assert [o["order_id"] for o in get(client, "/v1/orders", state="confirmed")["orders"]] == [order_id_of(1)]
    assert len(get(client, "/v1/orders", desk="newswap")["orders"]) == 4
    assert get(client, "/v1/orders", desk="macro")["orders"] == []


def test_pages_neither_skip_nor_repeat(client: TestClient) -> None:
    seen, cursor = [], None
    for _ in range(5):
        page = get(client, "/v1/orders", limit=1, **({"cursor": cursor} if cursor else {}))
        seen += [each["order_id"] for each in page["orders"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == [order_id_of(number) for number in (4, 3, 2, 1)]


@pytest.mark.parametrize("cursor", ["x", "MTIz", cursors.write((-1, UNKNOWN)), cursors.write((2**63, UNKNOWN)), "Lg", "é"])
def test_a_cursor_that_was_never_given_out_is_refused(client: TestClient, cursor: str) -> None:
    answer = client.get("/v1/orders", params={"cursor": cursor})
    assert (answer.status_code, "cursor" in answer.json()["detail"]) == (422, True)


@pytest.mark.parametrize("path", ["/v1/orders/{}", "/v1/orders/{}/events", "/v1/rejections/{}", "/orders/{}"])
def test_what_is_not_there_is_404_and_what_is_no_id_422(client: TestClient, path: str) -> None:
    assert client.get(path.format(UNKNOWN)).status_code == 404
    assert client.get(path.format("1 OR 1=1")).status_code == 422


def test_a_timeline_is_the_chain_link_by_link(client: TestClient) -> None:
    timeline = get(client, f"/v1/orders/{order_id_of(1)}/events")
    links = timeline["links"]
    assert [link["sequence"] for link in links] == list(range(1, 12))
    assert [link["previous_hash"] for link in links[1:]] == [link["digest"] for link in links[:-1]]
    assert all(link["verified"] for link in links)
    assert {link["trace_id"] for link in links} == {story.TRACE}
    assert links[0]["event"]["command"]["command_id"] == example(lifecycle.OrderInitiated).command.command_id


def test_limits_show_cap_and_use(client: TestClient) -> None:
    [limit] = get(client, "/v1/limits")["limits"]
    assert (limit["scope_key"], limit["cap_usd"]) == ("trader:alice", "1000000.000000")
    # order 2 still holds its reservation; order 1 was posted, long before today's window
    assert (limit["reserved_usd"], limit["posted_usd"]) == ("600000.250000", "0.000000")


def test_contracts_policies_and_rejections(client: TestClient) -> None:
    assert [each["address"] for each in get(client, "/v1/contracts")["contracts"]] == [story.ADDRESS]
    [policy] = get(client, "/v1/policies")["policies"]
    assert (policy["version"], policy["active"]) == (1, True)
    assert get(client, f"/v1/rejections/{REJECTED_COMMAND}")["command_hash"] == "2" * 64
    assert get(client, f"/v1/rejections/{REJECTED_COMMAND}", command_hash="1" * 64)["command_hash"] == "1" * 64


def test_breakers_that_are_tripped_come_first_and_those_that_were_only_if_asked(client: TestClient) -> None:
    [open_now] = get(client, "/v1/breakers")["breakers"]
    assert (open_now["scope"], open_now["subject"], open_now["state"]) == ("asset", "USDC", "open")
    both = get(client, "/v1/breakers", all=True)["breakers"]
    assert [(each["subject"], each["state"]) for each in both] == [("USDC", "open"), ("macro", "closed")]
    assert (both[1]["reason"], both[1]["tripped_by"], both[1]["proposal_id"]) == ("looked at", "", story.PROPOSAL)


def test_a_proposal_is_put_together_from_all_that_was_said_of_it(client: TestClient) -> None:
    enacted = get(client, f"/v1/proposals/{story.PROPOSAL}")
    assert (enacted["kind"], enacted["state"], enacted["requires"]) == ("reset", "enacted", [])
    assert [each["approver"] for each in enacted["approvals"]] == ["carol", "dave"]
    assert enacted["closed_at"] is not None
    waiting = get(client, "/v1/proposals", state="awaiting-approval")["proposals"]
    assert [each["kind"] for each in waiting] == ["access", "policy", "reset"]
    assert (waiting[2]["proposal_id"], waiting[2]["requires"]) == (story.OPEN_PROPOSAL, ["risk-officer:1"])
    assert len(get(client, "/v1/proposals")["proposals"]) == 4
    assert client.get(f"/v1/proposals/{UNKNOWN}").status_code == 404


def test_rights_policies_and_what_governance_refused_can_be_read(client: TestClient) -> None:
    [principal] = get(client, "/v1/access")["principals"]
    assert principal["principal"] == example(governance.AccessChanged).principal
    assert get(client, "/v1/policies/active")["version"] == 1
    refused = example(governance.FirmCommandRejected)
    found = get(client, f"/v1/rejections/{refused.command_id}", command_hash=refused.command_hash)
    assert (found["desk_id"], found["proposal_id"]) == (None, refused.proposal_id)


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/limits", ["trader:alice", "rolling 1 day", "$600,000.25 reserved of $1,000,000.00"]),
        ("/breakers", ["asset", "USDC", "open", "macro", "looked at", "trip-breaker", "reset-breaker"]),
        ("/policies", ["Policy 1", "in force", "Agreed to in"]),
        ("/proposals", ["reset", "policy", "access", "awaiting-approval", "enacted"]),
        (f"/proposals/{story.OPEN_PROPOSAL}", ["approve-proposal", "risk-officer:1", "carol"]),
        (f"/proposals/{order_id_of(77)}", ["cedar proposed", "+other", "approve-proposal"]),
        (f"/proposals/{story.PROPOSAL}", ["enacted", "dave"]),
        ("/", ["Stopped", "Proposed changes", "Fullest limits"]),
    ],
)
def test_a_page_shows_what_it_is_for(client: TestClient, path: str, words: list[str]) -> None:
    page = client.get(path)
    assert page.status_code == 200
    assert [word for word in words if word not in page.text] == []


def test_without_tables_the_answer_is_503_and_never_an_empty_list(database: str) -> None:
    with client_of(database) as client:
        for path in ("/v1/orders", "/v1/limits", "/v1/breakers", "/v1/keys", f"/v1/orders/{UNKNOWN}", *PAGES):
            answer = client.get(path)
            assert (answer.status_code, "projector" in answer.text) == (503, True)


def test_without_a_database_the_answer_is_503() -> None:
    with client_of("host=/nowhere dbname=nothing connect_timeout=1") as client:
        answer = client.get("/v1/orders")
    assert (answer.status_code, "cannot be reached" in answer.json()["detail"]) == (503, True)


def test_pages_show_everything_and_let_nothing_run(database: str, connect: Callable[[], Writer]) -> None:
    first, *rest = story.waiting(order_id_of(1))
    assert isinstance(first, lifecycle.OrderInitiated)
    order = first.order.model_copy(update={"memo": HOSTILE})
    closed = made(lifecycle.OrderClosed, order_id_of(1), reason="cancelled", message=HOSTILE)
    hostile = life([first.model_copy(update={"order": order}), *rest, closed], story.waiting(order_id_of(2)))
    refusal = example(answers.CommandRejected).refusal.model_copy(update={"message": HOSTILE, "remedy": HOSTILE})
    hostile.tell(example(answers.CommandRejected).model_copy(update={"principal": HOSTILE[:100], "refusal": refusal}))
    rebuild(Stage(connect, hostile).outside())
    with client_of(database) as client:
        pages = [client.get("/", params={"desk": "", "state": HOSTILE[:60]}), client.get(f"/orders/{order_id_of(1)}")]
        everything = client.get("/")
    for page in (*pages, everything):
        assert page.status_code == 200
        assert "<script>alert" not in page.text
        assert "<img" not in page.text
        assert "&lt;script&gt;alert" in page.text
        assert page.text.count("<script") == 2
        policy = page.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
    assert "risk-officer:1" in everything.text
    assert all(link.digest in pages[1].text for link in [hostile.tails[order_id_of(1)]])


def test_the_pages_own_files_are_all_that_they_name(client: TestClient) -> None:
    page = client.get("/").text
    for asset in ("/assets/dashboard.css", "/assets/dashboard.js", "/assets/mark.svg"):
        assert asset in page
        assert client.get(asset).status_code == 200
    assert "http://" not in page
    assert "https://" not in page
