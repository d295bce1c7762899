"""Bytewax with our core: batches as its Kafka source gives them, through the core in one, out by its Kafka sink.

At least once, with the recovery that its documentation describes.

python -m bench.peers.bytewax NUMBER [--spare-collector]     (settings as any command: STREAMS_…)
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import bytewax.operators as op
from bytewax.connectors.kafka import KafkaSink, KafkaSinkMessage, KafkaSource
from bytewax.dataflow import Dataflow
from bytewax.recovery import RecoveryConfig, init_db_dir
from bytewax.run import cli_main

from bench.peers.core import Core, Stopwatch
from streams.model import Record


def run(number: int, spare: bool) -> None:
    core, watch = Core(spare), Stopwatch(number)
    settings = core.settings
    brokers = settings.kafka.bootstrap.split(",")

    def tag(messages: list[Any]) -> list[KafkaSinkMessage[bytes, bytes]]:
        watch.begin()
        records = [Record(m.topic, m.partition, m.offset, m.timestamp[1], m.key, m.value) for m in messages]
        outs = [KafkaSinkMessage(out.key, out.value, out.topic) for out in core.outs(records)]
        watch.done(len(records))
        return outs

    flow = Dataflow("tags")
    source = KafkaSource(
        brokers,
        [f"{settings.topics.prefix}intake"],
        batch_size=2_000,
        add_config={"fetch.min.bytes": "65536", "queued.min.messages": "20000"},
    )
    taken = op.input("intake", flow, source)
    outs = op.flat_map_batch("core", taken, tag)
    config = {"linger.ms": "5", "batch.num.messages": "10000", "acks": "all", "enable.idempotence": "true"}
    op.output("outputs", outs, KafkaSink(brokers, None, config))
    folder = Path(mkdtemp(dir=settings.vault.directory.parent))  # it goes with the deployment
    init_db_dir(folder, 1)
    cli_main(flow, recovery_config=RecoveryConfig(folder))


if __name__ == "__main__":
    run(int(sys.argv[1]), "--spare-collector" in sys.argv[2:])
