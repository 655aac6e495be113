"""Did these people and systems really say this? Signatures and assertions, verified again from their bytes.

Keys come from governance's access events, which derive from the genesis document that the pinned root key signed.
Sources: RFC 8032 (Ed25519), WebAuthn Level 3 section 7.2, architecture rules 9 and 10. Counters are the desk's business: a
replayed approval is one of the same subject by the same person, and people are counted once.
"""

from __future__ import annotations

from schemas.canonical import approval_digest, child_order_id, command_digest, order_id
from schemas.commands import Command, Ed25519Signature, InitiateOrder, SplitOrder, WebAuthnAssertion
from schemas.events.facts import ApprovalFact
from schemas.events.governance import AccessChanged, PolicyActivated
from schemas.events.lifecycle import ApprovalGiven, OrderInitiated
from schemas.orders import ApprovalSubject, Order
from streams.governance.view import Governance

from infra.identity import base64url, ed25519, webauthn


class Unproven(Exception):
    """What the log claims could not be derived again. Nothing is signed."""


def check_initiation(initiated: OrderInitiated, parent: OrderInitiated | None, governance: Governance) -> None:
    """The initiator's own signature covers exactly this order, or the split that it is a part of.

    Raises:
        Unproven: it does not.
    """
    order, command = initiated.order, initiated.command
    if (command.principal, command.desk_id) != (order.initiator, order.desk_id):
        raise Unproven("the command's sender or desk is not the order's")
    check_command(command, governance)
    if order.parent_order_id is None:
        _check_own(order, command)
    else:
        _check_part(order, command, parent)


def check_command(command: Command, governance: Governance) -> None:
    """The command carries its sender's own valid signature or assertion, and the sender may act on its desk.

    Raises:
        Unproven: it does not.
    """
    access = _entitled(command.principal, command.desk_id, governance)
    match command.authorization:
        case Ed25519Signature():
            _check_signature(access, command, command.authorization)
        case WebAuthnAssertion():
            check_assertion(access, command.authorization, command_digest(command), _policy(governance))


def check_approval(given: ApprovalGiven, subject: ApprovalSubject, governance: Governance) -> ApprovalFact:
    """The approver's own key signed the hash of exactly `subject`; what the approval counts as today.

    Raises:
        Unproven: it did not, or the approver may not act, or is the initiator.
    """
    access = _entitled(given.approver, subject.order.desk_id, governance)
    if access.kind != "person" or given.approver == subject.order.initiator:
        raise Unproven(f"{given.approver} cannot approve this order")
    check_assertion(access, given.assertion, approval_digest(subject), _policy(governance))
    return ApprovalFact(principal=access.principal, site=access.site, roles=access.roles)


def check_assertion(
    access: AccessChanged, assertion: WebAuthnAssertion, challenge: bytes, policy: PolicyActivated
) -> None:
    """`assertion` is by a registered credential of `access` over `challenge`.

    Raises:
        Unproven: it is not.
    """
    keys = {each.credential_id: each.public_key for each in access.credentials}
    if assertion.credential_id not in keys:
        raise Unproven(f"{access.principal} has no such credential")
    try:
        webauthn.verify_assertion(
            webauthn.Assertion(
                assertion.credential_id,
                assertion.authenticator_data,
                assertion.client_data_json,
                assertion.signature,
            ),
            credential_public_key=bytes.fromhex(keys[assertion.credential_id][2:]),
            expected_challenge=challenge,
            rp_id=policy.settings.webauthn_rp_id,
            origins=policy.settings.webauthn_origins,
            previous_counter=None,
        )
    except webauthn.AssertionRefused as refused:
        raise Unproven(f"the assertion of {access.principal} does not verify: {refused}") from refused


def _check_signature(access: AccessChanged, command: Command, signature: Ed25519Signature) -> None:
    keys = {each.key_id: each.public_key for each in access.signing_keys}
    if signature.key_id not in keys:
        raise Unproven(f"{access.principal} has no key {signature.key_id}")
    try:
        ed25519.verify(
            bytes.fromhex(keys[signature.key_id][2:]), command_digest(command), base64url.decode(signature.signature)
        )
    except (ed25519.Ed25519Refused, ValueError) as refused:
        raise Unproven(f"the signature of {access.principal} does not verify: {refused}") from refused


def _check_own(order: Order, command: Command) -> None:
    body = command.body
    if not isinstance(body, InitiateOrder) or order != Order(
        order_id=order_id(command.desk_id, command.command_id),
        desk_id=command.desk_id,
        wallet_id=body.wallet_id,
        initiator=command.principal,
        action=body.action,
        memo=body.memo,
    ):
        raise Unproven("the order is not what its command asked for")


def _check_part(order: Order, command: Command, parent: OrderInitiated | None) -> None:
    body = command.body
    if parent is None or not isinstance(body, SplitOrder) or body.order_id != parent.order.order_id:
        raise Unproven("the order is a part of another, but no command of its initiator split that one")
    parts = {child_order_id(body.order_id, index): amount for index, amount in enumerate(body.amounts)}
    if order.order_id not in parts:
        raise Unproven("the order is none of the parts that its initiator asked for")
    action = parent.order.action.model_copy(update={"amount": parts[order.order_id]})
    expected = parent.order.model_copy(
        update={"order_id": order.order_id, "parent_order_id": body.order_id, "action": action}
    )
    if order != expected:
        raise Unproven("the part differs from its parent in more than the amount")


def _entitled(principal: str, desk_id: str, governance: Governance) -> AccessChanged:
    access = governance.active(principal)
    if access is None or desk_id not in access.desks:
        raise Unproven(f"{principal} may not act on desk {desk_id}")
    return access


def _policy(governance: Governance) -> PolicyActivated:
    if governance.policy is None:
        raise Unproven("no policy is in force")
    return governance.policy
