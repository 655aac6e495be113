"""Turns HTTP requests into commands. A body holds the fields that the path and the headers lack.

`Proofdesk-Principal` says who asks, `Proofdesk-Issued-At` when (microseconds since the Unix epoch), `Idempotency-Key` under
which id (`commands.idempotency`). `authorization` in the body is the sender's signature over `schemas.canonical.command_digest`
of the command that all of it makes; for an approval by a person, the assertion's challenge is the approval's own hash.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import Field

from schemas.commands import (
    SPLIT_PARTS_MAX,
    Authorization,
    CancelOrder,
    Command,
    DeclineApproval,
    GiveApproval,
    InitiateOrder,
    SplitOrder,
    TryOrder,
    WithdrawApproval,
)
from schemas.orders import Action
from schemas.values import Amount, DeskId, OrderId, Record, Sha256, Text, WalletId


class Request(Record):
    """Holds the fields of every request."""

    desk_id: DeskId
    authorization: Authorization


class SubmitOrder(Request):
    """Ask for something to be done from a wallet of the desk."""

    wallet_id: WalletId
    action: Action
    memo: Text = ""

    def body(self) -> InitiateOrder:
        """The command's body."""
        return InitiateOrder(wallet_id=self.wallet_id, action=self.action, memo=self.memo)

    def trial(self) -> TryOrder:
        """Return the body of the command that only predicts the decision."""
        return TryOrder(wallet_id=self.wallet_id, action=self.action, memo=self.memo)


class Approve(Request):
    """Approve the content with the hash `approval_hash`, and nothing else."""

    approval_hash: Sha256

    def body(self, order_id: OrderId) -> GiveApproval:
        """The command's body."""
        return GiveApproval(order_id=order_id, approval_hash=self.approval_hash)


class Decline(Request):
    """Refuse to approve; the order is closed."""

    reason: Text

    def body(self, order_id: OrderId) -> DeclineApproval:
        """The command's body."""
        return DeclineApproval(order_id=order_id, reason=self.reason)


class Withdraw(Request):
    """Take one's own approval back."""

    reason: Text = ""

    def body(self, order_id: OrderId) -> WithdrawApproval:
        """The command's body."""
        return WithdrawApproval(order_id=order_id, reason=self.reason)


class Cancel(Request):
    """Take the order back."""

    reason: Text = ""

    def body(self, order_id: OrderId) -> CancelOrder:
        """The command's body."""
        return CancelOrder(order_id=order_id, reason=self.reason)


class Split(Request):
    """Replace the order by several; their amounts add up to its own."""

    amounts: Annotated[list[Amount], Field(min_length=2, max_length=SPLIT_PARTS_MAX)]

    def body(self, order_id: OrderId) -> SplitOrder:
        """The command's body."""
        return SplitOrder(order_id=order_id, amounts=self.amounts)


AboutOrder = Approve | Withdraw | Decline | Cancel | Split


_PATH_OF_KIND: Final = {
    "give_approval": "approvals",
    "withdraw_approval": "approvals/withdraw",
    "decline_approval": "decline",
    "cancel_order": "cancel",
    "split_order": "split",
}


def content_of(command: Command) -> dict[str, Any]:
    """The JSON body of the request that sends `command`: the client's side of the classes above."""
    return {
        "desk_id": command.desk_id,
        **command.body.model_dump(mode="json", exclude={"kind", "order_id"}),
        "authorization": command.authorization.model_dump(mode="json"),
    }


def path_of(command: Command) -> str:
    """Return the path that the request is posted to."""
    body = command.body
    if isinstance(body, InitiateOrder | TryOrder):
        return "/v1/orders" if isinstance(body, InitiateOrder) else "/v1/orders?dry_run=true"
    return f"/v1/orders/{body.order_id}/{_PATH_OF_KIND[body.kind]}"
