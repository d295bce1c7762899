"""The same job as one would first write it: stock Faust, the avro package, `re`, `topic.send`, one event at a time.

python -m bench.peers.plain BOOTSTRAP PREFIX SCHEMA NUMBER

It reads plain Avro events, searches every phrase of the built-in lexicons with `re` (one compiled alternation a
concept), takes a rule to be broken where all concepts of a clue occur, seals the content with AES-GCM, and sends a
tagged event and a violation. It has no storage modes, no receipts, no normalisation, no policy conditions: it does less
than the pipeline does.
"""

from __future__ import annotations

import asyncio
import io
import json
import os
import re
import sys
import time
from pathlib import Path
from typing import Any

import avro.io
import avro.schema
import faust
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from streams.detect.lexicon import Concept, load_lexicon

__all__ = ["TAGGED", "VIOLATION"]

HEADER = 10
TAGGED = """{"type": "record", "name": "Tagged", "fields": [
    {"name": "event_id", "type": "string"}, {"name": "account", "type": "string"},
    {"name": "clues", "type": {"type": "array", "items": "string"}}, {"name": "nonce", "type": "bytes"},
    {"name": "sealed", "type": "bytes"}]}"""
VIOLATION = """{"type": "record", "name": "Violation", "fields": [
    {"name": "event_id", "type": "string"}, {"name": "account", "type": "string"},
    {"name": "clue", "type": "string"}]}"""


def encoded(schema: Any, value: dict[str, Any]) -> bytes:
    """A value in Avro, by the avro package."""
    out = io.BytesIO()
    avro.io.DatumWriter(schema).write(value, avro.io.BinaryEncoder(out))
    return out.getvalue()


def _searched(concept: Concept) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{part})" for part in (*concept.expressions, *concept.composed)))


def make_app(bootstrap: str, prefix: str, schema_file: str, number: int) -> Any:
    """The app: one agent, and a line on standard output once `number` events are done."""
    event_schema, tagged_schema, violation_schema = (
        avro.schema.parse(text) for text in (Path(schema_file).read_text(encoding="utf-8"), TAGGED, VIOLATION)
    )
    lexicon = load_lexicon()
    concepts = {one.name: _searched(one) for one in lexicon.concepts}
    cipher = AESGCM(os.urandom(32))
    app = faust.App(
        "plain", broker=f"kafka://{bootstrap}", store="memory://", web_enabled=False, topic_allow_declare=False,
        topic_disable_leader=True, consumer_auto_offset_reset="earliest", producer_acks=-1,
    )  # fmt: skip
    source = app.topic(f"{prefix}intake.plain", value_type=bytes, value_serializer="raw")
    tagged = app.topic(f"{prefix}tagged", value_type=bytes, value_serializer="raw")
    violations = app.topic(f"{prefix}violations.malware", value_type=bytes, value_serializer="raw")
    started: list[float] = []
    done = 0

    @app.agent(source)  # type: ignore[untyped-decorator]
    async def tag(stream: Any) -> None:
        nonlocal done
        async for value in stream:
            if not started:
                started.extend((time.perf_counter(), time.process_time()))
            reader = avro.io.DatumReader(event_schema)
            event: Any = reader.read(avro.io.BinaryDecoder(io.BytesIO(value[HEADER:])))
            text = "\n".join(message["text"] for message in event["messages"])
            lowered = text.lower()
            found = {name for name, pattern in concepts.items() if pattern.search(lowered)}
            clues = [clue.id for clue in lexicon.clues if found.issuperset(clue.all)]
            nonce = os.urandom(12)
            record = {
                "event_id": event["event_id"],
                "account": event["account"],
                "clues": clues,
                "nonce": nonce,
                "sealed": cipher.encrypt(nonce, text.encode(), None),
            }
            await tagged.send(key=event["account"], value=encoded(tagged_schema, record))
            for clue in clues:
                broken = {"event_id": event["event_id"], "account": event["account"], "clue": clue}
                await violations.send(key=event["account"], value=encoded(violation_schema, broken))
            done += 1
            if done == number:
                seconds, cpu = time.perf_counter() - started[0], time.process_time() - started[1]
                print(json.dumps({"events": done, "seconds": seconds, "cpu": cpu}), flush=True)
                os._exit(0)

    return app


async def run(arguments: list[str]) -> None:
    bootstrap, prefix, schema_file, number = arguments
    app = make_app(bootstrap, prefix, schema_file, int(number))
    await app.start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(run(sys.argv[1:]))
