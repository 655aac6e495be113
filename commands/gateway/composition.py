"""Composes the HTTP server from the write side's door and the read side's API: the one module that knows both.

`commands` and `projections` do not import each other; import-linter excepts this module by name, because one process serves
both over one port. Everything else of the gateway takes the read side as a value.
"""

from __future__ import annotations

from typing import cast

from fastapi import FastAPI

from commands.gateway.app import application, build
from commands.gateway.parts import Parts, wired
from commands.gateway.protection import Protection
from commands.gateway.settings import GatewaySettings
from infra.settings.description import ClusterDescription
from projections.api import router as read_api
from projections.queries import GatewayQueries


def server(description: ClusterDescription) -> Protection:
    """Return the server of a cluster. Connects to nothing yet. Raises OSError: credentials are missing or open to others."""
    return build(wired(description, GatewayQueries(description)), GatewaySettings(), read_api, description.http)


def undeployed() -> FastAPI:
    """Return all routes without anything behind them, for documents and their checks; it cannot serve."""
    return application(cast("Parts", None), GatewaySettings(), read_api)
