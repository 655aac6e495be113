"""Writes log lines, ours and the libraries', as one JSON object a line on stderr, with the current trace.

Sets the form (time in UTC, level, service, instance, event). Withholds the value of each field that is named like a secret,
and the variables of frames in tracebacks: the last line of defence, since no secret should get here. Leaves out storage:
the supervisor keeps the lines.
"""

import logging
import logging.config
import sys
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any, Final

import structlog
from opentelemetry import trace

from infra.telemetry.settings import TelemetrySettings

WITHHELD: Final = "[withheld]"
SECRET_NAMES: Final = ("password", "passphrase", "secret", "pin", "private_key", "mnemonic", "authorization", "token")
LIBRARY_LEVEL: Final = "WARNING"

EventDict = MutableMapping[str, Any]


def configure(service: str) -> None:
    """Log as `service`. Safe to call again."""
    settings = TelemetrySettings()
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    shared = _processors(service, settings.instance)
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer(default=str)],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    _bring_in_libraries(shared)


def _processors(service: str, instance: str) -> list[structlog.typing.Processor]:
    def name_service(_logger: Any, _method: str, event: EventDict) -> EventDict:
        return {"service": service, "instance": instance, **event}

    return [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        name_service,
        _name_trace,
        structlog.processors.format_exc_info,
        _withhold_secrets,
    ]


def _bring_in_libraries(shared: list[structlog.typing.Processor]) -> None:
    """Send libraries' log records through the same form."""
    form = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.JSONRenderer(default=str),
        ],
    )
    lines = logging.StreamHandler(sys.stderr)
    lines.setFormatter(form)
    root = logging.getLogger()
    root.handlers = [lines]
    root.setLevel(LIBRARY_LEVEL)


def _name_trace(_logger: Any, _method: str, event: EventDict) -> EventDict:
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        event["trace_id"] = trace.format_trace_id(context.trace_id)
        event["span_id"] = trace.format_span_id(context.span_id)
    return event


def _withhold_secrets(_logger: Any, _method: str, event: EventDict) -> EventDict:
    return _without_secrets(event)


def _without_secrets(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: WITHHELD if _is_secret(name) else _inside(value) for name, value in fields.items()}


def _inside(value: Any) -> Any:
    inside: dict[type, Callable[[Any], Any]] = {
        dict: _without_secrets,
        list: lambda items: [_inside(item) for item in items],
        tuple: lambda items: [_inside(item) for item in items],
    }
    look = inside.get(type(value))
    return value if look is None else look(value)


def _is_secret(name: object) -> bool:
    lowered = str(name).lower()
    return any(lowered == secret or lowered.endswith(f"_{secret}") for secret in SECRET_NAMES)
