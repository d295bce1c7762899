"""Compares Kafka's permissions (ACLs) with what the table gives to the principals of a file; adds what is missing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from kafka.admin import (
    ACL,
    ACLFilter,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    ResourcePattern,
    ResourcePatternFilter,
    ResourceType,
)
from kafka.errors import AuthorizationError, KafkaError, TopicAuthorizationFailedError

from streams.errors import AccessDenied
from streams.kafka.acls import ANY, Acl, Grant, acls_of, own_groups
from streams.kafka.admin import Admin, NotSupported
from streams.kafka.topics import all_names
from streams.settings import Settings

__all__ = ["AclAdmin", "Finding", "compare", "refuse_denied"]


class Finding(NamedTuple):
    """A permission that is `missing`, `too_much` (the file does not grant it), or `denied` (it takes a grant away)."""

    what: str
    acl: Acl

    def __str__(self) -> str:
        return f"{self.what.replace('_', ' ')}: {self.acl}"


class AclAdmin(Admin):
    """Administration of permissions. Needs describe on the cluster to look, and alter on it to add."""

    def there(self) -> list[Acl]:
        """All permissions that Kafka holds, whosever they are; `NotSupported` where it has no authorizer."""
        if self.features().embedded:
            raise NotSupported("the embedded broker knows no permissions: everybody may do everything there")
        everything = ACLFilter(
            None,
            None,
            ACLOperation.ANY,
            ACLPermissionType.ANY,
            ResourcePatternFilter(ResourceType.ANY, None, ACLResourcePatternType.ANY),
        )
        with self._answers("list permissions"):
            found, _ = self._client.describe_acls(everything)
        return sorted(_ours(one) for one in found)

    def check_acls(self, grants: Sequence[Grant]) -> list[Finding]:
        """What differs from the grants."""
        return compare(grants, self.there(), self._settings)

    def apply_acls(self, grants: Sequence[Grant], dry_run: bool = False) -> list[Acl]:
        """Add what is missing; what was added, or with `dry_run` would be. Nothing is taken away."""
        added = [one.acl for one in self.check_acls(grants) if one.what == "missing"]
        if added and not dry_run:
            with self._answers("add permissions"):
                failed = self._client.create_acls([_theirs(acl) for acl in added])["failed"]
            if failed:
                raise AccessDenied(f"Kafka did not take {len(failed)} permissions ({failed[0].__name__})")
        return added

    def lacking(self, role: str) -> list[str]:
        """What this very user may not do of what a role has to, on topics that are there and on groups."""
        wanted = acls_of([Grant("", role)], self._settings)
        by_topic: dict[str, list[str]] = {}
        for acl in wanted:
            if acl.kind == "topic":
                by_topic.setdefault(acl.name, []).append(acl.operation)
        with self._answers("describe topics"):
            found = self._client.describe_topics(list(by_topic))
        allowed = {one["name"]: told for one in found if (told := _operations(one)) is not None}
        lacks = [
            f"{operation} {name}"
            for name, operations in by_topic.items()
            for operation in operations
            if name in allowed and operation not in allowed[name]
        ]
        groups = [acl.name for acl in wanted if acl.kind == "group" and acl.name != ANY]
        return lacks + [f"read group {group}" for group in groups if not self._may_see(group)]

    def _may_see(self, group: str) -> bool:
        try:
            self._client.list_group_offsets({group: None})
        except AuthorizationError:
            return False
        except KafkaError:
            return True  # permissions are looked at first: its coordinator is just being made, or moves
        return True


def refuse_denied(settings: Settings, role: str) -> None:
    """Raise `AccessDenied`, naming everything, when this user may not do what its role has to. A worker's first act."""
    with AclAdmin(settings) as admin:
        lacks = [] if admin.features().embedded else admin.lacking(role)
    if lacks:
        lines = "\n".join(f"  {one}" for one in lacks)
        raise AccessDenied(
            f"Kafka at {settings.kafka.bootstrap} does not allow this {role} what it has to do; "
            f"streams topics apply --acls FILE gives it:\n{lines}"
        )


def _operations(topic: dict[str, Any]) -> set[str] | None:
    """What we may do on a topic; None where it is not there, or the broker does not tell."""
    if topic["error_code"] == TopicAuthorizationFailedError.errno:
        return set()
    told = topic.get("authorized_operations")
    return None if topic["error_code"] or told is None else {name.lower() for name in told}


def compare(grants: Sequence[Grant], there: Sequence[Acl], settings: Settings) -> list[Finding]:
    """Findings about these permissions: what is missing first, then what is too much or in the way.

    Too much is what touches a topic or group of ours, or gives a principal of the file something on the cluster.
    """
    wanted = acls_of(grants, settings)
    held, granted = set(there), set(wanted)
    findings = [Finding("missing", acl) for acl in wanted if acl not in held]
    ours = {
        "topic": set(all_names(settings.topics)),
        "group": {*own_groups(settings), *(group for grant in grants for group in grant.groups)},
    }
    principals = {grant.principal for grant in grants}
    return findings + list(_excess([acl for acl in there if acl not in granted], wanted, ours, principals))


def _excess(
    there: Sequence[Acl], wanted: Sequence[Acl], ours: dict[str, set[str]], principals: set[str]
) -> Iterator[Finding]:
    for acl in there:
        if acl.permission == "deny":
            if any(_takes_away(acl, one) for one in wanted):
                yield Finding("denied", acl)
        elif acl.kind in ours:
            if any(_covers(acl, name) for name in ours[acl.kind]):
                yield Finding("too_much", acl)
        elif acl.principal in principals:
            yield Finding("too_much", acl)


def _covers(acl: Acl, name: str) -> bool:
    if acl.pattern == "prefixed":
        return name.startswith(acl.name)
    return acl.name in (name, ANY)


def _takes_away(deny: Acl, granted: Acl) -> bool:
    return (
        deny.kind == granted.kind
        and deny.principal in (granted.principal, "User:*")
        and deny.operation in (granted.operation, "all", "describe")
        and _covers(deny, granted.name)
    )


def _ours(acl: Any) -> Acl:
    pattern = acl.resource_pattern
    return Acl(
        acl.principal,
        pattern.resource_type.name.lower(),
        pattern.resource_name,
        acl.operation.name.lower(),
        pattern.pattern_type.name.lower(),
        acl.host,
        acl.permission_type.name.lower(),
    )


def _theirs(acl: Acl) -> Any:
    return ACL(
        acl.principal,
        acl.host,
        ACLOperation[acl.operation.upper()],
        ACLPermissionType[acl.permission.upper()],
        ResourcePattern(ResourceType[acl.kind.upper()], acl.name, ACLResourcePatternType[acl.pattern.upper()]),
    )
