"""Reads the gateway's settings from the environment."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class GatewaySettings(BaseSettings):
    """Read from the environment."""

    model_config = SettingsConfigDict(frozen=True, populate_by_name=True)

    schema_registry_url: str = Field("", alias="SCHEMA_REGISTRY_URL", pattern="^(https?://[^ ]+)?$")
    """A real Schema Registry, which then answers instead of the catalogue."""
    hosts: str = Field("", alias="PROOFDESK_HOSTS")
    """Further host names of the gateway, separated by commas."""

    def host_names(self, own: str) -> set[str]:
        """Return all host names of the gateway."""
        further = {each.strip().lower() for each in self.hosts.split(",") if each.strip()}
        return {own.lower(), "localhost", "127.0.0.1", "::1", *further}
