"""The desk accepts valid records of the commands topic, and answers every other one."""

from __future__ import annotations

import io
from decimal import Decimal
from typing import Any

import fastavro
import pytest

from schemas import catalogue, wire
from schemas.commands import Command
from schemas.events.answers import QUARANTINED_BYTES_MAX, CommandRejected, Quarantined
from schemas.examples import example
from schemas.firm import SigningKey
from schemas.hash_chain import digest_of
from schemas.orders import Action
from streams.desk.observer import INPUTS
from streams.rules.decider import Received
from streams.rules.orders.decider import NotAnInput
from streams.rules.refusals import base as authentication_refusals
from streams.rules.refusals import governance as governance_refusals
from streams.rules.refusals import orders as refusals
from streams.rules.refusals.orders import Refused
from tests.streams.rules.orders.specification import (
    Specification,
    Step,
    allowance,
    cancel,
    given,
    initiate,
    named,
    signed,
    swap,
    transfer,
)
from tests.world.firm.desk import (
    CUSTODIAN,
    FIRM,
    NOW,
    RP_ID,
    SETTINGS,
    TREASURY,
    USDC,
    Fido2Key,
    MachineKey,
    limit,
    person,
    policy,
    price,
    system,
)

ZERO = "0x0000000000000000000000000000000000000000"
HUGE = str(10**77)


@pytest.mark.parametrize(
    ("action", "wallet", "refusal", "words"),
    [
        (transfer("1"), "nowhere", refusals.WalletUnknown, "nowhere"),
        (transfer("1"), "vault-1", refusals.WalletOfOtherDesk, "newswap"),
        (transfer("1", "DOGE"), "treasury-1", refusals.AssetUnknown, "DOGE"),
        (swap("1", buy="DOGE"), "treasury-1", refusals.AssetUnknown, "DOGE"),
        (transfer("1", "FAR"), "treasury-1", refusals.AssetOnOtherChain, "31338"),
        (swap("1", buy="ETH"), "treasury-1", refusals.AssetNotToken, "wrapped"),
        (swap("1", "ETH"), "treasury-1", refusals.AssetNotToken, "swap"),
        (allowance("1", "ETH"), "treasury-1", refusals.AssetNotToken, "token approval"),
        (swap("1", buy="USDC"), "treasury-1", refusals.AssetsEqual, "USDC"),
        (transfer("0.0000001"), "treasury-1", refusals.AmountTooPrecise, "0.0000001 USDC"),
        (transfer("1.1000001"), "treasury-1", refusals.AmountTooPrecise, "6 decimals"),
        (transfer(HUGE), "treasury-1", refusals.AmountTooLarge, HUGE),
        (transfer("1000000000000000.000001"), "treasury-1", refusals.AmountTooLarge, "can exist"),
        (transfer("1", to=ZERO), "treasury-1", refusals.DestinationPointless, "zero address"),
        (transfer("1", to=TREASURY), "treasury-1", refusals.DestinationPointless, "treasury-1 itself"),
        (transfer("1", to=USDC), "treasury-1", refusals.DestinationPointless, "contract of USDC"),
        (allowance("1", spender=TREASURY), "treasury-1", refusals.DestinationPointless, "itself"),
        (swap("1", venue=ZERO), "treasury-1", refusals.DestinationPointless, "zero"),
        (transfer("1", "NIL"), "treasury-1", refusals.PriceMissing, "NIL"),
    ],
)
def test_an_order_that_cannot_be_done_is_rejected(action: Action, wallet: str, refusal: type[Refused], words: str) -> None:
    spec = given().when(initiate("o1", action, wallet=wallet)).then_rejected(refusal, words)
    assert spec.only(CommandRejected).content_hash is not None
    assert spec.state.orders == {}


def test_the_largest_amount_that_has_a_value_is_taken_exactly() -> None:
    firm = FIRM.with_limits(limit("trader-day", "1000000000000000"))
    spec = given(firm).when(initiate("o1", transfer("1000000000000000")))
    assert spec.used("trader-day", "trader:paula") == Decimal(10) ** 15


