"""The table of topics keeps its promises: no record outlives what is promised, whatever the broker delays."""

from __future__ import annotations

import pytest

from streams.kafka.admin import Drift, keeps_longer
from streams.kafka.topics import TOPICS, Cleanup, Topic, all_names, topic, topic_name
from streams.model import AREAS
from streams.settings import TopicSettings

MINUTE, DAY = 60_000, 86_400_000
BROKER_DELAYS = 5 * MINUTE + MINUTE  # the check's interval, and the deletion of files


@pytest.mark.parametrize("one", [one for one in TOPICS if one.cleanup is Cleanup.DELETE], ids=lambda one: one.name)
def test_a_record_lives_no_longer_than_promised(one: Topic) -> None:
    configs = one.configs(TopicSettings())
    skew = int(configs.get("message.timestamp.after.max.ms", "0"))
    assert one.promised is not None
    longest = int(configs["retention.ms"]) + int(configs["segment.ms"]) + skew + BROKER_DELAYS
    assert longest <= one.promised


def test_content_is_under_thirty_days_with_time_to_spare() -> None:
    tagged = topic("tagged")
    assert tagged.retention + tagged.segment <= 29 * DAY


def test_sources_keep_the_brokers_clock_and_what_workers_follow_is_in_total_order() -> None:
    for one in TOPICS:
        configs = one.configs(TopicSettings())
        source = one.name in ("intake", "intake.plain", "signals")
        assert configs["message.timestamp.type"] == ("LogAppendTime" if source else "CreateTime")
        assert one.single == (one.name in ("accounts", "keys", "skips"))
        compact = one.name in ("accounts", "keys")
        assert compact == (one.cleanup is Cleanup.COMPACT) == (configs["cleanup.policy"] == "compact")


def test_every_area_has_a_topic_of_its_own_and_names_carry_the_prefix() -> None:
    names = {one.name for one in TOPICS}
    assert {f"violations.{area.value}" for area in AREAS} <= names
    assert len(names) == len(TOPICS)
    settings = TopicSettings(prefix="x.", partitions=5)
    assert topic_name(settings, "intake") in all_names(settings)
    assert all(name.startswith("x.") for name in all_names(settings))
    assert (topic("tagged").partitions(settings), topic("keys").partitions(settings)) == (5, 1)


@pytest.mark.parametrize(
    ("kind", "expected", "actual", "longer"),
    [
        ("retention.ms", "100", "101", True),
        ("retention.ms", "100", "-1", True),
        ("retention.ms", "100", "99", False),
        ("retention.ms", "100", "not set", True),
        ("retention.ms", "-1", "100", False),
        ("segment.ms", "100", "604800000", True),
        ("cleanup.policy", "delete", "compact", True),
        ("cleanup.policy", "delete", "compact,delete", True),
        ("cleanup.policy", "compact", "delete", False),
        ("message.timestamp.type", "LogAppendTime", "CreateTime", True),
        ("message.timestamp.type", "CreateTime", "LogAppendTime", False),
        ("max.message.bytes", "1", "2", False),
    ],
)
def test_which_drift_keeps_longer(kind: str, expected: str, actual: str, longer: bool) -> None:
    assert keeps_longer(kind, expected, actual) is longer


def test_a_drift_tells_what_follows_from_it() -> None:
    drift = Drift("compliance.tagged", "retention.ms", "1", "2", True)
    assert str(drift).startswith("topic compliance.tagged: retention.ms is 2, should be 1; keeps records longer")
    assert str(Drift("t", "missing", "there", "not there", False)) == "topic t is missing"
