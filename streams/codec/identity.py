"""Ids. A clear string that is no id (an e-mail as end user, say) is replaced by a keyed digest, and counted."""

from __future__ import annotations

import hashlib
import hmac
import re

__all__ = ["RESERVED", "Digester", "is_id"]

_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
# Attributes that carry raw ids inside the seal, from an SDK that holds no digest key: attribute -> metadata field.
RESERVED = {"streams:end_user": "end_user", "streams:conversation": "conversation"}


def is_id(value: str) -> bool:
    """Whether a string is an id: `[A-Za-z0-9._:-]{1,128}`."""
    return _ID.fullmatch(value) is not None


class Digester:
    """Replaces strings that are no ids. Digests are `d.` and 32 hexadecimal digits of HMAC-SHA-256 (RFC 2104).

    Whoever lacks the key cannot try out e-mail addresses against a digest. `count` tells how many were replaced.
    """

    __slots__ = ("_key", "count")

    def __init__(self, key: bytes) -> None:
        self._key = key
        self.count = 0

    def __repr__(self) -> str:
        return f"<Digester {self.count} replaced>"

    def digest(self, value: str) -> str:
        """The digest of a string."""
        self.count += 1
        raw = value.encode("utf-8", "surrogatepass")
        return "d." + hmac.new(self._key, raw, hashlib.sha256).hexdigest()[:32]

    def id(self, value: str) -> str:
        """The string itself if it is an id, else its digest."""
        return value if _ID.fullmatch(value) else self.digest(value)

    def maybe(self, value: str | None) -> str | None:
        """The same for one that may be missing; an empty string counts as missing."""
        return self.id(value) if value else None