@pytest.mark.parametrize(
    ("seen", "refusal"),
    [
        (price("ETH", "2500", NOW - 60_000_001), refusals.PriceStale),
        (price("ETH", "2500", NOW + 30_000_001), refusals.PriceStale),
    ],
)
def test_without_a_price_of_now_there_is_no_order(seen: Any, refusal: type[Refused]) -> None:
    given(FIRM.with_price(seen)).when(initiate("o1", transfer("1", "ETH"))).then_rejected(refusal)


def test_a_price_at_the_edge_of_its_age_still_counts() -> None:
    for observed_at in (NOW - 60_000_000, NOW + 30_000_000):
        spec = given(FIRM.with_price(price("ETH", "2500", observed_at))).when(initiate("o1", transfer("1", "ETH")))
        assert spec.is_open("o1")


def test_an_asset_nobody_has_seen_a_price_of_is_refused() -> None:
    spec = given(FIRM)
    spec.firm = type(FIRM)(FIRM.governance, FIRM.policy, {})
    spec.when(initiate("o1", transfer("1", "ETH"))).then_rejected(refusals.PriceMissing)


# Who asks -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("by", "refusal"),
    [
        ("nobody", refusals.PrincipalUnknown),
        ("gone", refusals.PrincipalRevoked),
        ("omar", refusals.DeskNotEntitled),
    ],
)
def test_who_may_not_act_on_the_desk_is_told_why(by: str, refusal: type[Refused]) -> None:
    given().when(initiate("o1", transfer("1"), by=by)).then_rejected(refusal, by)


def tampered(**changes: Any) -> Step:
    """A command that was signed, and then changed."""

    def step(spec: Specification) -> Received:
        command = signed(spec, "o1", "bot", example(Command).body)
        return spec.received(command.model_copy(update=changes))

    return step


def by_machine(key: MachineKey, **changes: Any) -> Step:
    """A command that the bot is said to have sent, signed by `key`."""

    def step(spec: Specification) -> Received:
        command = signed(spec, "o1", "bot", example(Command).body)
        forged = key.confirm(b"x" * 32).model_copy(update=changes)
        return spec.received(command.model_copy(update={"authorization": forged}))

    return step


@pytest.mark.parametrize(
    ("step", "refusal"),
    [
        (tampered(issued_at=NOW + 1), refusals.SignatureWrong),
        (tampered(command_id=named("other")), refusals.SignatureWrong),
        (by_machine(MachineKey("bot")), refusals.SignatureWrong),
        (by_machine(MachineKey("bot"), signature="AAAA"), refusals.SignatureWrong),
        (by_machine(MachineKey("bot"), signature="A"), refusals.SignatureWrong),
        (by_machine(MachineKey("mallory")), refusals.KeyUnknown),
        (by_machine(MachineKey("mallory"), key_id="bot"), refusals.SignatureWrong),
    ],
)
def test_a_signature_that_does_not_hold_is_refused(step: Step, refusal: type[Refused]) -> None:
    spec = given().when(step).then_rejected(refusal)
    assert spec.only(CommandRejected).content_hash is None
    assert spec.state.desks == {}


def test_a_registered_key_that_is_none_is_refused() -> None:
    broken = system("bot", "trader", signing_keys=[SigningKey(key_id="bot", public_key="0x" + "00" * 32)])
    given(FIRM.with_person(broken)).when(initiate("o1", transfer("1"), by="bot")).then_rejected(refusals.SignatureWrong)
    keyless = person("paula", "portfolio-manager", credentials=[])
    given(FIRM.with_person(keyless)).when(initiate("o1", transfer("1"))).then_rejected(refusals.KeyUnknown)


def test_a_persons_command_needs_a_counter_that_rises() -> None:
    spec = given(FIRM, initiate("o1", transfer("40000")), cancel("o1"))
    assert spec.state.desk("newswap").counters == {Fido2Key("paula").registered().credential_id: 2}
    spec.keys["paula"] = Fido2Key("paula", counter=1)
    spec.when(initiate("o2", transfer("1"))).then_rejected(refusals.CounterNotRisen)


