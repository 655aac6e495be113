"""Reads telemetry's settings from the environment."""

from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class TelemetrySettings(BaseSettings):
    """Values from the environment; the OTEL_ names are those of the OpenTelemetry specification."""

    model_config = SettingsConfigDict(frozen=True, env_ignore_empty=True)

    runtime: Path | None = Field(None, alias="PROOFDESK_RUNTIME")
    """The cluster's folder; without it metrics stay in this process."""
    instance: str = Field("0", alias="PROOFDESK_INSTANCE", pattern=r"^[A-Za-z0-9.-]{1,64}$")
    """The worker's name within its processor. Two that run at once must differ, or they overwrite each other's metrics."""
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", alias="PROOFDESK_LOG_LEVEL")
    otlp_endpoint: str | None = Field(None, alias="OTEL_EXPORTER_OTLP_ENDPOINT")
    """The OTLP/HTTP collector's URL; without it no spans are recorded."""

    @field_validator("log_level", mode="before")
    @classmethod
    def _lower(cls, level: object) -> object:
        return level.lower() if isinstance(level, str) else level
