"""What each role may do on Kafka: the one table, and the permissions (ACLs) that follow from it for principals.

Topics are named one by one, never by prefix: `violations.child-safety` must not come along with others. In Kafka,
read and write bring describe, and alter_configs brings describe_configs. No role may alter the cluster, because whoever
changes permissions may give themselves all: that is for a super user.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from streams.kafka.topics import TOPICS, topic_name
from streams.model.taxonomy import AREAS, Area
from streams.settings import Settings

__all__ = [
    "ALL_AREAS",
    "GUARDED",
    "ROLES",
    "SUBSCRIBED",
    "SUBSCRIBER",
    "Acl",
    "Allow",
    "Grant",
    "acls_of",
    "own_groups",
]

ALL_AREAS = "all"
GUARDED = Area.CHILD_SAFETY  # for those whose work it is: never a part of "all"
SUBSCRIBER = "subscriber"
SUBSCRIBED = ("tagged", "shadow", "ledger")  # what a subscriber may be given beside violations
_SOURCES = ("intake", "intake.plain", "signals")
_EVERY = tuple(topic.name for topic in TOPICS)
_VIOLATIONS = tuple(f"violations.{area.value}" for area in AREAS)


class Allow(NamedTuple):
    """Operations that a role has on resources of one kind: `topic` by short names, `group`, or the `cluster`."""

    kind: str
    operations: tuple[str, ...]
    names: tuple[str, ...]


WORKERS = "{workers}"
RATES = "{workers}-rates"
ANY = "*"
CLUSTER = "kafka-cluster"  # Kafka's own name of the only one

ROLES: Mapping[str, tuple[Allow, ...]] = {
    "application": (
        Allow("topic", ("write",), ("intake", "signals")),
        Allow("topic", ("read",), ("accounts", "keys")),
    ),
    "plain_producer": (Allow("topic", ("write",), ("intake.plain",)),),
    "worker": (
        Allow("topic", ("read",), (*_SOURCES, "accounts", "keys", "skips", "counts")),
        Allow(
            "topic",
            ("write",),
            ("tagged", *_VIOLATIONS, "shadow", "counts", "ledger", "receipts", "dead-letter"),
        ),
        Allow("topic", ("describe_configs",), _EVERY),
        Allow("group", ("read",), (WORKERS, RATES)),
    ),
    "janitor": (
        Allow("topic", ("read", "write"), ("keys",)),
        Allow("topic", ("delete",), _SOURCES),
        Allow("topic", ("describe", "describe_configs"), _EVERY),
        Allow("group", ("describe",), (ANY,)),
    ),
    "vault": (),
    "administrator": (
        Allow("topic", ("create", "alter", "alter_configs"), _EVERY),
        Allow("topic", ("read", "write"), ("accounts", "skips")),
        Allow("group", ("describe",), (ANY,)),
        Allow("cluster", ("describe",), (CLUSTER,)),
    ),
    "auditor": (
        Allow("topic", ("read",), ("receipts",)),
        Allow("topic", ("describe", "describe_configs"), _EVERY),
        Allow("cluster", ("describe",), (CLUSTER,)),
    ),
    "operator": (
        Allow("topic", ("read",), ("receipts", "dead-letter")),
        Allow("topic", ("describe", "describe_configs"), _EVERY),
        Allow("group", ("describe",), (ANY,)),
        Allow("cluster", ("describe",), (CLUSTER,)),
    ),
}


class Grant(NamedTuple):
    """A principal and its role; of a subscriber also its areas, other topics and consumer groups."""

    principal: str
    role: str
    areas: tuple[Area, ...] = ()
    topics: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()

    @property
    def allows(self) -> tuple[Allow, ...]:
        """What it comes to."""
        if self.role != SUBSCRIBER:
            return ROLES[self.role]
        names = (*(f"violations.{area.value}" for area in self.areas), *self.topics)
        return Allow("topic", ("read",), names), Allow("group", ("read",), self.groups)


class Acl(NamedTuple):
    """One permission, as Kafka holds it."""

    principal: str
    kind: str
    name: str
    operation: str
    pattern: str = "literal"
    host: str = ANY
    permission: str = "allow"

    def __str__(self) -> str:
        where = f"{self.kind} {self.name}{'…' if self.pattern == 'prefixed' else ''}"
        return f"{self.principal}: {self.permission} {self.operation} on {where}" + (
            "" if self.host == ANY else f" from {self.host}"
        )


def own_groups(settings: Settings) -> tuple[str, ...]:
    """The consumer groups of the workers."""
    return tuple(name.replace(WORKERS, settings.worker.group) for name in (WORKERS, RATES))


def acls_of(grants: Iterable[Grant], settings: Settings) -> list[Acl]:
    """The permissions that grants come to, each once, in the order of the grants."""
    return list(dict.fromkeys(acl for grant in grants for acl in _acls(grant, settings)))


def _acls(grant: Grant, settings: Settings) -> Iterator[Acl]:
    for allow in grant.allows:
        for name in allow.names:
            full = topic_name(settings.topics, name) if allow.kind == "topic" else name
            full = full.replace(WORKERS, settings.worker.group)
            for operation in allow.operations:
                yield Acl(grant.principal, allow.kind, full, operation)
