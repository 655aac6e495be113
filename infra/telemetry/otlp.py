"""Sets up the OpenTelemetry SDK with an OTLP/HTTP exporter; imported only by processes that record spans.

Endpoint, headers, time-outs, sampler and batch bounds are the environment's (OTEL_* of the OpenTelemetry specification,
"Environment Variable Specification"); the defaults are parent-based sampling and a queue of 2,048 spans.
"""

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor


def provider_of(service: str, instance: str) -> TracerProvider:
    """Return the tracer provider of a process that records as `service`."""
    names = {"service.namespace": "proofdesk", "service.name": service, "service.instance.id": instance}
    provider = TracerProvider(resource=Resource.create(names))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider
