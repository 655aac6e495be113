"""Checks a run's invariants from the bytes of the log alone, in the slowest and most obvious way."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import pairwise

from infra.ethereum.outbidding import outbidding
from infra.ethereum.transaction import decode_raw
from schemas.commands import Command, GiveApproval
from schemas.events.answers import CommandRejected
from schemas.events.base import Event, FirmEvent, OrderEvent
from schemas.events.governance import BreakerReset, BreakerTripped, FirmCommandRejected
from schemas.events.lifecycle import (
    ApprovalGiven,
    Approved,
    Claim,
    Confirmed,
    OrderClosed,
    OrderInitiated,
    PolicyEvaluated,
    Signed,
    SigningRefused,
    Simulated,
)
from schemas.events.limits import LimitPosted, LimitReleased, LimitReserved
from schemas.hash_chain import ChainBroken, verify
from schemas.topics import TOPICS
from streams.rules.orders.lifecycle import STEPS, step_of
from tests.streams.pipeline.story import Story
from tests.streams.pipeline.world import CAPS_USD, World, read
from tests.world.firm.governance import USDC

FROM_OUTSIDE = frozenset({"commands", "firm-commands", "price-observed"})


def broken(story: Story) -> list[str]:
    """Every invariant that does not hold, a sentence each."""
    world = story.world
    return [
        *_positions(world),
        *_chains(world),
        *_answers(story),
        *_limits(world),
        *_signatures(world),
        *_overtakings(world),
        *_approvals(world),
        *_money(world),
        *_breakers(world),
        *_ends(world),
        *_governance(story),
    ]


def _written(world: World) -> Iterator[tuple[str, int, Event, bytes]]:
    for (topic, number), entries in world.log.entries.items():
        for entry in entries if topic not in FROM_OUTSIDE else ():
            event, _ = read(topic, entry.value)
            assert isinstance(event, Event)
            yield topic, number, event, entry.value


def _all(world: World) -> list[Event]:
    """Every event, the desk's in the order in which it decided them."""
    found = [(event.decided_at, event.position, event) for _, _, event, _ in _written(world)]
    return [event for _, _, event in sorted(found, key=lambda each: each[:2])]


def _positions(world: World) -> Iterator[str]:
    """Each writer's events of a partition are numbered without a gap."""
    positions: defaultdict[tuple[str, int], list[int]] = defaultdict(list)
    for topic, number, event, _ in _written(world):
        positions[TOPICS[topic].writers[0], number].append(event.position)
    for (writer, number), found in positions.items():
        if sorted(found) != list(range(1, len(found) + 1)):
            yield f"the positions of {writer} on partition {number} have a gap or a repetition"


def _chains(world: World) -> Iterator[str]:
    links: defaultdict[str, list[tuple[OrderEvent, bytes]]] = defaultdict(list)
    for _, _, event, value in _written(world):
        if isinstance(event, OrderEvent):
            links[event.order_id].append((event, value))
    for order_id, chain in links.items():
        try:
            verify(sorted(chain, key=lambda link: link[0].sequence))
        except ChainBroken as reason:
            yield f"order {order_id}: {reason}"
        for before, event in pairwise(sorted((event for event, _ in chain), key=lambda event: event.sequence)):
            if step_of(event) not in [STEPS[name] for name in step_of(before).then]:
                yield f"order {order_id}: the lifecycle lets no {type(event).__name__} follow {type(before).__name__}"


def _answers(story: Story) -> Iterator[str]:
    """Every command of a real sender is answered, and carried out at most once."""
    carried_out = Counter(
        event.causation_id
        for event in _all(story.world)
        if isinstance(event, OrderInitiated) and event.order.parent_order_id is None
    )
    answered = {event.causation_id for event in _all(story.world)}
    rejected = {event.command_id for event in _all(story.world) if isinstance(event, CommandRejected)}
    for command_id in story.sent:
        if command_id not in answered | rejected:
            yield f"command {command_id} was lost"
        if carried_out[command_id] > 1:
            yield f"command {command_id} was carried out {carried_out[command_id]} times"