def test_an_assertion_for_another_relying_party_is_refused() -> None:
    settings = SETTINGS.model_copy(update={"webauthn_rp_id": f"other.{RP_ID}"})
    firm = FIRM.with_policy(policy(settings=settings))
    given(firm).when(initiate("o1", transfer("1"))).then_rejected(refusals.AssertionWrong, "relying-party")


# When -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("issued_at", "refusal"),
    [
        (NOW - 300_000_000, None),
        (NOW - 300_000_001, refusals.CommandStale),
        (NOW + 30_000_000, None),
        (NOW + 30_000_001, refusals.CommandFromFuture),
    ],
)
def test_a_command_is_neither_old_nor_from_the_future(issued_at: int, refusal: type[Refused] | None) -> None:
    spec = given().when(initiate("o1", transfer("1"), issued_at=issued_at))
    if refusal is None:
        spec.then("order-initiated", "limit-reserved", "policy-evaluated", "approved")
    else:
        spec.then_rejected(refusal)


def test_no_policy_can_make_commands_older_than_what_is_remembered() -> None:
    settings = SETTINGS.model_copy(update={"command_max_age_seconds": 10**6})
    firm = FIRM.with_policy(policy(settings=settings))
    given(firm).when(initiate("o1", transfer("1"), issued_at=NOW - 3_600_000_000))
    spec = given(firm).when(initiate("o1", transfer("1"), issued_at=NOW - 3_600_000_001))
    spec.then_rejected(refusals.CommandStale, "3600 s old")


def test_a_clock_that_runs_backwards_stands_still() -> None:
    spec = given(FIRM, initiate("o1", transfer("100"), by="bot"))
    spec.now -= 600_000_000
    spec.when(initiate("o2", transfer("100"), by="bot", issued_at=NOW))
    assert spec.is_open("o2")
    assert {sealed.recorded.event.decided_at for sealed in spec.log} == {NOW}


# Where ----------------------------------------------------------------------------------------------------------------


def misplaced(key: str = "newswap", partition: int | None = None, desk: str = "newswap") -> Step:
    body = example(Command).body
    return lambda spec: spec.received(signed(spec, "o1", "bot", body, desk_id=desk), key, partition)


@pytest.mark.parametrize("step", [misplaced(key="vault"), misplaced(partition=3), misplaced(desk="macro"), misplaced(key="")])
def test_a_command_where_its_desk_does_not_belong_is_refused(step: Step) -> None:
    """A topic's writer may name any partition: taken there, the desk would have two owners and twice its limits."""
    given().when(step).then_rejected(refusals.CommandMisplaced, "murmur2")


# What cannot be read --------------------------------------------------------------------------------------------------


def raw(value: bytes, key: bytes = b"newswap") -> Step:
    """Bytes as they come from the topic."""

    def step(spec: Specification) -> Received:
        spec.offset += 1
        place = ("commands", spec.partition.number, spec.offset, key, value, digest_of(value))
        try:
            wire.decode("commands", value)
        except wire.Unreadable as error:
            return Received(*place, None, str(error), error.content)
        pytest.fail("these bytes can be read")

    return step


def chosen_of(part: Any) -> Any:
    """One of several records in its Avro form, under its kind, and so within."""
    if not isinstance(part, dict):
        return part
    inner = {name: chosen_of(each) for name, each in part.items()}
    return {inner["kind"]: inner} if "kind" in inner else inner


def avro(**fields: Any) -> bytes:
    """The Avro record of a valid command with some of its fields changed, which no model would let through."""
    entry = catalogue.newest("commands-value")
    content = example(Command).model_dump(mode="json")
    content["body"] |= fields.pop("body", {})
    chosen = {name: chosen_of(part) for name, part in (content | fields).items()}
    out = io.BytesIO()
    out.write(b"\x00" + entry.schema_id.to_bytes(4, "big"))
    fastavro.schemaless_writer(out, fastavro.parse_schema(entry.schema), chosen)
    return out.getvalue()


