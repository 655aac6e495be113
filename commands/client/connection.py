"""One way to one gateway: a command is signed once and sent until it is answered; what is refused is told from what is away.

When the gateway or Kafka is away, or no answer came yet, the very same command is sent again until `patience_seconds` are over.
It is carried out at most once.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from http import HTTPStatus
from types import TracebackType
from typing import Any, Final, Self

import httpx
from pydantic import ValidationError
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_exponential

from commands.answers import PendingAnswer, Problem
from commands.client.errors import CommandRefused, NotDecidedYet, SystemFault
from commands.client.signing import Signer, signed, signed_for_firm
from commands.idempotency import command_id_of
from commands.intake import firm_requests, requests
from schemas.commands import Body, Command
from schemas.firm_commands import FirmBody, FirmCommand
from schemas.values import CommandId, DeskId, PrincipalId

CONNECT_SECONDS_MAX: Final = 3
ANSWER_SECONDS_MAX: Final = 20
PATIENCE_SECONDS: Final = 10.0
WAIT_SECONDS_MIN: Final = 0.2
WAIT_SECONDS_MAX: Final = 2.0


class Connection:
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

    def command(self, desk_id: DeskId, body: Body, idempotency_key: str | None = None) -> Command:
        """A command of this principal to a desk, signed now. Raises TypeError without a signer."""
        return signed(
            self._signing(),
            command_id=self._command_id(idempotency_key),
            desk_id=desk_id,
            principal=self._principal,
            issued_at=time.time_ns() // 1_000,
            body=body,
        )

    def firm_command(self, body: FirmBody, idempotency_key: str | None = None) -> FirmCommand:
        """As `command`, to governance."""
        return signed_for_firm(
            self._signing(),
            command_id=self._command_id(idempotency_key),
            principal=self._principal,
            issued_at=time.time_ns() // 1_000,
            body=body,
        )

    def read(self, path: str, **query: str) -> Any:
        """Return the JSON answer of a read route. Raises CommandRefused, SystemFault."""
        return self._answer(self._request("GET", path, params=query)).json()

    def ask(self, path: str, content: Mapping[str, Any]) -> Any:
        """Post unsigned `content` to a route that changes nothing; return its answer. Raises CommandRefused, SystemFault."""
        return self._answer(self._request("POST", path, json=content)).json()

    def _sent(self, command: Command | FirmCommand) -> bytes:
        """Send a signed command; resend it while a service is unreachable or no decision has come. Returns JSON."""
        again = Retrying(
            retry=retry_if_exception_type(SystemFault),
            stop=stop_after_delay(self._patience_seconds),
            wait=wait_exponential(multiplier=WAIT_SECONDS_MIN, max=WAIT_SECONDS_MAX),
            reraise=True,
        )
        return again(self._send_once, command)

    def _send_once(self, command: Command | FirmCommand) -> bytes:
        headers = {
            "Idempotency-Key": command.command_id,
            "Proofdesk-Principal": command.principal,
            "Proofdesk-Issued-At": str(command.issued_at),
        }
        path, content = (
            (firm_requests.path_of(command), firm_requests.content_of(command))
            if isinstance(command, FirmCommand)
            else (requests.path_of(command), requests.content_of(command))
        )
        response = self._answer(self._request("POST", path, json=content, headers=headers))
        if response.status_code == HTTPStatus.ACCEPTED:
            raise NotDecidedYet(PendingAnswer.model_validate_json(response.content))
        return response.content

    def _signing(self) -> Signer:
        if self._signer is None:
            raise TypeError("this client has no signer: it can only read")
        return self._signer

    def _command_id(self, idempotency_key: str | None) -> CommandId:
        return command_id_of(self._principal, idempotency_key or str(uuid.uuid4()))

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
