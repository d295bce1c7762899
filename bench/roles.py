"""The two ends of the pipeline as processes of their own, so that neither slows the other: a sender and a subscriber.

python -m bench.roles send RATE SECONDS NOTABLE     events through the SDK; the id of each tells when it was recorded
python -m bench.roles take SECONDS                  violations until SECONDS have passed; lags as JSON, in milliseconds
python -m bench.roles load NUMBER RATE CANARY       events of two accounts, one of which may not be stored
"""

from __future__ import annotations

import json
import sys
import time
from itertools import cycle, islice
from typing import Any

from confluent_kafka import Consumer

from bench.load import ACCOUNT, events
from streams.client import Client
from streams.codec.records import decode_violation
from streams.kafka.clients import confluent_arguments
from streams.settings import load as load_settings

MARK = "lag-"
WARM = 3.0  # seconds at the start that are not measured
POOL = 2_000
STANDARD, QUIET = "acme", "quiet"


def send(rate: float, seconds: float, notable: float) -> None:
    """Record events at an even rate."""
    settings = load_settings()
    pool = [content.messages[0].text for _, content in events(POOL, notable=notable)]
    with Client(settings.kafka.bootstrap, application="lag", prefix=settings.topics.prefix) as client:
        client.wait_ready(60)
        client.record(prompt=pool[0], account=ACCOUNT)
        client.flush(30)
        begun = time.perf_counter()
        for i, prompt in enumerate(islice(cycle(pool), int(rate * seconds))):
            ahead = begun + i / rate - time.perf_counter()
            if ahead > 0:
                time.sleep(ahead)
            mark = MARK if time.perf_counter() - begun > WARM else "warm-"
            client.record(
                prompt=prompt, account=ACCOUNT, event_id=f"{mark}{time.time_ns()}", conversation=f"c-{i % 997}"
            )
        taken = time.perf_counter() - begun
        client.flush(30)
    print(json.dumps({"rate": round(rate * seconds / taken)}), flush=True)


def take(seconds: float) -> None:
    """Take violations, and tell how long each was on its way: from `record()`, and from the broker's append."""
    settings = load_settings()
    arguments: dict[str, Any] = {
        **confluent_arguments(settings.kafka),
        "group.id": f"lag-{time.time_ns()}",
        "auto.offset.reset": "latest",
        "fetch.wait.max.ms": 10,
    }
    consumer = Consumer(arguments)
    consumer.subscribe([rf"^{settings.topics.prefix}violations\..*"])
    whole: list[float] = []
    inside: list[float] = []
    deadline, told = time.monotonic() + seconds, False
    while time.monotonic() < deadline:
        message = consumer.poll(0.05)  # `consume` would wait for more of them
        if message is not None:
            now = time.time_ns()
            violation = decode_violation(message.value() or b"")
            if message.error() is None and violation.event_id.startswith(MARK):
                whole.append((now - int(violation.event_id.removeprefix(MARK))) / 1e6)
                inside.append(now / 1e6 - violation.source.ingested_at)
        if not told and consumer.assignment():
            told = True
            print("ready", flush=True)
    consumer.close()
    print(json.dumps({"whole": whole, "inside": inside}), flush=True)


def quiet(number: int) -> bool:
    """Whether the event of a number is of the account that may not be stored."""
    return number % 4 == 3


def load(number: int, rate: float, canary: str) -> None:
    """Events at an even rate; those of the quiet account hold a canary. Tells what was sent and what was dropped."""
    settings = load_settings()
    pool = [content.messages[0].text for _, content in events(POOL)]
    with Client(settings.kafka.bootstrap, application="load", prefix=settings.topics.prefix) as client:
        client.wait_ready(120)
        begun = time.perf_counter()
        for i, prompt in enumerate(islice(cycle(pool), number)):
            ahead = begun + i / rate - time.perf_counter()
            if ahead > 0:
                time.sleep(ahead)
            account, text = (QUIET, f"{canary} {prompt}") if quiet(i) else (STANDARD, prompt)
            client.record(prompt=text, account=account, event_id=f"f-{i}", conversation=f"c-{i % 499}")
        client.flush(300)
        told = client.statistics
    print(json.dumps({"sent": told.sent, "dropped": dict(told.dropped)}), flush=True)


if __name__ == "__main__":
    role, *rest = sys.argv[1:]
    if role == "load":
        load(int(rest[0]), float(rest[1]), rest[2])
    elif role == "send":
        send(*map(float, rest))
    else:
        take(*map(float, rest))
