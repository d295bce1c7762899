"""Lets workers go past one record that nothing which reads it survives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from streams.codec.records import decode_skip, encode_skip
from streams.errors import ConfigurationError, RecordError
from streams.kafka.admin import Admin
from streams.kafka.reading import Publisher, Reader
from streams.kafka.topics import topic_name
from streams.lifecycle.receipts import SOURCES
from streams.model import Skip
from streams.settings import Settings

__all__ = ["SkipRefused", "Skipped", "admit", "skip", "source_name"]

LONGEST_REASON = 200


class SkipRefused(ConfigurationError):
    """A skip that would do nothing, or that says nothing."""


class Skipped(NamedTuple):
    """What was decided, whether it was so already, and how many unread records come before the one that is skipped."""

    skip: Skip
    already: bool
    before: int


def source_name(settings: Settings, name: str) -> str:
    """The full name of a source topic, given with or without the prefix."""
    names = {topic_name(settings.topics, short): short for short in SOURCES}
    for full, short in names.items():
        if name in (full, short):
            return full
    raise SkipRefused(f"{name} is no topic that workers take events from: one of {', '.join(names)}")


def admit(one: Skip, bounds: Mapping[tuple[str, int], tuple[int, int]], committed: int | None, group: str) -> int:
    """How many unread records come before the record; `SkipRefused` when workers will not come to it any more."""
    place = f"{one.topic}/{one.partition}"
    reason = one.reason.strip()
    if not reason or len(reason) > LONGEST_REASON or not reason.isprintable():
        raise SkipRefused(f"--reason: want one line of 1 to {LONGEST_REASON} characters; never content")
    log = bounds.get((one.topic, one.partition))
    if log is None:
        there = sum(topic == one.topic for topic, _ in bounds)
        raise SkipRefused(f"{one.topic} has no partition {one.partition}: it has {there}, from 0 on")
    start, end = log
    if not start <= one.offset < end:
        held = f"{start} to {end - 1}" if end > start else "nothing"
        raise SkipRefused(f"{place} holds {held}: there is no offset {one.offset} to skip")
    due = max(start, committed or 0)
    if one.offset < due:
        raise SkipRefused(
            f"{place}: group {group} has committed {due}, so {one.offset} has ended already. "
            "`streams tail receipts` tells how"
        )
    return one.offset - due


def skip(settings: Settings, wanted: Skip) -> Skipped:
    """Tell workers to go past a record. Doing it again writes nothing."""
    with Admin(settings) as admin:
        group = settings.worker.group
        committed = admin.committed([wanted.topic]).get((wanted.topic, wanted.partition), {}).get(group)
    topic = topic_name(settings.topics, "skips")
    with Reader(settings.kafka) as reader:
        before = admit(wanted, reader.bounds([wanted.topic]), committed, group)
        if not reader.bounds([topic]):
            raise SkipRefused(f"topic {topic} is missing: streams topics apply creates it")
        known = [_decoded(record.value) for record in reader.read([topic])]
    for one in filter(None, known):
        if _place(one) == _place(wanted):
            return Skipped(one, True, before)
    key = f"{wanted.topic}/{wanted.partition}/{wanted.offset}".encode()
    with Publisher(settings.kafka) as publisher:
        publisher.publish(topic, [(key, encode_skip(wanted))])
    return Skipped(wanted, False, before)


def _decoded(value: bytes | None) -> Skip | None:
    try:
        return decode_skip(value or b"")
    except RecordError:
        return None  # workers cannot read it either: it skips nothing


def _place(one: Skip) -> tuple[str, str, int, int]:
    return one.cell, one.topic, one.partition, one.offset
