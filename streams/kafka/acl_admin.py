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

from streams.errors import AccessDenied
from streams.kafka.acls import ANY, Acl, Grant, acls_of, own_groups
from streams.kafka.admin import Admin
from streams.kafka.topics import all_names
from streams.settings import Settings

__all__ = ["AclAdmin", "Finding", "compare"]


class Finding(NamedTuple):
    """A permission that is `missing`, `too_much` (the file does not grant it), or `denied` (it takes a grant away)."""

    what: str
    acl: Acl

    def __str__(self) -> str:
        return f"{self.what.replace('_', ' ')}: {self.acl}"


class AclAdmin(Admin):
    """Administration of permissions. Needs describe on the cluster to look, and alter on it to add."""

    def there(self) -> list[Acl]:
        """All permissions that Kafka holds, whosever they are."""
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