def _limits(world: World) -> Iterator[str]:
    """At no moment had more been reserved and posted than the caps allow; each reservation is resolved once."""
    held: dict[str, dict[str, int]] = {}
    posted: list[dict[str, int]] = []
    for event in _all(world):
        match event:
            case LimitReserved():
                if event.order_id in held:
                    yield f"order {event.order_id} reserved twice"
                held[event.order_id] = {f"{r.limit_id} {r.scope_key}": int(r.amount_usd * 10**6) for r in event.reserved}
            case LimitReleased():
                if held.pop(event.order_id, None) is None:
                    yield f"order {event.order_id} released what it did not hold"
            case LimitPosted():
                if event.order_id not in held:
                    yield f"order {event.order_id} posted what it did not hold"
                posted.append(held.pop(event.order_id, {}))
            case _:
                continue
        yield from _over([*held.values(), *posted])


def _over(amounts: list[dict[str, int]]) -> Iterator[str]:
    used: Counter[str] = Counter()
    for each in amounts:
        used.update(each)
    for key, amount in used.items():
        cap = CAPS_USD[key.split()[0]] * 10**6
        if amount > cap:
            yield f"{key} stood at {amount} of {cap}"


def _signatures(world: World) -> Iterator[str]:
    """One payload for one nonce of one wallet, without gaps; what reached the chain is what was signed."""
    by_wallet: defaultdict[str, list[int]] = defaultdict(list)
    for event in _all(world):
        if isinstance(event, Signed):
            transaction, _ = decode_raw(bytes.fromhex(event.raw_transaction[2:]))
            by_wallet[event.wallet].append(transaction.nonce)
    for wallet, nonces in by_wallet.items():
        if sorted(nonces) != list(range(min(nonces), min(nonces) + len(nonces))):
            yield f"wallet {wallet} signed the nonces {sorted(nonces)}"
    for (sender, nonce), hashes in world.chain.offered.items():
        if len(hashes) > 1:
            yield f"{len(hashes)} transactions were sent for nonce {nonce} of {sender}"


def _overtakings(world: World) -> Iterator[str]:
    """The next payload for a nonce outbids every one that may have been signed; no wallet is blocked for ever."""
    claimed: dict[tuple[str, int], Claim] = {}
    refused_before: set[tuple[str, int]] = set()
    said = [event for event in _all(world) if isinstance(event, Simulated | Signed | SigningRefused)]
    for event in sorted(said, key=lambda each: each.decided_at):
        place = (event.wallet_id, event.transaction.nonce if isinstance(event, Simulated) else event.nonce)
        claim = claimed.get(place)
        if isinstance(event, Signed) and event.overtakes != (None if claim is None else claim.digest):
            yield f"order {event.order_id} was signed over {event.overtakes}, and {claim} was claimed"
        if isinstance(event, Simulated) and claim is not None and event.verdict == "passed":
            bid = (event.transaction.max_fee_per_gas, event.transaction.max_priority_fee_per_gas)
            least = (outbidding(claim.max_fee_per_gas), outbidding(claim.max_priority_fee_per_gas))
            if event.overtakes != claim.digest or any(have < need for have, need in zip(bid, least, strict=True)):
                yield f"order {event.order_id} does not overtake {claim.digest} with {bid}"
        if isinstance(event, SigningRefused):
            claimed |= {place: event.claimed} if event.claimed is not None else {}
            if event.refusal.check == "nonce" and place in refused_before:
                yield f"wallet {event.wallet_id} is stuck at nonce {event.nonce}"
            refused_before |= {place} if event.refusal.check == "nonce" else set()


