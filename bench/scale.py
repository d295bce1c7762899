"""How a worker behaves as things grow: workers, partitions, sizes of events, accounts, and a backlog of a million.

Each row is a deployment of its own on a real Kafka. CPU an event is of all workers together, without their start.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import accumulate
from random import Random
from typing import NamedTuple

from bench.deployment import Deployment, deploy
from bench.load import ACCOUNT
from bench.speed import Drained, drain, fill
from streams.codec.records import encode_account
from streams.kafka.reading import Publisher
from streams.kafka.topics import topic_name
from streams.model import Account, StorageMode
from streams.vault.hpke import new_pair

__all__ = ["Row", "accounts", "backlog", "partitions", "sizes", "table", "workers"]

SECONDS = 600.0
MANY = 1_000_000


class Row(NamedTuple):
    """One line of a table: what was varied, and what was found."""

    name: str
    events: int
    events_a_second: float
    cpu_microseconds: float
    start_seconds: float
    memory_mib: float
    wraps: int


def _row(name: str, drained: Drained) -> Row:
    speed = drained.speed
    return Row(
        name=name,
        events=speed.events,
        events_a_second=round(speed.a_second),
        cpu_microseconds=round(speed.cpu / speed.events * 1e6, 1),
        start_seconds=round(drained.ready, 1),
        memory_mib=round(max(size for _, size in drained.memory) / (1 << 20)),
        wraps=drained.wraps,
    )


def _one(name: str, number: int, split: int, prepare: Callable[[Deployment], None], workers: int = 1) -> Row:
    print(f"  {name}", file=sys.stderr)
    with deploy(split, {ACCOUNT: StorageMode.STANDARD}) as deployment:
        prepare(deployment)
        return _row(name, drain(deployment, number, workers, SECONDS))


def workers(number: int) -> Iterator[Row]:
    """1, 2 and 4 workers on 8 partitions."""
    for count in (1, 2, 4):
        yield _one(f"{count} workers", number * 2, 8, partial(fill, number=number * 2), count)


def partitions(number: int) -> Iterator[Row]:
    """One worker on 1 to 64 partitions."""
    for split in (1, 4, 16, 64):
        yield _one(f"{split} partitions", number, split, partial(fill, number=number))


def sizes(number: int) -> Iterator[Row]:
    """Events of 100 B to 200 KB of text."""
    for characters, share in ((100, 1.0), (500, 1.0), (10_000, 0.2), (200_000, 0.02)):
        some = max(200, int(number * share))
        yield _one(f"{characters:,} characters", some, 4, partial(fill, number=some, characters=characters))


def accounts(number: int, most: int = MANY) -> Iterator[Row]:
    """1, 1,000 and 1,000,000 accounts, of which events come as Zipf's law says (exponent 1)."""
    for count in (1, 1_000, most):
        yield _one(f"{count:,} accounts", number, 4, partial(_with_accounts, count=count, number=number))


def _with_accounts(deployment: Deployment, count: int, number: int) -> None:
    """Accounts with public keys, written as the registry writes them; one key pair serves all, which costs the same."""
    names = [f"account-{i}" for i in range(count)]
    public = new_pair()[1]
    with Publisher(deployment.settings.kafka) as publisher:
        for start in range(0, count, 20_000):
            records = [
                (name.encode(), encode_account(Account(name, version=1, key_id=f"{name}-1", public_key=public)))
                for name in names[start : start + 20_000]
            ]
            publisher.publish(topic_name(deployment.settings.topics, "accounts"), records)
    weights = list(accumulate(1 / rank for rank in range(1, count + 1)))
    choose = Random(7)
    fill(deployment, number, account=lambda: choose.choices(names, cum_weights=weights)[0])


def backlog(number: int, turns: int = 2) -> tuple[list[Row], list[float]]:
    """A backlog is drained, then another of the same size: how fast, and the memory (MiB) in each quarter of them."""
    rows, memory = [], []
    with deploy(8, {ACCOUNT: StorageMode.STANDARD}) as deployment:
        for turn in range(turns):
            print(f"  backlog {turn + 1} of {turns}: filling", file=sys.stderr)
            fill(deployment, number)
            print(f"  backlog {turn + 1} of {turns}: draining", file=sys.stderr)
            drained = drain(deployment, number, 1, SECONDS)
            rows.append(_row(f"backlog {turn + 1}", drained))
            memory += drained.memory
    return rows, _quarters(memory, number)


def _quarters(memory: list[tuple[int, int]], number: int) -> list[float]:
    """The median memory (MiB) in each quarter of a backlog, over all turns."""
    quarters: list[list[int]] = [[], [], [], []]
    for done, size in memory:
        quarters[min(3, done * 4 // number)].append(size)
    return [round(statistics.median(sizes) / (1 << 20)) if sizes else 0 for sizes in quarters]


def table(rows: Iterable[Row]) -> str:
    """Rows for people."""
    head = f"{'':20}{'events':>10}{'events/s':>10}{'µs CPU/event':>14}{'start s':>9}{'memory MiB':>12}{'wraps':>9}"
    return "\n".join([head] + [
        f"{row.name:20}{row.events:>10,}{row.events_a_second:>10,.0f}{row.cpu_microseconds:>14.1f}"
        f"{row.start_seconds:>9.1f}{row.memory_mib:>12,.0f}{row.wraps:>9,}"
        for row in rows
    ])  # fmt: skip
