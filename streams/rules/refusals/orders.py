"""Lists every refusal of a desk in one tree. Any other exception is a bug, and stops the processor.

Each refusal names its check, its finding, and the action that would change the outcome (architecture, rule 14). The names of
checks are stable over versions: people and programs act on them. Left out: refusals by policy, which name its rules.
"""

from __future__ import annotations

from streams.rules.refusals.base import (
    AssertionWrong,
    CommandFromFuture,
    CommandMalformed,
    CommandStale,
    CounterNotRisen,
    IdempotencyConflict,
    KeyUnknown,
    PersonNeeded,
    PrincipalRevoked,
    PrincipalUnknown,
    Refused,
    SignatureWrong,
)

__all__ = [
    "AssertionWrong",
    "CommandFromFuture",
    "CommandMalformed",
    "CommandStale",
    "CounterNotRisen",
    "IdempotencyConflict",
    "KeyUnknown",
    "PersonNeeded",
    "PrincipalRevoked",
    "PrincipalUnknown",
    "Refused",
    "SignatureWrong",
]
"""Refusals that governance shares (`streams.rules.refusals.base`)."""


# The command itself ---------------------------------------------------------------------------------------------


class CommandMisplaced(Refused):
    """The record's key or partition is not the desk's: the desk would get two writers, each with the full limits."""

    check = "command-misplaced"
    says = "a command for desk {desk_id} stands under the key {key} on partition {partition}"
    remedy = "write commands under the key of their desk with the partitioner murmur2_random"


# The sender -------------------------------------------------------------------------------------------------------


class DeskNotEntitled(Refused):
    """The principal has no rights on this desk."""

    check = "desk-not-entitled"
    says = "{principal} may not act on desk {desk_id}"
    remedy = "ask somebody of the desk to act, or have governance grant the right"


# The request ----------------------------------------------------------------------------------------------


class WalletUnknown(Refused):
    """No wallet has this id."""

    check = "wallet-unknown"
    says = "there is no wallet {wallet_id}"
    remedy = "use a wallet that governance has assigned to the desk"


class WalletOfOtherDesk(Refused):
    """The wallet is assigned to another desk."""

    check = "wallet-of-other-desk"
    says = "wallet {wallet_id} does not belong to desk {desk_id}"
    remedy = "use a wallet of the desk, or have the wallet's own desk place the order"


class AssetUnknown(Refused):
    """Governance has not listed the asset."""

    check = "asset-unknown"
    says = "there is no asset {asset_id}"
    remedy = "use a listed asset, or have governance list this one"


class AssetOnOtherChain(Refused):
    """The wallet is on another chain."""

    check = "asset-on-other-chain"
    says = "{asset_id} is on chain {asset_chain}, the wallet on chain {wallet_chain}"
    remedy = "use a wallet on the asset's chain"


class AssetNotToken(Refused):
    """The order calls a token, but a chain's own asset has no contract."""

    check = "asset-not-token"
    says = "{asset_id} is its chain's own asset, not a token, and cannot be used in a {kind}"
    remedy = "use the wrapped token of the asset"


class AssetsEqual(Refused):
    """The order would exchange an asset for itself."""

    check = "assets-equal"
    says = "the swap gives and takes the same asset, {asset_id}"
    remedy = "name the asset to be bought"


class CallMalformed(Refused):
    """The call encodes to no bytes, or not to exactly one form."""

    check = "call-malformed"
    says = "the call is not in canonical form: {reason}"
    remedy = "give the function's signature without spaces, and as many arguments, each as its type is written"


class CallReserved(Refused):
    """The call moves money, so it must be the action for it: policy, limits and approvers have to see the recipient."""

    check = "call-reserved"
    says = "{function} on {contract} cannot be called by a call order: {why}"
    remedy = "order the transfer, approval, swap, deposit or withdrawal itself"


class AmountTooPrecise(Refused):
    """The asset cannot express the amount without rounding."""

    check = "amount-too-precise"
    says = "{amount} {asset_id} has more than the {decimals} decimals that the asset has"
    remedy = "give the amount with at most {decimals} decimals"


class AmountTooLarge(Refused):
    """The amount is above any that can exist."""

    check = "amount-too-large"
    says = "{amount} {asset_id} is more than can exist"
    remedy = "check the amount and its unit"


class DestinationPointless(Refused):
    """Funds sent to the destination would be lost, or would not move."""

    check = "destination-pointless"
    says = "{address} is {why}"
    remedy = "check the address at its source"


class PriceMissing(Refused):
    """The asset has no price, so no limit can be checked."""

    check = "price-missing"
    says = "there is no price of {asset_id}"
    remedy = "wait until a price is observed, or have governance fix one; then send the command again under a new id"


