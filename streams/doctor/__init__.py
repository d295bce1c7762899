"""What is wrong with a deployment, seen from one machine: small checks, each with its own time."""

from streams.doctor.cluster import check_clock, check_kafka, check_topics
from streams.doctor.keeping import check_cell, check_keys, check_vault
from streams.doctor.progress import check_group, check_lag, check_receipts_tail
from streams.doctor.remark import Remark, State
from streams.doctor.running import Check, Result, examine
from streams.doctor.surroundings import check_disk, check_native, check_policy, check_settings
from streams.doctor.working import check_janitor, check_workers

__all__ = ["CHECKS", "Check", "Remark", "Result", "State", "examine"]

# In the order in which they are told. `topics` stands between Kafka and what reads topics, so that one that is missing
# is told once. A drift that is none of theirs does not keep the others from looking.
CHECKS = (
    Check("settings", check_settings),
    Check("native", check_native, seconds=60.0),
    Check("policy", check_policy, seconds=60.0),
    Check("disk", check_disk),
    Check("kafka", check_kafka),
    Check("topics", check_topics, ("kafka",)),
    Check("clock", check_clock, ("kafka",), 30.0),
    Check("vault", check_vault),
    Check("keys", check_keys, ("kafka",), 30.0),
    Check("cell", check_cell, ("kafka", "vault"), 30.0),
    Check("janitor", check_janitor),
    Check("workers", check_workers, seconds=30.0),
    Check("group", check_group, ("kafka",)),
    Check("lag", check_lag, ("kafka",), 60.0),
    Check("receipts", check_receipts_tail, ("kafka",), 60.0),
)
