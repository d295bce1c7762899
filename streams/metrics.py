"""Every metric, named once. The only importer of prometheus_client.

Labels are bounded: topics, areas, rules, codes, detectors; never an account, a user or text.
"""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.parser import text_string_to_metric_families

__all__ = ["CONTENT_TYPE", "exposition", "samples"]

CONTENT_TYPE = CONTENT_TYPE_LATEST
_STAGES = (0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)

RECORDS = Counter(
    "streams_records",
    "Offsets that were ended and delivered, by source topic and disposition.",
    ["topic", "disposition"],
)
BYTES = Counter("streams_bytes", "Bytes of records taken from Kafka, by source topic.", ["topic"])
REJECTED = Counter(
    "streams_rejected",
    "Records that did not end as an ordinary event, by reason (docs/bad-input.md).",
    ["topic", "code"],
)
VIOLATIONS = Counter(
    "streams_violations", "Violations, by rule.", ["area", "category", "rule", "severity", "stage", "mode"]
)
UNKNOWN = Counter("streams_unknown_rules", "Rules that stayed unknown, by area.", ["area"])
INCOMPLETE = Counter("streams_incomplete_decisions", "Decisions which a gap or an unknown rule left open.")
GAPS = Counter("streams_gaps", "Detectors that failed or were skipped.", ["detector", "reason"])
DIGESTED = Counter("streams_digested_ids", "Strings that were no ids and were replaced by a keyed digest.")
CLOCK = Counter("streams_odd_clocks", "Records whose time was in the future or long past.", ["direction"])
RATE_MISSED = Counter(
    "streams_rate_missed", "Counts that came too late for rate rules, and accounts dropped for room.", ["reason"]
)
STAGE_SECONDS = Histogram(
    "streams_stage_seconds", "Seconds of one batch in one stage of the pass.", ["stage"], buckets=_STAGES
)
BATCH_RECORDS = Histogram(
    "streams_batch_records", "Records in one batch.", buckets=(1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2000, 5000)
)
EVENT_SECONDS = Histogram(
    "streams_ingest_to_delivery_seconds",
    "From the broker's append time to delivery of the outcome, sampled once a batch (its oldest record).",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300, 3600),
)
IN_FLIGHT = Gauge("streams_in_flight_batches", "Batches whose delivery is under way.")
LAG = Gauge("streams_lag_records", "Records behind the end of a partition.", ["topic", "partition"])
LAG_SECONDS = Gauge("streams_lag_seconds", "With lag, how far the newest record taken lies behind now.", ["topic"])
TRANSIT_LEFT = Gauge(
    "streams_transit_life_left_ratio",
    "Least share of its transit key's life that a record had left when opened.",
    ["class"],
)
LAST_POLL = Gauge("streams_last_poll_timestamp_seconds", "When records were last asked for.")
LAST_COMMIT = Gauge("streams_last_commit_timestamp_seconds", "When offsets were last committed.")
ASSIGNED = Gauge("streams_assigned_partitions", "Partitions this worker owns.", ["topic"])
STALE_ACKS = Counter("streams_stale_acknowledgements", "Acknowledgements of an older generation that were dropped.")
DELIVERY_FAILURES = Counter("streams_delivery_failures", "Deliveries that failed and stopped the worker.", ["reason"])
ACCOUNTS = Gauge("streams_accounts", "Accounts this worker knows.", ["mode"])
FOLLOW_AGE = Gauge(
    "streams_follow_age_seconds", "Seconds since accounts and keys were last read to their end.", ["topic"]
)
POLICY_INFO = Gauge("streams_policy_info", "The policy in force (1), by date and digest.", ["version", "digest"])
KEY_WRAPS = Counter("streams_key_wraps", "Halves wrapped to a public key.", ["kind"])
KEY_UNWRAPS = Counter("streams_key_unwraps", "Transit content keys unwrapped.")

VAULT_KEYS = Gauge("streams_vault_keys", "Private keys in the vault.", ["kind"])
VAULT_ENDED = Counter("streams_vault_ended_keys", "Keys that were ended.", ["kind"])
VAULT_OLDEST = Gauge("streams_vault_oldest_readable_seconds", "Age of the oldest day that can still be opened.")
VAULT_REQUESTS = Counter("streams_vault_requests", "Requests to the vault.", ["call", "result"])
VAULT_OVERDUE = Gauge("streams_vault_overdue_keys", "Keys that should have ended and have not.")

JANITOR_ROUNDS = Counter("streams_janitor_rounds", "Rounds of the janitor.", ["result"])
JANITOR_STEPS = Counter(
    "streams_janitor_steps", "Steps of the janitor's rounds, by how they ended.", ["step", "result"]
)
JANITOR_PURGED = Counter("streams_janitor_purged_records", "Records purged behind the commit.", ["topic"])
JANITOR_LAST = Gauge("streams_janitor_last_round_timestamp_seconds", "When the last round ended well.")
DRIFT = Gauge("streams_topic_drift", "Settings of topics that are not as they should be.", ["topic", "kind"])


def exposition(registry: CollectorRegistry = REGISTRY) -> bytes:
    """All metrics in Prometheus' text format."""
    return generate_latest(registry)


def samples(text: str) -> Iterator[tuple[str, dict[str, str], float]]:
    """Name, labels and value of every sample in Prometheus' text format."""
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            yield sample.name, sample.labels, sample.value
