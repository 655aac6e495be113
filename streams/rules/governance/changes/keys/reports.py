"""Acts on a report about a key: it holds as stated, or it is refused and the order stays open.

Only the custodian reports. A report about a key in shares needs more proof: every cosigner must have vouched, in its own
signature, that it holds a share of exactly this key, or named the parts it destroyed. The account follows from the public
key, never from a statement. Pure. Source: mission, key lifecycle; SEC 1 for points, EIP-55 for accounts.
Leaves out how the order is carried out: `streams.custody`, `streams.cosigning`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from schemas.events.base import FirmEvent
from schemas.events.keys import KeyDestroyed, KeyFailed, KeyGenerated, KeyOrdered, KeyRotated
from schemas.firm_commands import ReportKey
from schemas.keys import GenerateKey, KeyChange, RecoverShare, RotateKey
from schemas.topics import Principal
from streams.rules.firm.keys import IN_SHARES, KeyStanding
from streams.rules.firm.view import Governance
from streams.rules.governance.changes.intake import Accepted
from streams.rules.governance.changes.keys import proofs
from streams.rules.governance.changes.keys.places import place_of
from streams.rules.refusals.keys import KeyUnproven, NotTheCustodian, OrderNotOpen, ReportOfOther

CUSTODIAN: Final[Principal] = "custodian"
ROTATE_AFTER_DAYS: Final = 365
"""Maximum age, in days, of a successor to a key without an agreed one."""

_OUTCOMES: Final = MappingProxyType(
    {"generate": "generated", "rotate": "rotated", "recover": "recovered", "destroy": "destroyed"}
)


def report(accepted: Accepted, body: ReportKey) -> tuple[FirmEvent, ...]:
    """Return the events of a report about an order.

    Raises:
        NotTheCustodian, OrderNotOpen, ReportOfOther, KeyUnproven: the report is not to be believed.
    """
    sender = accepted.sender.access
    if sender.principal != CUSTODIAN or sender.kind != "system":
        raise NotTheCustodian(principal=sender.principal, custodian=CUSTODIAN)
    known = _answered(accepted.firm, body.ordered_position)
    order = known.open_order
    assert order is not None  # noqa: S101 - narrows: that is how it was found
    if problem := _unfit(order.change, body):
        raise ReportOfOther(outcome=body.outcome, key_id=order.key_id, operation=order.change.kind, problem=problem)
    try:
        return _BY_OUTCOME[body.outcome](accepted, known, order, body)
    except proofs.Unproven as unproven:
        raise KeyUnproven(key_id=order.key_id, problem=str(unproven)) from unproven


def _answered(firm: Governance, position: int) -> KeyStanding:
    for known in firm.keys.values():
        if known.open_order is not None and known.open_order.position == position:
            return known
    raise OrderNotOpen(position=position)


def _unfit(change: KeyChange, body: ReportKey) -> str:
    """Return the reason that a report does not fit this order, in words; empty if it fits."""
    if body.outcome not in (_OUTCOMES[change.kind], "failed"):
        return f"the outcome of that is {_OUTCOMES[change.kind]} or failed"
    if (body.outcome == "failed") != (body.refusal is not None):
        return "a refusal is given if and only if it failed"
    return ""


def _generated(accepted: Accepted, _: KeyStanding, order: KeyOrdered, body: ReportKey) -> tuple[FirmEvent, ...]:
    change = order.change
    assert isinstance(change, GenerateKey)  # noqa: S101 - narrows: its outcome fits
    made = proofs.account(body)
    _check_unused(accepted.firm, made.address)
    if change.backend in IN_SHARES:
        share = proofs.Share(change.key_id, body.epoch, made, order.position)
        proofs.check_vouched(accepted.firm, change.cosigners, body.vouched, share, after=0)
    else:
        proofs.check_of_one_place(body)
    return (
        KeyGenerated(
            key_id=change.key_id,
            backend=change.backend,
            address=made.address,
            public_key=made.public_key,
            epoch=body.epoch,
            threshold=change.threshold,
            cosigners=change.cosigners,
            sites_min=change.sites_min,
            rotate_after_days=change.rotate_after_days,
            vouched=body.vouched,
            ordered_position=order.position,
            command=accepted.command,
        ),
    )


def _rotated(accepted: Accepted, known: KeyStanding, order: KeyOrdered, body: ReportKey) -> tuple[FirmEvent, ...]:
    change = order.change
    assert isinstance(change, RotateKey)  # noqa: S101 - narrows: its outcome fits
    if not change.successor:
        return (_renewed(accepted, known, order, body),)
    place = place_of(accepted.firm, change.key_id)
    assert place is not None  # noqa: S101 - narrows: nothing is ordered about a key that is nowhere
    assert place.backend in ("hsm", "software")  # noqa: S101 - narrows: no other has a successor
    made = proofs.account(body)
    _check_unused(accepted.firm, made.address)
    proofs.check_of_one_place(body)
    before = known.generated
    successor = KeyGenerated(
        key_id=change.successor,
        backend=place.backend,
        address=made.address,
        public_key=made.public_key,
        epoch=0,
        threshold=0,
        cosigners=[],
        sites_min=1,
        rotate_after_days=ROTATE_AFTER_DAYS if before is None else before.rotate_after_days,
        vouched=[],
        ordered_position=order.position,
        command=accepted.command,
    )
    rotated = KeyRotated(
        key_id=change.key_id,
        epoch=0,
        successor=change.successor,
        reason="rotated",
        cosigners=[],
        vouched=[],
        ordered_position=order.position,
        command=accepted.command,
    )
    return (successor, rotated)


def _recovered(accepted: Accepted, known: KeyStanding, order: KeyOrdered, body: ReportKey) -> tuple[FirmEvent, ...]:
    return (_renewed(accepted, known, order, body),)


def _renewed(accepted: Accepted, known: KeyStanding, order: KeyOrdered, body: ReportKey) -> KeyRotated:
    """Return the event of new shares of the same key, vouched for by all their holders."""
    before = known.generated
    assert before is not None  # noqa: S101 - narrows: shares are made by an order, and never stood in genesis
    holders = list(known.cosigners)
    recovers = isinstance(order.change, RecoverShare)
    if isinstance(order.change, RecoverShare):
        holders[order.change.cosigner.party - 1] = order.change.cosigner.cosigner
    share = proofs.Share(known.key_id, body.epoch, proofs.account(body), order.position)
    if share.account != proofs.Account(before.address, before.public_key):
        raise proofs.Unproven(f"its account is {before.address}, not {share.account.address}")
    proofs.check_vouched(accepted.firm, holders, body.vouched, share, after=known.epoch)
    return KeyRotated(
        key_id=known.key_id,
        epoch=share.epoch,
        successor="",
        reason="recovered" if recovers else "rotated",
        cosigners=holders,
        vouched=body.vouched,
        ordered_position=order.position,
        command=accepted.command,
    )


def _destroyed(accepted: Accepted, known: KeyStanding, order: KeyOrdered, body: ReportKey) -> tuple[FirmEvent, ...]:
    proofs.check_destroyed(accepted.firm, known, body.proofs, accepted.now)
    return (KeyDestroyed(key_id=known.key_id, proofs=body.proofs, ordered_position=order.position, command=accepted.command),)


def _failed(accepted: Accepted, known: KeyStanding, order: KeyOrdered, body: ReportKey) -> tuple[FirmEvent, ...]:
    assert body.refusal is not None  # noqa: S101 - narrows: the report fits
    failed = KeyFailed(
        key_id=known.key_id,
        operation=order.change.kind,
        refusal=body.refusal,
        ordered_position=order.position,
        command=accepted.command,
    )
    return (failed,)


def _check_unused(firm: Governance, address: str) -> None:
    """Check that no known key has this account: a new key must be new."""
    accounts = {each.generated.address: each.key_id for each in firm.keys.values() if each.generated is not None}
    accounts |= {wallet.address: wallet.key_id for wallet in firm.wallets.values()}
    if (other := accounts.get(address)) is not None:
        raise proofs.Unproven(f"{address} is the account of key {other}")


_Outcome = Callable[[Accepted, KeyStanding, KeyOrdered, ReportKey], tuple[FirmEvent, ...]]
_BY_OUTCOME: Final[Mapping[str, _Outcome]] = MappingProxyType(
    {
        "generated": _generated,
        "rotated": _rotated,
        "recovered": _recovered,
        "destroyed": _destroyed,
        "failed": _failed,
    }
)
