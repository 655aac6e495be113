"""JSON-RPC 2.0 over one persistent HTTP connection pool to one EVM node.

Decides the meaning of a failed exchange (architecture, rule 12: absence is not failure): a failure that may pass by itself is
`NodeUnavailable`, a wait; an error that the node states about the request is `NodeRefused`. An answer that is not JSON-RPC
counts as no answer. Source: JSON-RPC 2.0 specification; Ethereum execution API. Leaves out retries and the choice between
nodes: the caller knows which requests can be repeated.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

import httpx
from pydantic_core import from_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic import JsonValue

CONNECT_TIMEOUT_MS_MAX: Final = 1_000
CALL_TIMEOUT_MS_MAX: Final = 2_000
BATCH_CALLS_MAX: Final = 100
CONNECTIONS_MAX: Final = 8
LIMIT_EXCEEDED: Final = -32_005
"""EIP-1474: the request exceeds a defined limit, most often of requests per second."""
INDEXING: Final = "transaction indexing is in progress"
"""The message of go-ethereum 1.17, with its general code -32000, while it cannot tell yet whether it knows a transaction."""
REFUSAL_CHARACTERS_MAX: Final = 500
"""A node's message goes into logs and events; longer ones are cut."""


class NodeError(Exception):
    """The node did not answer a request as asked."""


class NodeUnavailable(NodeError):
    """No usable answer: connection, time-out, HTTP status or nonsense. Wait, then ask again."""

    def __init__(self, node: str, reason: str) -> None:
        """Name the node's host and what was seen."""
        super().__init__(
            f"node {node} gave no usable answer ({reason}); check that it runs and is reachable, it is asked again"
        )


class NodeRefused(NodeError):
    """The node answered with an error. `code` and `message` are its own; `detail` is the error's data, often revert bytes."""

    def __init__(self, code: int, message: str, detail: JsonValue = None) -> None:
        """Keep the node's message."""
        super().__init__(f"the node refused ({code}): {message}")
        self.code = code
        self.message = message
        self.detail = detail


class JsonRpc:
    """A client of one endpoint. Safe to share between threads; close it in the end."""

    def __init__(self, url: str) -> None:
        """Prepare the pool; nothing is sent yet. `url` is http:// or https://."""
        self._url = httpx.URL(url)
        # Only host and port are ever shown: paths of hosted nodes carry access tokens.
        self.name = f"{self._url.host}:{self._url.port}" if self._url.port else self._url.host
        self._client = httpx.Client(
            headers={"content-type": "application/json"},
            limits=httpx.Limits(max_connections=CONNECTIONS_MAX, max_keepalive_connections=CONNECTIONS_MAX),
            trust_env=False,
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def request(self, method: str, *params: JsonValue, timeout_ms: int = CALL_TIMEOUT_MS_MAX) -> JsonValue:
        """Return the result of one call. Raises NodeUnavailable, NodeRefused."""
        answer = self._exchange(_call(0, method, params), timeout_ms)
        return self._result(answer, 0)

    def batch(
        self, calls: Sequence[tuple[str, Sequence[JsonValue]]], *, timeout_ms: int = CALL_TIMEOUT_MS_MAX
    ) -> list[JsonValue]:
        """Return the results of several calls, in their order, from as few HTTP requests as BATCH_CALLS_MAX allows.

        The node may run them in any order. Raises NodeUnavailable, or NodeRefused for the first call that was refused.
        """
        results: list[JsonValue] = []
        for start in range(0, len(calls), BATCH_CALLS_MAX):
            results += self._batch(calls[start : start + BATCH_CALLS_MAX], timeout_ms)
        return results

    def _batch(self, calls: Sequence[tuple[str, Sequence[JsonValue]]], timeout_ms: int) -> list[JsonValue]:
        body: list[JsonValue] = [_call(number, method, params) for number, (method, params) in enumerate(calls)]
        answers = self._exchange(body, timeout_ms)
        if not isinstance(answers, list) or len(answers) != len(calls):
            # A node refuses a batch as a whole with a single error object.
            if isinstance(answers, dict) and "error" in answers:
                self._result(answers, None)
            raise NodeUnavailable(self.name, "a batch was not answered call by call")
        by_number = {answer.get("id"): answer for answer in answers if isinstance(answer, dict)}
        return [self._result(by_number.get(number), number) for number in range(len(calls))]

    def _exchange(self, body: JsonValue, timeout_ms: int) -> JsonValue:
        timeout = httpx.Timeout(timeout_ms / 1_000, connect=CONNECT_TIMEOUT_MS_MAX / 1_000)
        try:
            response = self._client.post(self._url, content=json.dumps(body).encode(), timeout=timeout)
        except httpx.TransportError as error:
            raise NodeUnavailable(self.name, f"{type(error).__name__}: {error}") from error
        try:
            # It bounds nesting by itself. json would trust Python's recursion limit, which py_ecc raises beyond the C stack.
            answer: JsonValue = from_json(response.content)
        except ValueError as error:
            # A contract can make a trace as deep as it likes; to wait would be to wait for ever.
            if "recursion limit" in str(error):
                raise NodeRefused(0, "its answer nests deeper than we read") from error
            raise NodeUnavailable(self.name, f"HTTP {response.status_code} without JSON") from error
        # Some nodes state a refusal with HTTP 400; any other status than 200 is the gateway's word, not the node's.
        if not response.is_success and not (response.status_code == httpx.codes.BAD_REQUEST and _is_refusal(answer)):
            raise NodeUnavailable(self.name, f"HTTP {response.status_code}")
        return answer

    def _result(self, answer: JsonValue, number: int | None) -> JsonValue:
        if not isinstance(answer, dict):
            raise NodeUnavailable(self.name, "not a JSON-RPC answer")
        error = answer.get("error")
        if isinstance(error, dict):
            code = error.get("code")
            message = str(error.get("message"))[:REFUSAL_CHARACTERS_MAX]
            if code == LIMIT_EXCEEDED or message == INDEXING:
                raise NodeUnavailable(self.name, message)
            raise NodeRefused(code if isinstance(code, int) else 0, message, error.get("data"))
        if answer.get("id") != number or "result" not in answer:
            raise NodeUnavailable(self.name, "not the answer to this call")
        return answer["result"]


def _call(number: int, method: str, params: Sequence[JsonValue]) -> dict[str, JsonValue]:
    return {"jsonrpc": "2.0", "id": number, "method": method, "params": list(params)}


def _is_refusal(answer: JsonValue) -> bool:
    return isinstance(answer, dict) and isinstance(answer.get("error"), dict)
