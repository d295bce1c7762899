"""Stock Faust with our core: an agent that takes one event at a time and sends what the core says.

python -m bench.peers.faust_core NUMBER     (settings as any command: STREAMS_…)
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import faust

from bench.peers.core import Core, Stopwatch
from streams.kafka.topics import all_names
from streams.model import Record


async def run(number: int) -> None:
    core, watch = await asyncio.to_thread(Core), Stopwatch(number)
    settings = core.settings
    app = faust.App(
        "faust-core", broker=f"kafka://{settings.kafka.bootstrap}", store="memory://", web_enabled=False,
        topic_allow_declare=False, topic_disable_leader=True, consumer_auto_offset_reset="earliest", producer_acks=-1,
        producer_linger=0.005, broker_max_poll_records=2_000, stream_wait_empty=False, cython_optimizations=True,
    )  # fmt: skip
    topics = {name: app.topic(name, value_type=bytes, value_serializer="raw") for name in all_names(settings.topics)}

    @app.agent(topics[f"{settings.topics.prefix}intake"])  # type: ignore[untyped-decorator]
    async def tag(stream: Any) -> None:
        async for event in stream.events():
            watch.begin()
            message = event.message
            at = int(message.timestamp * 1000)
            record = Record(message.topic, message.partition, message.offset, at, message.key, event.value)
            for out in core.outs([record]):
                await topics[out.topic].send(key=out.key, value=out.value, partition=out.partition)
            watch.done(1)

    await app.start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(run(int(sys.argv[1])))
