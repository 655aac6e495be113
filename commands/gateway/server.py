"""HTTP/1.1 as uvicorn speaks it, with a problem also where a request could not be read at all."""

from __future__ import annotations

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from commands.gateway.problems import MEDIA_TYPE
from commands.intake.refusals import Refused


class ProblemProtocol(H11Protocol):
    """Answers a request that is not HTTP, or has too large headers, with a problem."""

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - the library's words say less
        """Answer and close: where the next request would begin is not known."""
        refused = Refused(
            400, "not-http", "the request is not well-formed HTTP, or its headers are too large", "correct the client"
        )
        content = refused.problem().model_dump_json(exclude_none=True).encode()
        headers = [
            ("Content-Type", MEDIA_TYPE),
            ("Content-Length", str(len(content))),
            ("X-Content-Type-Options", "nosniff"),
            ("Connection", "close"),
        ]
        for event in (
            h11.Response(status_code=400, headers=headers, reason=b"Bad Request"),
            h11.Data(data=content),
            h11.EndOfMessage(),
        ):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()
