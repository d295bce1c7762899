"""Traces: a span a batch with its stages; no content and no customer; nothing at all when they are off."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from streams import tracing
from streams.errors import ConfigurationError
from streams.model import Disposition, Outcome, Record, Run, Sealed
from streams.settings import parse
from tests.unit.intake.rig import PLAIN, Rig
from tests.unit.worker.made import outcome
from tests.unit.worker.test_flight import Flown, Landing, Topics

CANARY = "canary-9f3c"
STAGES = ["decode", "open", "process", "seal", "deliver", "receipt"]


@pytest.fixture
def exported() -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    with tracing.traced(SimpleSpanProcessor(exporter), "w-0", "us-1"):
        yield exporter


def events(rig: Rig) -> list[Record]:
    """Two events and one that is none, with a canary wherever a customer can write one."""
    told = rig.json(prompt=CANARY, event_id=CANARY, end_user=CANARY, conversation=CANARY, attributes={"a": CANARY})
    return [rig.record(told), rig.record(told), rig.record(CANARY.encode())]


def run(rig: Rig, records: list[Record], *missing: Run) -> None:
    """One batch as a worker takes it."""

    async def work() -> None:
        tracing.begin(PLAIN, 0, records[0].offset, records[-1].offset, len(records))
        outcomes = await rig.passing.run(records)
        sink = Topics()
        await Flown(sink).fly(Landing(sink, *missing), outcomes)

    asyncio.run(work())


def by_name(exporter: InMemorySpanExporter) -> dict[str, ReadableSpan]:
    return {span.name: span for span in exporter.get_finished_spans()}


def test_a_batch_is_a_span_with_its_place_and_endings_and_its_stages_are_its_children(
    exported: InMemorySpanExporter,
) -> None:
    rig = Rig()
    records = events(rig)
    run(rig, records, Run(0, 0, Disposition.LOST))
    spans = by_name(exported)
    assert set(spans) == {"batch", *STAGES}
    batch = spans["batch"]
    assert dict(batch.attributes or {}) == {
        "messaging.system": "kafka",
        "messaging.destination.name": PLAIN,
        "messaging.destination.partition.id": "0",
        "messaging.batch.message_count": 3,
        "streams.offset.first": records[0].offset,
        "streams.offset.last": records[2].offset,
        "streams.ended.stored": 2,
        "streams.ended.dead_letter": 1,
        "streams.ended.lost": 1,
    }
    assert batch.context is not None
    parents = {parent.span_id for name in STAGES if (parent := spans[name].parent) is not None}
    assert parents == {batch.context.span_id}


def test_no_span_holds_content_or_a_customer(exported: InMemorySpanExporter) -> None:
    rig = Rig()
    run(rig, events(rig))
    text = "".join(span.to_json() for span in exported.get_finished_spans())
    assert CANARY not in text
    assert "acme" not in text
    assert "streams.ended.stored" in text


def test_a_failure_is_told_by_its_type_and_ends_the_span(exported: InMemorySpanExporter) -> None:
    async def work() -> None:
        tracing.begin("t", 0, 4, 4, 1)
        sink = Topics(fail_at=0)
        await Flown(sink).fly(Landing(sink), [outcome(4)])

    asyncio.run(work())
    spans = by_name(exported)
    assert set(spans) == {"batch", "deliver"}
    for span in spans.values():
        assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, "BrokerUnavailable")
        assert span.events == ()


def test_batches_in_flight_together_keep_their_own_stages(exported: InMemorySpanExporter) -> None:
    async def work() -> None:
        gate = asyncio.Event()
        sink = Topics(gate=gate)
        flown = Flown(sink)
        for offset in (4, 5):
            tracing.begin("t", 0, offset, offset, 1)
            await flown.flight.launch(Landing(sink), [outcome(offset)], "policy")
        gate.set()
        await flown.flight.landed()

    asyncio.run(work())
    spans = exported.get_finished_spans()
    batches = {span.context.span_id for span in spans if span.name == "batch" and span.context}
    for name in ("deliver", "receipt"):
        assert {span.parent.span_id for span in spans if span.name == name and span.parent} == batches
    assert len(batches) == 2


def test_without_the_setting_nothing_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry", None)  # importing it would fail
    with tracing.started(parse({}), "w-0"):
        tracing.begin("t", 0, 1, 2, 2)
        first: AbstractContextManager[None] = tracing.stage("decode")
        assert tracing.stage("open") is first, "one object that does nothing serves all"
        tracing.end({Disposition.STORED: 2})
        ended: list[Outcome[Sealed]] = Rig().run(Rig().record(None))
        assert len(ended) == 1


def test_without_the_extra_the_setting_is_refused_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [one for one in sys.modules if one.partition(".")[0] == "opentelemetry"]:
        monkeypatch.setitem(sys.modules, name, None)
    settings = parse({"STREAMS_TRACING__ENDPOINT": "http://127.0.0.1:4318/v1/traces"})
    with (
        pytest.raises(ConfigurationError, match=r"compliance-streams\[otel\]") as refused,
        tracing.started(settings, "w"),
    ):
        raise AssertionError("it must not start")
    assert refused.value.exit_code == 2


def test_spans_reach_a_collector_over_http() -> None:
    bodies: list[tuple[str, bytes]] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Collector) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        endpoint = f"http://127.0.0.1:{server.server_address[1]}/v1/traces"
        with tracing.started(parse({"STREAMS_TRACING__ENDPOINT": endpoint}), "w-0"):
            tracing.begin("made.up.topic", 0, 4, 5, 2)
            tracing.end({Disposition.STORED: 2})
        server.shutdown()
        thread.join()
    ((path, body),) = bodies
    assert path == "/v1/traces"
    assert b"made.up.topic" in body
    assert b"streams.ended.stored" in body
