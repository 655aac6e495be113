"""The gateway's client: typed, synchronous, and safe to use again when something is away.

A command is signed once; when the gateway or Kafka is away, or no answer came yet, the very same command is sent again until
`patience_seconds` are over. The desk carries it out at most once.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Sequence
from decimal import Decimal
from http import HTTPStatus
from types import TracebackType
from typing import Any, Final, Self

import httpx
from pydantic import ValidationError
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_exponential

from commands.answers import OrderAnswer, PendingAnswer, Problem
from commands.client.approvals import WantedApproval
from commands.client.errors import CommandRefused, NotDecidedYet, SystemFault
from commands.client.shapes import ShownLink, ShownOrder
from commands.client.signing import Signer, signed
from commands.idempotency import command_id_of
from commands.intake.requests import content_of, path_of
from schemas.commands import Body, CancelOrder, Command, DeclineApproval, GiveApproval, InitiateOrder, SplitOrder
from schemas.orders import Action
from schemas.values import DeskId, OrderId, PrincipalId, WalletId

CONNECT_SECONDS_MAX: Final = 3
ANSWER_SECONDS_MAX: Final = 20
PATIENCE_SECONDS: Final = 10.0
WAIT_SECONDS_MIN: Final = 0.2
WAIT_SECONDS_MAX: Final = 2.0
PAGE_ORDERS: Final = 100


class ProofdeskClient:
    """One principal's way to one gateway. Reading needs no signer."""

    def __init__(
        self,
        url: str,
        principal: PrincipalId = "",
        signer: Signer | None = None,
        *,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        """Connect to nothing yet."""
        self._http = httpx.Client(base_url=url, timeout=httpx.Timeout(ANSWER_SECONDS_MAX, connect=CONNECT_SECONDS_MAX))
        self._principal = principal
        self._signer = signer
        self._patience_seconds = patience_seconds

    def __enter__(self) -> Self:
        """Use it, then close it."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Let go of connections."""
        self._http.close()

    # Commands. Each raises CommandRefused, SystemFault, or ValidationError for what cannot even be said. ---------------

    def submit(
        self, desk_id: DeskId, wallet_id: WalletId, action: Action, memo: str = "", *, idempotency_key: str | None = None
    ) -> OrderAnswer:
        """Ask for an order; the answer says what policy said. Without a key a new one is made."""
        body = InitiateOrder(wallet_id=wallet_id, action=action, memo=memo)
        return self.send(self.command(desk_id, body, idempotency_key))

    def approve(self, approval: WantedApproval) -> OrderAnswer:
        """Approve exactly that, with this principal's key. See `commands.client.approvals.wanted`."""
        body = GiveApproval(order_id=approval.order_id, approval_hash=approval.approval_hash)
        return self.send(self.command(approval.desk_id, body))

    def decline(self, order_id: OrderId, reason: str, desk_id: DeskId | None = None) -> OrderAnswer:
        """Refuse to approve; the order is closed."""
        return self.send(self.command(self._desk(order_id, desk_id), DeclineApproval(order_id=order_id, reason=reason)))

    def cancel(self, order_id: OrderId, reason: str = "", desk_id: DeskId | None = None) -> OrderAnswer:
        """Take an order back."""
        return self.send(self.command(self._desk(order_id, desk_id), CancelOrder(order_id=order_id, reason=reason)))

    def split(self, order_id: OrderId, amounts: Sequence[Decimal], desk_id: DeskId | None = None) -> OrderAnswer:
        """Replace an order by parts; the answer's `children` are the parts, each judged."""
        return self.send(self.command(self._desk(order_id, desk_id), SplitOrder(order_id=order_id, amounts=list(amounts))))

    def command(self, desk_id: DeskId, body: Body, idempotency_key: str | None = None) -> Command:
        """A command of this principal, signed now. Raises TypeError without a signer."""
        if self._signer is None:
            raise TypeError("this client has no signer: it can only read")
        return signed(
            self._signer,
            command_id=command_id_of(self._principal, idempotency_key or str(uuid.uuid4())),
            desk_id=desk_id,
            principal=self._principal,
            issued_at=time.time_ns() // 1_000,
            body=body,
        )

    def send(self, command: Command) -> OrderAnswer:
        """Send a signed command, the same again while something is away or undecided."""
        again = Retrying(
            retry=retry_if_exception_type(SystemFault),
            stop=stop_after_delay(self._patience_seconds),
            wait=wait_exponential(multiplier=WAIT_SECONDS_MIN, max=WAIT_SECONDS_MAX),
            reraise=True,
        )
        return again(self._send_once, command)

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

    def read(self, path: str, **query: str) -> Any:
        """What a read route says, as JSON has it. Raises CommandRefused, SystemFault."""
        return self._answer(self._request("GET", path, params=query)).json()

    # ---------------------------------------------------------------------------------------------------------------------

    def _desk(self, order_id: OrderId, desk_id: DeskId | None) -> DeskId:
        return self.show(order_id).desk_id if desk_id is None else desk_id

    def _send_once(self, command: Command) -> OrderAnswer:
        headers = {
            "Idempotency-Key": command.command_id,
            "Proofdesk-Principal": command.principal,
            "Proofdesk-Issued-At": str(command.issued_at),
        }
        response = self._answer(self._request("POST", path_of(command), json=content_of(command), headers=headers))
        if response.status_code == HTTPStatus.ACCEPTED:
            raise NotDecidedYet(PendingAnswer.model_validate_json(response.content))
        return OrderAnswer.model_validate_json(response.content)

    def _request(self, method: str, path: str, **parts: Any) -> httpx.Response:
        try:
            return self._http.request(method, path, **parts)
        except httpx.HTTPError as error:
            raise SystemFault(f"the gateway at {self._http.base_url} cannot be reached: {error}") from error

    def _answer(self, response: httpx.Response) -> httpx.Response:
        """The response, if it is none of a refusal or a fault."""
        if response.is_success:
            return response
        try:
            problem = Problem.model_validate_json(response.content)
        except ValidationError:
            raise SystemFault(f"{response.url} answered {response.status_code}, and not as a gateway does") from None
        if response.is_server_error:
            raise SystemFault(problem.detail)
        raise CommandRefused(problem)
