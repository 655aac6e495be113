"""The Schema Registry API, read-only, from the committed catalogue: Kafka tools decode our topics with no registry to install.

The routes that Confluent's clients, librdkafka's serdes and kcat call (Confluent, "Schema Registry API Reference"), with its
media type and its error bodies. Schemas are immutable, so they may be cached for ever. Nothing can be registered here: schemas
are published with the code. Where SCHEMA_REGISTRY_URL names a registry, requests are sent on there.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from schemas import catalogue
from schemas.catalogue import Entry

MEDIA_TYPE: Final = "application/vnd.schemaregistry.v1+json"
IMMUTABLE: Final = {"Cache-Control": "public, max-age=31536000, immutable"}
SUBJECT_NOT_FOUND: Final = 40401
VERSION_NOT_FOUND: Final = 40402
SCHEMA_NOT_FOUND: Final = 40403
VERSION_INVALID: Final = 42202
COMPATIBILITY: Final = "FULL_TRANSITIVE"
_DIGITS_MAX: Final = 9


def routes(elsewhere: str) -> APIRouter:
    """The routes; `elsewhere`, when not empty, is the URL of a registry that answers instead."""
    router = APIRouter(prefix="/registry", tags=["registry"])
    if elsewhere:
        router.add_api_route("/{path:path}", _sent_on(elsewhere), methods=["GET"], summary="Sent on to the registry")
        return router
    for path, answer, summary in _ROUTES:
        router.add_api_route(path, answer, methods=["GET"], summary=summary, response_class=RegistryResponse)
    return router


class RegistryResponse(Response):
    """JSON with the registry's media type."""

    media_type = MEDIA_TYPE

    def render(self, content: Any) -> bytes:
        """Compact JSON."""
        return json.dumps(content, separators=(",", ":")).encode()


def _sent_on(elsewhere: str) -> Callable[..., Any]:
    async def send_on(path: str, request: Request) -> Response:
        query = f"?{request.url.query}" if request.url.query else ""
        return RedirectResponse(f"{elsewhere.rstrip('/')}/{path}{query}", 307)

    return send_on


async def _root() -> Response:
    return RegistryResponse({})


async def _types() -> Response:
    return RegistryResponse(["AVRO"])


async def _schema(schema_id: str) -> Response:
    entry = catalogue.by_id().get(_number(schema_id))
    if entry is None:
        return _error(404, SCHEMA_NOT_FOUND, f"Schema {schema_id[:_DIGITS_MAX]} not found")
    return RegistryResponse({"schema": entry.text}, headers=IMMUTABLE)


async def _schema_text(schema_id: str) -> Response:
    entry = catalogue.by_id().get(_number(schema_id))
    if entry is None:
        return _error(404, SCHEMA_NOT_FOUND, f"Schema {schema_id[:_DIGITS_MAX]} not found")
    return Response(entry.text, media_type=MEDIA_TYPE, headers=IMMUTABLE)


async def _schema_versions(schema_id: str) -> Response:
    entry = catalogue.by_id().get(_number(schema_id))
    if entry is None:
        return _error(404, SCHEMA_NOT_FOUND, f"Schema {schema_id[:_DIGITS_MAX]} not found")
    return RegistryResponse([{"subject": entry.subject, "version": entry.version}])


async def _subjects() -> Response:
    return RegistryResponse(sorted({entry.subject for entry in catalogue.entries()}))


async def _versions(subject: str) -> Response:
    found = catalogue.versions(subject)
    if not found:
        return _error(404, SUBJECT_NOT_FOUND, f"Subject '{subject[:100]}' not found.")
    return RegistryResponse([entry.version for entry in found])


async def _version(subject: str, version: str) -> Response:
    found = _find(subject, version)
    if isinstance(found, Response):
        return found
    return RegistryResponse(
        {
            "subject": found.subject,
            "version": found.version,
            "id": found.schema_id,
            "schemaType": "AVRO",
            "schema": found.text,
        }
    )


async def _version_text(subject: str, version: str) -> Response:
    found = _find(subject, version)
    return found if isinstance(found, Response) else Response(found.text, media_type=MEDIA_TYPE)


async def _config() -> Response:
    return RegistryResponse({"compatibilityLevel": COMPATIBILITY})


async def _config_of(subject: str) -> Response:
    if not catalogue.versions(subject):
        return _error(404, SUBJECT_NOT_FOUND, f"Subject '{subject[:100]}' not found.")
    return RegistryResponse({"compatibilityLevel": COMPATIBILITY})


async def _mode() -> Response:
    return RegistryResponse({"mode": "READONLY"})


def _find(subject: str, version: str) -> Entry | Response:
    found = catalogue.versions(subject)
    if not found:
        return _error(404, SUBJECT_NOT_FOUND, f"Subject '{subject[:100]}' not found.")
    number = found[-1].version if version in ("latest", "-1") else _number(version)
    if number < 1:
        return _error(422, VERSION_INVALID, f"The specified version '{version[:_DIGITS_MAX]}' is not a valid version id.")
    entry = next((entry for entry in found if entry.version == number), None)
    return entry or _error(404, VERSION_NOT_FOUND, f"Version {number} not found.")


def _number(text: str) -> int:
    """A number in plain digits; 0, which names nothing, for anything else."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _DIGITS_MAX else 0


def _error(status: int, error_code: int, message: str) -> Response:
    return RegistryResponse({"error_code": error_code, "message": message}, status)


_ROUTES: Final[tuple[tuple[str, Callable[..., Any], str], ...]] = (
    ("/", _root, "The registry"),
    ("/schemas/types", _types, "Kinds of schema"),
    ("/schemas/ids/{schema_id}", _schema, "A schema by its id"),
    ("/schemas/ids/{schema_id}/schema", _schema_text, "A schema's own text by its id"),
    ("/schemas/ids/{schema_id}/versions", _schema_versions, "Where a schema is used"),
    ("/subjects", _subjects, "All subjects"),
    ("/subjects/{subject}/versions", _versions, "A subject's versions"),
    ("/subjects/{subject}/versions/{version}", _version, "One version of a subject, or `latest`"),
    ("/subjects/{subject}/versions/{version}/schema", _version_text, "The schema's own text"),
    ("/config", _config, "How schemas may change"),
    ("/config/{subject}", _config_of, "How a subject's schemas may change"),
    ("/mode", _mode, "Read-only"),
)
