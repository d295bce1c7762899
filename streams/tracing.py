"""Traces of batches by OpenTelemetry: the only importer of it. Off unless `tracing.endpoint` is set.

A batch is one span with its topic, partition, offsets and how many records ended how; its stages are child spans. No
content, no account, no id of an event. Of an error the type alone: its message may hold what a customer wrote.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import TYPE_CHECKING

from streams.errors import ConfigurationError
from streams.model import Disposition

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import SpanProcessor
    from opentelemetry.trace import Span, Tracer

    from streams.settings import Settings

__all__ = ["begin", "end", "stage", "started", "traced"]

EXPORT_SECONDS = 5
FLUSH_MS = 5_000  # what a collector that does not answer may hold up the end of a worker
_NOTHING = nullcontext()
# A task that delivers a batch inherits the span of the batch that it was started for.
_batch: ContextVar[Span | None] = ContextVar("streams_batch_span", default=None)
_tracer: Tracer | None = None


@contextmanager
def started(settings: Settings, worker: str) -> Iterator[None]:
    """Trace within the block if the settings say so; `ConfigurationError` when OpenTelemetry is not installed."""
    if settings.tracing.endpoint is None:
        yield
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        raise ConfigurationError(
            "tracing.endpoint is set, and OpenTelemetry is not installed: pip install 'compliance-streams[otel]', or "
            "take the setting away"
        ) from None
    exporter = OTLPSpanExporter(endpoint=settings.tracing.endpoint, timeout=EXPORT_SECONDS)
    with traced(BatchSpanProcessor(exporter), worker, settings.cell, settings.tracing.share):
        yield


@contextmanager
def traced(processor: SpanProcessor, worker: str, cell: str, share: float = 1.0) -> Iterator[None]:
    """Hand spans to a processor within the block; `share` of the batches is traced."""
    global _tracer
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased

    named = {"service.name": "compliance-streams", "service.instance.id": worker, "streams.cell": cell}
    provider = TracerProvider(
        resource=Resource.create(named), sampler=ParentBased(TraceIdRatioBased(share)), shutdown_on_exit=False
    )
    provider.add_span_processor(processor)
    _tracer = provider.get_tracer("streams")
    try:
        yield
    finally:
        _tracer = None
        processor.force_flush(FLUSH_MS)
        provider.shutdown()


def begin(topic: str, partition: int, first: int, last: int, records: int) -> None:
    """A batch was taken: what this task and those that it starts do belongs to it, until the next one begins."""
    if _tracer is None:
        return
    from opentelemetry.context import Context
    from opentelemetry.trace import SpanKind

    attributes: dict[str, str | int] = {
        "messaging.system": "kafka",
        "messaging.destination.name": topic,
        "messaging.destination.partition.id": str(partition),
        "messaging.batch.message_count": records,
        "streams.offset.first": first,
        "streams.offset.last": last,
    }
    _batch.set(_tracer.start_span("batch", Context(), SpanKind.CONSUMER, attributes))


def stage(name: str) -> AbstractContextManager[None]:
    """A stage of the batch at hand."""
    span = _batch.get() if _tracer is not None else None
    return _NOTHING if span is None or _tracer is None else _stage(_tracer, span, name)


@contextmanager
def _stage(tracer: Tracer, batch: Span, name: str) -> Iterator[None]:
    from opentelemetry.context import Context
    from opentelemetry.trace import set_span_in_context

    span = tracer.start_span(name, set_span_in_context(batch, Context()))
    try:
        yield
    except BaseException as error:
        _fail(span, error)
        raise
    finally:
        span.end()


def end(ended: Mapping[Disposition, int], error: BaseException | None = None) -> None:
    """The batch at hand has ended: how many offsets ended how, or what kept it from ending."""
    span = _batch.get()
    if span is None:
        return
    for disposition, number in ended.items():
        span.set_attribute(f"streams.ended.{disposition.value}", number)
    if error is not None:
        _fail(span, error)
    span.end()
    _batch.set(None)


def _fail(span: Span, error: BaseException) -> None:
    from opentelemetry.trace import Status, StatusCode

    span.set_status(Status(StatusCode.ERROR, type(error).__name__))
