"""Quix Streams with our core: one event at a time, as its data frames work; at least once, with checkpoints.

python -m bench.peers.quix NUMBER     (settings as any command: STREAMS_…)
"""

from __future__ import annotations

import sys
from typing import Any

from quixstreams import Application, message_context
from quixstreams.models import Serializer

from bench.peers.core import Core, Stopwatch
from streams.kafka.producer import Out
from streams.kafka.topics import all_names
from streams.model import Record


class _Value(Serializer):  # type: ignore[misc]  # its library is not typed for a strict checker
    """What is written of an `Out`."""

    def __call__(self, value: Out, ctx: Any) -> bytes:
        return value.value


def run(number: int) -> None:
    core, watch = Core(), Stopwatch(number)
    settings = core.settings
    app = Application(
        settings.kafka.bootstrap,
        consumer_group="quix",
        auto_offset_reset="earliest",
        commit_interval=1.0,
        loglevel="WARNING",
        auto_create_topics=False,
        consumer_extra_config={"fetch.min.bytes": 65_536, "queued.min.messages": 20_000},
        producer_extra_config={
            "linger.ms": 20,
            "batch.num.messages": 10_000,
            "acks": "all",
            "enable.idempotence": True,
        },
    )
    source = app.topic(f"{settings.topics.prefix}intake", key_deserializer="bytes", value_deserializer="bytes")
    targets = {
        name: app.topic(name, key_serializer="bytes", value_serializer=_Value()) for name in all_names(settings.topics)
    }

    def tag(value: bytes, key: bytes, timestamp: int, headers: Any) -> list[Out]:
        watch.begin()
        place = message_context()
        outs = core.outs([Record(place.topic, place.partition, place.offset, timestamp, key, value)])
        watch.done(1)
        return outs

    frame = app.dataframe(source).apply(tag, expand=True, metadata=True)
    frame.to_topic(lambda value, key, timestamp, headers: targets[value.topic], key=lambda value: value.key)
    app.run()


if __name__ == "__main__":
    run(int(sys.argv[1]))
