"""Everything that a desk refuses, in one tree. What is not here and is raised is a bug, and stops the processor.

Each refusal says which check refused, what was found, and what would change the outcome (architecture, rule 14). The names
of checks are stable over versions: people and programs act on them. Left out: what policy refuses, which its own rules name.
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
"""Those of the tree that governance refuses, too (`streams.rules.refusals.base`)."""


# The command itself ---------------------------------------------------------------------------------------------


class CommandMisplaced(Refused):
    """Taken here, the desk would have two owners, and twice its limits."""

    check = "command-misplaced"
    says = "a command for desk {desk_id} stands under the key {key} on partition {partition}"
    remedy = "write commands under the key of their desk with the partitioner murmur2_random"


# Who asks -------------------------------------------------------------------------------------------------------


class DeskNotEntitled(Refused):
    """Known, but not on this desk."""

    check = "desk-not-entitled"
    says = "{principal} may not act on desk {desk_id}"
    remedy = "let somebody of the desk act, or have governance entitle them"


# What is asked for ----------------------------------------------------------------------------------------------


class WalletUnknown(Refused):
    """Nothing by that name."""

    check = "wallet-unknown"
    says = "there is no wallet {wallet_id}"
    remedy = "use a wallet that governance has assigned to the desk"


class WalletOfOtherDesk(Refused):
    """Another desk's money."""

    check = "wallet-of-other-desk"
    says = "wallet {wallet_id} does not belong to desk {desk_id}"
    remedy = "use a wallet of the desk, or let the wallet's own desk place the order"


class AssetUnknown(Refused):
    """Not listed."""

    check = "asset-unknown"
    says = "there is no asset {asset_id}"
    remedy = "use a listed asset, or have governance list this one"


class AssetOnOtherChain(Refused):
    """The wallet cannot hold it."""

    check = "asset-on-other-chain"
    says = "{asset_id} lives on chain {asset_chain}, the wallet on chain {wallet_chain}"
    remedy = "use a wallet on the asset's chain"


class AssetNotToken(Refused):
    """A chain's own asset has no contract to call."""

    check = "asset-not-token"
    says = "{asset_id} is its chain's own asset, not a token, and cannot be used in a {kind}"
    remedy = "use the wrapped token of the asset"


class AssetsEqual(Refused):
    """Nothing would be exchanged."""

    check = "assets-equal"
    says = "the swap gives and takes the same asset, {asset_id}"
    remedy = "name the asset to be bought"


class CallMalformed(Refused):
    """No bytes could be made of it, or several."""

    check = "call-malformed"
    says = "the call is not spelled in its one form: {reason}"
    remedy = "give the function's signature without spaces, and as many arguments, each as its type is written"


class CallReserved(Refused):
    """Power over money moves by actions that say so: policy, limits and approvers see whom it goes to."""

    check = "call-reserved"
    says = "{function} on {contract} cannot be called so: {why}"
    remedy = "order the transfer, approval, swap, deposit or withdrawal itself"


class AmountTooPrecise(Refused):
    """Would have to be rounded, and nobody asked for that."""

    check = "amount-too-precise"
    says = "{amount} {asset_id} has more than the {decimals} decimals that the asset has"
    remedy = "give the amount with at most {decimals} decimals"


class AmountTooLarge(Refused):
    """A typing error in any unit."""

    check = "amount-too-large"
    says = "{amount} {asset_id} is more than can exist"
    remedy = "check the amount and its unit"


class DestinationPointless(Refused):
    """What is sent there is lost, or goes nowhere."""

    check = "destination-pointless"
    says = "{address} is {why}"
    remedy = "check the address at its source"


class PriceMissing(Refused):
    """Without a price, no limit can be held."""

    check = "price-missing"
    says = "there is no price of {asset_id}"
    remedy = "wait until a price is observed, or have governance fix one; then issue the command anew"


class PriceStale(Refused):
    """A limit held at an old price is not held."""

    check = "price-stale"
    says = "the price of {asset_id} is {age_seconds} s old, and may be at most {age_seconds_max} s"
    remedy = "wait until prices are observed again, then issue the command anew"