class PriceStale(Refused):
    """The asset's price is too old to check a limit at."""

    check = "price-stale"
    says = "the price of {asset_id} is {age_seconds} s old, and may be at most {age_seconds_max} s"
    remedy = "wait until prices are observed again, then send the command again under a new id"


class LimitExceeded(Refused):
    """Used plus reserved plus requested is above the cap."""

    check = "limit-exceeded"
    says = "{limit_id} of {scope_key}: {requested} would exceed its cap of {cap}, of which {headroom} is left"
    remedy = "{way_out}"


# Breakers -------------------------------------------------------------------------------------------------------


class BreakerOpen(Refused):
    """An open breaker stops the order; it lets only an evacuation pass."""

    check = "breaker-open"
    says = "the breaker of {place} is open: only transfers to the wallet's holding address pass"
    remedy = "wait until a quorum has reset the breaker {scope}:{subject}, then place the order again"


class BreakerReducing(Refused):
    """A reducing breaker stops the order; it lets only orders that lower exposure pass."""

    check = "breaker-reducing"
    says = "the breaker of {place} lets pass only orders that lower exposure, and this one does not"
    remedy = "place an order that lowers exposure, or wait until a quorum has reset the breaker {scope}:{subject}"


# Open orders ------------------------------------------------------------------------------------------


class OrderUnknown(Refused):
    """The desk has no open order of this id."""

    check = "order-unknown"
    says = "desk {desk_id} has no open order {order_id}"
    remedy = "check the order's id and whether it has closed"


class OrderElsewhere(Refused):
    """The order was handed to execution, so it cannot be changed."""

    check = "order-handed-over"
    says = "order {order_id} was approved and handed to execution"
    remedy = "wait for its outcome"


class CancelledAlready(Refused):
    """The order's cancellation was requested before."""

    check = "cancelled-already"
    says = "the cancellation of order {order_id} was requested already"
    remedy = "wait for its outcome: it closes as cancelled unless it was signed before"


class OrderNotWaiting(Refused):
    """The order is in a stage without approvals."""

    check = "order-not-waiting"
    says = "order {order_id} does not wait for approval: it is {stage}"
    remedy = "do nothing: the order needs no approval now"


class OrderExpired(Refused):
    """The command came after the order's expiry."""

    check = "order-expired"
    says = "order {order_id} expired"
    remedy = "place the order again"


class NotYours(Refused):
    """The sender is not the initiator, who alone may split the order, or cancel it with a system's key."""

    check = "not-your-order"
    says = "order {order_id} was initiated by {initiator}, and {principal} may not {verb} it"
    remedy = "ask {initiator} to do it"


class AmountsDiffer(Refused):
    """The parts of a split do not add up to the order's amount."""

    check = "split-amounts-differ"
    says = "the parts add up to {total}, the order is over {amount}"
    remedy = "give parts that add up to {amount}"


class CallIndivisible(Refused):
    """A call cannot be split: its arguments decide its effect, so each part would make the whole call."""

    check = "split-of-a-call"
    says = "order {order_id} is a call and cannot be split: each part would make the whole call again"
    remedy = "cancel it, and place the intended calls one by one"


# Approvals ------------------------------------------------------------------------------------------------------


class InitiatorApproves(Refused):
    """The initiator cannot approve their own order (separation of duties)."""

    check = "initiator-approves"
    says = "{principal} initiated order {order_id} and never counts as its approver"
    remedy = "ask somebody else to decide"


class RoleNotAsked(Refused):
    """The approver has none of the roles that the order still needs."""

    check = "role-not-asked"
    says = "order {order_id} still needs {requires}, and {principal} has no such role"
    remedy = "ask somebody with that role to decide"


class ApprovedAlready(Refused):
    """The principal approved the order before; a quorum counts distinct people."""

    check = "approved-already"
    says = "{principal} has approved order {order_id} already"
    remedy = "ask another person to approve"


class ApprovalNotGiven(Refused):
    """The principal has no approval to withdraw."""

    check = "approval-not-given"
    says = "{principal} has given no approval of order {order_id} that stands"
    remedy = "do nothing: no approval of theirs counts"


class ApprovalOfOther(Refused):
    """The approval signs another hash."""

    check = "approval-of-other"
    says = "the approval signs {given}, but order {order_id} needs {asked}: its amount, effect, policy or reservation differs"
    remedy = "read the order as it is now, and approve that"


class ApprovalOutdated(Refused):
    """The order's effect or policy changed after the approver read it."""

    check = "approval-outdated"
    says = "the policy or the effect of order {order_id} changed after it was shown; it was evaluated again"
    remedy = "read the new evaluation, and approve it if it still needs approval"
