"""Commands to desks, and orders as they are.

Each command raises CommandRefused, SystemFault, or ValidationError for what cannot even be said.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any, Final

from commands.answers import OrderAnswer, TrialAnswer
from commands.client.approvals import WantedApproval
from commands.client.connection import Connection
from commands.client.shapes import ShownLink, ShownOrder
from schemas.commands import (
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
from schemas.values import DeskId, OrderId, WalletId

PAGE_ORDERS: Final = 100


class OrderCommands(Connection):
    """Sends commands to a desk."""

    def submit(
        self, desk_id: DeskId, wallet_id: WalletId, action: Action, memo: str = "", *, idempotency_key: str | None = None
    ) -> OrderAnswer:
        """Submit an order; the answer holds the policy's outcome. Without an idempotency key a new one is made."""
        body = InitiateOrder(wallet_id=wallet_id, action=action, memo=memo)
        return self.send(self.command(desk_id, body, idempotency_key))

    def attempt(self, desk_id: DeskId, wallet_id: WalletId, action: Action, memo: str = "") -> TrialAnswer:
        """Predict the decision on an order without placing it."""
        command = self.command(desk_id, TryOrder(wallet_id=wallet_id, action=action, memo=memo))
        return TrialAnswer.model_validate_json(self._sent(command))

    def approve(self, approval: WantedApproval) -> OrderAnswer:
        """Approve exactly that, with this principal's key. See `commands.client.approvals.wanted`."""
        body = GiveApproval(order_id=approval.order_id, approval_hash=approval.approval_hash)
        return self.send(self.command(approval.desk_id, body))

    def withdraw_approval(self, order_id: OrderId, reason: str = "", desk_id: DeskId | None = None) -> OrderAnswer:
        """Take one's own approval back, before the order is signed."""
        return self.send(self.command(self._desk(order_id, desk_id), WithdrawApproval(order_id=order_id, reason=reason)))

    def decline(self, order_id: OrderId, reason: str, desk_id: DeskId | None = None) -> OrderAnswer:
        """Refuse to approve; the order is closed."""
        return self.send(self.command(self._desk(order_id, desk_id), DeclineApproval(order_id=order_id, reason=reason)))

    def cancel(self, order_id: OrderId, reason: str = "", desk_id: DeskId | None = None) -> OrderAnswer:
        """Take an order back."""
        return self.send(self.command(self._desk(order_id, desk_id), CancelOrder(order_id=order_id, reason=reason)))

    def split(self, order_id: OrderId, amounts: Sequence[Decimal], desk_id: DeskId | None = None) -> OrderAnswer:
        """Replace an order by parts; the answer's `children` are the parts, each judged."""
        return self.send(self.command(self._desk(order_id, desk_id), SplitOrder(order_id=order_id, amounts=list(amounts))))

    def send(self, command: Command) -> OrderAnswer:
        """Send a signed command; resend it while a service is unreachable or no decision has come."""
        return OrderAnswer.model_validate_json(self._sent(command))

    # Reading -----------------------------------------------------------------------------------------------------------

    def show(self, order_id: OrderId) -> ShownOrder:
        """An order as it is. Raises CommandRefused when it is not known (yet), SystemFault."""
        return ShownOrder.model_validate(self.read(f"/v1/orders/{order_id}"))

    def events(self, order_id: OrderId) -> list[ShownLink]:
        """An order's timeline."""
        return [ShownLink.model_validate(link) for link in self.read(f"/v1/orders/{order_id}/events")["links"]]

    def list(self, *, desk: DeskId | None = None, state: str | None = None, most: int = PAGE_ORDERS) -> list[ShownOrder]:
        """The newest orders, at most `most`."""
        return [ShownOrder.model_validate(order) for order in self.read_orders(desk=desk, state=state, most=most)]

    def read_orders(self, *, desk: DeskId | None = None, state: str | None = None, most: int) -> Iterator[dict[str, Any]]:
        """The newest orders as the gateway has them, a page at a time."""
        asked = {name: value for name, value in {"desk": desk, "state": state}.items() if value}
        cursor: str | None = None
        while most > 0:
            page = self.read(
                "/v1/orders", **asked, limit=str(min(most, PAGE_ORDERS)), **({} if cursor is None else {"cursor": cursor})
            )
            yield from page["orders"]
            most -= len(page["orders"])
            cursor = page["next_cursor"]
            if cursor is None:
                return

    def _desk(self, order_id: OrderId, desk_id: DeskId | None) -> DeskId:
        return self.show(order_id).desk_id if desk_id is None else desk_id
