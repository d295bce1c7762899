"""What one `record()` costs the caller, and how many events a second the client can seal, per core. No Kafka needed.

The first part calls `record()` from the application's thread while nothing else runs, then while a background thread
seals at full speed (both share one interpreter). The second part is the ceiling: events sealed and encoded a second and
core, before the network. The third is what happens beyond it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import monotonic, perf_counter_ns, thread_time, time
from typing import Any

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from streams.client import Connection, Limits
from streams.client.core import Core, Options
from streams.model import KeyKind, PublicKey, TransitClass

EVENTS = 20_000
PROMPT = "Please tell me in a few words how a tide table is read, and why it is right. " * 4
COMPLETION = "A tide table lists times and heights of high and low water for each day at one place. " * 6
__all__ = ["measure", "table"]

TEXTS = {
    "english": (PROMPT, COMPLETION),
    "chinese": ("请用几句话说明怎样看潮汐表。" * 10, "潮汐表列出每天的高潮和低潮时间。" * 20),
}
HOUR = 3_600_000
ROOMY = Limits(max_bytes=2**30, max_events=10**6)


def new_core(limits: Limits = ROOMY) -> Core:
    """A core that knows its keys, as a client has behind its first second."""
    core = Core(Options(Connection(), limits=limits), lambda: None)
    now = int(time() * 1000)
    for transit_class in TransitClass:
        public = X25519PrivateKey.generate().public_key().public_bytes_raw()
        core.following.keys.put(
            PublicKey(
                f"t-{transit_class}", KeyKind.TRANSIT, public, now - 1000, now + HOUR, now + 2 * HOUR, transit_class
            )
        )
    core.following.caught_up(monotonic())
    return core


def drain(core: Core) -> int:
    """Seal and acknowledge all that waits."""
    count = 0
    while batch := core.next_batch(monotonic()):
        for out in batch:
            core.sent(out.draft)
        count += len(batch)
    return count


def percentiles(call: Callable[[int], object]) -> dict[str, float]:
    """Microseconds of one call."""
    taken = []
    for i in range(EVENTS):
        begin = perf_counter_ns()
        call(i)
        taken.append(perf_counter_ns() - begin)
    taken.sort()
    return {name: taken[int(EVENTS * share)] / 1000 for name, share in (("p50", 0.5), ("p99", 0.99), ("p999", 0.999))}


def caller(texts: tuple[str, str], busy: bool) -> dict[str, float]:
    """What the application's thread pays, alone or beside a sealing thread."""
    core, stop = new_core(), threading.Event()

    def seal() -> None:
        while not stop.is_set():
            if not drain(core):
                stop.wait(0.01)

    sealing = threading.Thread(target=seal)
    if busy:
        sealing.start()
    prompt, completion = texts
    result = percentiles(
        lambda i: core.record((), {"account": "acme", "prompt": prompt, "completion": completion, "conversation": "c1"})
    )
    stop.set()
    if busy:
        sealing.join()
    return result


def ceiling(texts: tuple[str, str]) -> float:
    """Events a second and core: record, seal, encode, acknowledge."""
    core = new_core()
    prompt, completion = texts
    begin = thread_time()
    for _ in range(EVENTS):
        core.record((), {"account": "acme", "prompt": prompt, "completion": completion, "conversation": "c1"})
    drain(core)
    return EVENTS / (thread_time() - begin)


def at_the_ceiling(texts: tuple[str, str]) -> dict[str, float]:
    """Twice as many events as the buffer holds while nothing is sent: how many are kept, and what one more costs."""
    core = new_core(Limits(max_bytes=2**30, max_events=EVENTS // 2))
    prompt, completion = texts
    found = percentiles(lambda i: core.record((), {"account": "acme", "prompt": prompt, "completion": completion}))
    kept = drain(core)
    return {"kept": kept, "dropped": sum(core.statistics().dropped.values()), "p50": found["p50"], "p99": found["p99"]}


def measure() -> dict[str, Any]:
    """All of it, in English and in Chinese."""
    return {
        name: {
            "record_us_alone": caller(texts, busy=False),
            "record_us_beside_sealing": caller(texts, busy=True),
            "events_per_second_and_core": round(ceiling(texts)),
            "at_the_ceiling": at_the_ceiling(texts),
        }
        for name, texts in TEXTS.items()
    }


def table(told: dict[str, Any]) -> str:
    """The same for people."""
    lines = []
    for name, result in told.items():
        lines.append(f"{name}: {result['events_per_second_and_core']:,} events a second and core, sealed and encoded")
        for part in ("record_us_alone", "record_us_beside_sealing"):
            shown = "  ".join(f"{share} {value:.1f} µs" for share, value in result[part].items())
            lines.append(f"  {part:<26} {shown}")
        most = result["at_the_ceiling"]
        lines.append(
            f"  at the ceiling             {most['kept']:,} kept, {most['dropped']:,} newest dropped and counted; "
            f"p99 {most['p99']:.1f} µs"
        )
    return "\n".join(lines)
