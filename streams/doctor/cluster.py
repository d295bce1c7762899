"""Kafka: whether it answers, whether topics are as promised, whether its clock agrees with ours."""

from __future__ import annotations

import time
from collections.abc import Sequence

from streams.doctor.remark import Remark, not_checked, ok, warning, wrong
from streams.kafka.admin import Drift
from streams.kafka.looking import HeadReader, Looker
from streams.kafka.topics import TOPICS, topic_name
from streams.settings import Settings

__all__ = ["check_clock", "check_kafka", "check_topics", "judge_clock", "judge_drifts"]

OLDEST_KAFKA = (4, 0)
SKEW_SECONDS = 5.0  # clocks of one cell may differ by so much; the margins of keys pay for hours
FRESH_SECONDS = 60.0
HEAD_SECONDS = 10.0


def check_kafka(settings: Settings) -> list[Remark]:
    """Who answers, who controls, which version."""
    with Looker(settings) as looker:
        found = looker.cluster()
    where = settings.kafka.bootstrap
    version = ".".join(map(str, found.version))
    told = f"brokers: {len(found.brokers)}, speaking {version}, controller {found.controller}, id {found.cluster_id}"
    if found.features.embedded:
        return [ok(f"{told}; the embedded broker, in memory, for trying things out", where)]
    if found.controller is None:
        return [wrong(f"{told}: no controller, so no topic can be made or changed", where, "see the brokers' logs")]
    if found.version < OLDEST_KAFKA:
        return [warning(f"{told}: made and tested for 4.x", where, "upgrade the brokers")]
    if len(found.brokers) < settings.topics.replication:
        return [wrong(f"{told}: fewer than topics.replication", where, "start the others, or lower the setting")]
    return [ok(told, where)]


def check_topics(settings: Settings) -> list[Remark]:
    """Every drift from the table of topics."""
    with Looker(settings) as looker:
        drifts = looker.check()
        partitions = looker.partition_counts()
    where = f"{settings.topics.prefix}*"
    return judge_drifts(drifts) or [ok(f"{len(TOPICS)} topics, {sum(partitions.values())} partitions", where)]


def judge_drifts(drifts: Sequence[Drift]) -> list[Remark]:
    """A topic that is missing or keeps longer stops workers from starting; others do not. Alike are one remark."""
    by_kind: dict[tuple[bool, str], list[Drift]] = {}
    for drift in drifts:
        by_kind.setdefault((drift.keeps_longer or drift.kind == "missing", drift.kind), []).append(drift)
    remarks = []
    for (grave, _), alike in sorted(by_kind.items(), reverse=True):
        more = f", and {len(alike) - 1} topics like it" if len(alike) > 1 else ""
        say = wrong if grave else warning
        remarks.append(say(f"{alike[0]}{more}", alike[0].topic, "streams topics apply"))
    return remarks


def check_clock(settings: Settings) -> list[Remark]:
    """The broker's clock by the newest record that it stamped: Kafka has no other way to ask for its time."""
    with Looker(settings) as looker:
        if looker.features().embedded:
            return [not_checked("the embedded broker sets no time of its own")]
    sources = [topic_name(settings.topics, one.name) for one in TOPICS if one.append_time]
    with HeadReader(settings.kafka) as reader:
        bounds = reader.bounds(sources)
        newest = {place: end - 1 for place, (start, end) in bounds.items() if end > start}
        records = reader.heads(newest, HEAD_SECONDS)
    return [judge_clock(max((record.timestamp for record in records), default=None), time.time() * 1000)]


def judge_clock(newest_ms: int | None, now_ms: float) -> Remark:
    """A time ahead of ours tells that clocks differ; an old one tells nothing about a clock that is behind."""
    if newest_ms is None:
        return not_checked("no record lies on the sources, so the broker's clock cannot be seen")
    ahead = (newest_ms - now_ms) / 1000
    if ahead > SKEW_SECONDS:
        return wrong(f"the broker's clock is {ahead:.0f} s ahead of this machine's", "", "set both by one time server")
    if ahead < -FRESH_SECONDS:
        return not_checked("no record of the last minute: whether the broker's clock is behind cannot be told")
    return ok(f"the broker's clock is not ahead, and at most {max(0.0, -ahead):.0f} s behind")