class LimitExceeded(Refused):
    """Used plus reserved plus requested is above the cap."""

    check = "limit-exceeded"
    says = "{limit_id} of {scope_key}: {requested} would go over its cap of {cap}, of which {headroom} is left"
    remedy = "{way_out}"


# Breakers -------------------------------------------------------------------------------------------------------


class BreakerOpen(Refused):
    """Stopped by somebody's hand."""

    check = "breaker-open"
    says = "the breaker of {place} is open: nothing passes but what brings funds to the wallet's holding address"
    remedy = "wait until a quorum has reset the breaker {scope}:{subject}, then ask again"


class BreakerReducing(Refused):
    """Only out, not in."""

    check = "breaker-reducing"
    says = "the breaker of {place} lets only pass what lowers exposure, and this does not"
    remedy = "ask for what lowers exposure, or wait until a quorum has reset the breaker {scope}:{subject}"


# Orders that are there ------------------------------------------------------------------------------------------


class OrderUnknown(Refused):
    """Not an open order of this desk."""

    check = "order-unknown"
    says = "desk {desk_id} has no open order {order_id}"
    remedy = "check the order's id and whether it has closed"


class OrderElsewhere(Refused):
    """Execution has it: what is being signed cannot be changed."""

    check = "order-handed-over"
    says = "order {order_id} was approved and handed to execution"
    remedy = "wait for its outcome"


class CancelledAlready(Refused):
    """Asked for once, that is enough."""

    check = "cancelled-already"
    says = "the cancellation of order {order_id} was requested already"
    remedy = "wait for its outcome: it closes as cancelled unless it was signed before"


class OrderNotWaiting(Refused):
    """There is nothing to approve."""

    check = "order-not-waiting"
    says = "order {order_id} does not wait for approval: it is {stage}"
    remedy = "nothing: it needs no approval now"


class OrderExpired(Refused):
    """Too late by the order's own clock."""

    check = "order-expired"
    says = "order {order_id} expired"
    remedy = "place the order again"


class NotYours(Refused):
    """Only who asked may change what was asked."""

    check = "not-your-order"
    says = "order {order_id} was initiated by {initiator}, and {principal} may not {verb} it"
    remedy = "let {initiator} do it"


class AmountsDiffer(Refused):
    """A split moves exactly what the order would have."""

    check = "split-amounts-differ"
    says = "the parts add up to {total}, the order is over {amount}"
    remedy = "give parts that add up to {amount}"


class CallIndivisible(Refused):
    """The parts of a call would each make the whole call again: its arguments say what it does, not the amount."""

    check = "split-of-a-call"
    says = "order {order_id} is a call, which its arguments decide: parts of it would make the same call several times"
    remedy = "cancel it, and place the calls that you mean one by one"


# Approvals ------------------------------------------------------------------------------------------------------


class InitiatorApproves(Refused):
    """Separation of duties."""

    check = "initiator-approves"
    says = "{principal} initiated order {order_id} and never counts as its approver"
    remedy = "let somebody else decide"


class RoleNotAsked(Refused):
    """An approval that lifts nothing."""

    check = "role-not-asked"
    says = "order {order_id} still needs {requires}, and {principal} has no such role"
    remedy = "let somebody with that role decide"


class ApprovedAlready(Refused):
    """A quorum is of distinct people."""

    check = "approved-already"
    says = "{principal} has approved order {order_id} already"
    remedy = "let another person approve"


class ApprovalNotGiven(Refused):
    """There is nothing to take back."""

    check = "approval-not-given"
    says = "{principal} has given no approval of order {order_id} that stands"
    remedy = "nothing: it does not count"


class ApprovalOfOther(Refused):
    """Approved something, but not this."""

    check = "approval-of-other"
    says = "the approval is of {given}, order {order_id} asks for one of {asked}: another amount, effect, policy or reservation"
    remedy = "look at the order as it stands, and approve that"


class ApprovalOutdated(Refused):
    """What was shown to the approver is no longer what would happen."""

    check = "approval-outdated"
    says = "since order {order_id} was shown, the policy or its effect has changed; it was evaluated anew"
    remedy = "look at the new evaluation, and approve that if it still asks for it"
