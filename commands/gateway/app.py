"""The application: routes, problems, what is mounted beside them, all behind one protection."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final
from urllib.parse import urlsplit

from fastapi import APIRouter, FastAPI
from fastapi.openapi.utils import get_openapi

from commands.answers import Problem
from commands.gateway import problems
from commands.gateway.parts import Parts, running
from commands.gateway.protection import Protection
from commands.gateway.routes import firm, health, orders, registry
from commands.gateway.settings import GatewaySettings

SUMMARY: Final = "Commands in, answers out. Every command is signed by its sender; every problem says what to do."


def build(parts: Parts, settings: GatewaySettings, read_api: APIRouter, http: str) -> Protection:
    """Return the gateway that is reached at the URL `http`, over `parts`, which serves `read_api` beside its own routes."""
    return Protection(application(parts, settings, read_api), settings.host_names(urlsplit(http).hostname or ""))


def application(parts: Parts, settings: GatewaySettings, read_api: APIRouter) -> FastAPI:
    """Return the routes and problems, without protection. `parts` are first used when it serves."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with running(app, parts):
            yield

    app = FastAPI(title="Proofdesk", version="1", summary=SUMMARY, lifespan=lifespan, docs_url=None, redoc_url=None)
    for router in (
        orders.router,
        firm.router,
        registry.routes(settings.schema_registry_url),
        health.router,
        read_api,
    ):
        app.include_router(router)
    problems.install(app)
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign] # the framework's own way to change it
    return app


def _openapi(app: FastAPI) -> dict[str, Any]:
    """OpenAPI 3.1, with the form of a problem, which no route returns but every route can answer with."""
    if app.openapi_schema is None:
        schema = get_openapi(title=app.title, version=app.version, summary=app.summary, routes=app.routes)
        problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        schema.setdefault("components", {}).setdefault("schemas", {}).update({**problem.pop("$defs", {}), "Problem": problem})
        app.openapi_schema = schema
    return app.openapi_schema