def _approvals(world: World) -> Iterator[str]:
    """Nothing is signed but what was approved, and nothing is approved but what policy allowed right before."""
    chains: defaultdict[str, list[OrderEvent]] = defaultdict(list)
    for _, _, event, _ in _written(world):
        if isinstance(event, OrderEvent):
            chains[event.order_id].append(event)
    for order_id, chain in chains.items():
        chain.sort(key=lambda event: event.sequence)
        for before, event in pairwise(chain):
            if isinstance(event, Approved) and not (isinstance(before, PolicyEvaluated) and before.outcome == "allowed"):
                yield f"order {order_id} was approved without a policy that allowed it"
            if isinstance(event, Signed) and not (isinstance(before, Simulated) and before.verdict == "passed"):
                yield f"order {order_id} was signed without a simulation that passed"
            if isinstance(event, ApprovalGiven) and not _is_of(event.command, order_id):
                yield f"order {order_id} counts an approval of another"


def _is_of(command: Command, order_id: str) -> bool:
    return isinstance(command.body, GiveApproval) and command.body.order_id == order_id


def _money(world: World) -> Iterator[str]:
    """Value that left the wallets on the chain equals the confirmed transfers, to the last unit."""
    confirmed = {event.order_id for event in _all(world) if isinstance(event, Confirmed)}
    meant: Counter[str] = Counter()
    for event in _all(world):
        if isinstance(event, Approved) and event.order_id in confirmed and event.order.action.kind == "transfer":
            meant[event.effect.counterparty] += event.effect.spends
            meant[event.effect.wallet] -= event.effect.spends
    if meant != world.chain.moved(USDC):
        yield f"the chain moved {dict(world.chain.moved(USDC))}, orders meant {dict(meant)}"


def _ends(world: World) -> Iterator[str]:
    """At rest every order has ended, or waits for a person."""
    initiated = {event.order_id for event in _all(world) if isinstance(event, OrderInitiated)}
    ended = {event.order_id for event in _all(world) if isinstance(event, OrderClosed | LimitPosted)}
    newest: dict[str, OrderEvent] = {}
    for _, _, event, _ in _written(world):
        if isinstance(event, OrderEvent):
            newest[event.order_id] = max(newest.get(event.order_id, event), event, key=lambda each: each.sequence)
    for order_id in initiated - ended:
        last = type(newest[order_id]).__name__
        if last not in {"PolicyEvaluated", "OrderHeld", "ApprovalGiven"}:
            yield f"order {order_id} stands still after {last}"


def _breakers(world: World) -> Iterator[str]:
    """Nothing was allowed or signed on governance in which a breaker stopped it."""
    stopped: list[dict[tuple[str, str], str]] = [{}]
    for said in sorted((e for e in _all(world) if isinstance(e, FirmEvent)), key=lambda each: each.position):
        now = dict(stopped[-1])
        if isinstance(said, BreakerTripped):
            now[said.scope, said.subject] = said.state
        elif isinstance(said, BreakerReset):
            del now[said.scope, said.subject]
        stopped.append(now)
    for event in _all(world):
        if isinstance(event, PolicyEvaluated) and event.outcome != "refused":
            found = stopped[event.facts.governance_position]
            named: dict[str, str] = {"asset": event.facts.effect.spends_asset_id}
        elif isinstance(event, Signed) and event.order is not None:
            found = stopped[event.governance_position]
            named = {"wallet": event.order.wallet_id, "asset": event.order.action.asset_id}
        else:
            continue
        for (scope, subject), state in found.items():
            if scope in {"firm", "desk"} or named.get(scope) == subject:
                yield f"order {event.order_id} went on as {type(event).__name__} while {scope} {subject} was {state}"


def _governance(story: Story) -> Iterator[str]:
    """Every command to the firm is answered."""
    events = [event for event in _all(story.world) if isinstance(event, FirmEvent)]
    answered = {event.causation_id for event in events}
    rejected = {event.command_id for event in events if isinstance(event, FirmCommandRejected)}
    yield from (f"command {each} to the firm was lost" for each in story.firm.sent if each not in answered | rejected)