@pytest.mark.parametrize(
    ("value", "key", "desk"),
    [
        (b"", b"newswap", "newswap"),
        (b"{}", b"newswap", "newswap"),
        (b'{"desk_id": "newswap"}', b"no slug!", "unknown"),
        (b"\x00\x00\x00\x00\x01\x02", b"\xff\xfe", "unknown"),
        (b"\x01" * QUARANTINED_BYTES_MAX + b"\x02", b"", "unknown"),
        (avro(command_id="x"), b"newswap", "newswap"),
        (avro(desk_id="No Desk"), b"newswap", "newswap"),
        (avro(principal=""), b"newswap", "newswap"),
    ],
)
def test_bytes_that_name_nobody_are_kept_in_quarantine(value: bytes, key: bytes, desk: str) -> None:
    spec = given().when(raw(value, key)).then("quarantined")
    event = spec.only(Quarantined)
    assert event.original == "0x" + value[:QUARANTINED_BYTES_MAX].hex()
    assert event.original_sha256 == digest_of(value)
    assert (event.desk_id, event.topic, event.log_offset) == (desk, "commands", 1)
    assert event.reason
    assert spec.state.desks == {}


@pytest.mark.parametrize("amount", ["-1", "0", "1e6", "NaN", "1" * 79, "\u0661", "0x10", "1.", " 1"])
def test_the_sender_of_wrong_fields_is_told_which(amount: str) -> None:
    action = example(Command).model_dump(mode="json")["body"]["action"] | {"amount": amount}
    spec = given().when(raw(avro(body={"action": action})))
    spec.then_rejected(refusals.CommandMalformed, "amount")
    event = spec.only(CommandRejected)
    assert (event.command_id, event.principal) == (example(Command).command_id, "treasury-1")
    assert event.order_id is None


def test_a_mistyped_address_is_named_with_its_fault() -> None:
    action = example(Command).model_dump(mode="json")["body"]["action"] | {"destination": CUSTODIAN.replace("9f", "9F")}
    given().when(raw(avro(body={"action": action}))).then_rejected(refusals.CommandMalformed, "checksum")


def test_a_wrong_command_about_an_order_names_the_order() -> None:
    order = example(Command).command_id
    body = {"kind": "split_order", "order_id": order, "amounts": ["1"]}
    entry = avro(body=body)
    spec = given().when(raw(entry)).then_rejected(refusals.CommandMalformed, "amounts")
    assert (spec.only(CommandRejected).order_id, spec.only(CommandRejected).governance_position) == (order, 40)


def test_content_of_any_shape_is_answered() -> None:
    """No content that a decoder hands over may crash the desk."""
    shapes: list[dict[str, Any]] = [{}, {"body": 3}, {"command_id": 3, "desk_id": None, "principal": []}]
    for content in shapes:
        received = Received("commands", 2, 1, b"newswap", b"?", digest_of(b"?"), None, "broken", content)
        given().when(lambda _, received=received: received).then("quarantined")  # type: ignore[misc]
    told = {"command_id": example(Command).command_id, "desk_id": "newswap", "principal": "x", "body": {"order_id": 3}}
    received = Received("commands", 2, 1, b"newswap", b"?", digest_of(b"?"), None, "broken", told)
    given().when(lambda _: received).then_rejected(refusals.CommandMalformed, "broken")


def test_only_the_desks_own_inputs_reach_it() -> None:
    spec = given()
    foreign = example(Quarantined)
    value = wire.encode(foreign)
    received = Received("quarantined", 2, 1, b"newswap", value, digest_of(value), foreign)
    assert "quarantined" not in INPUTS
    with pytest.raises(NotAnInput):
        spec.when(lambda _: received)


def test_every_refusal_says_what_would_help() -> None:
    """A check may be named by two deciders that refuse for the same cause, never twice by one of them."""
    for room in (authentication_refusals, refusals, governance_refusals):
        kinds: list[type[Refused]] = [
            kind
            for kind in vars(room).values()
            if isinstance(kind, type) and issubclass(kind, Refused) and kind.__module__ == room.__name__ and kind is not Refused
        ]
        assert len(kinds) > 1
        assert len({kind.check for kind in kinds}) == len(kinds)
        assert all(kind.says and kind.remedy for kind in kinds)
