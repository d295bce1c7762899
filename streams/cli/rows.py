"""How records look to people and programs: plain data, times people can read. Never content."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import Enum
from typing import Any

__all__ = ["moment", "plain"]


def plain(value: Any) -> Any:
    """Structs, enums, tuples and bytes as JSON knows them. Bytes become their length: they are keys or seals.

    >>> plain({"a": (1, b"abc")})
    {'a': [1, {'bytes': 3}]}
    """
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, bytes):
        return {"bytes": len(value)}
    if isinstance(value, Mapping):
        return {str(plain(key)): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    names = getattr(value, "__struct_fields__", None)
    if names is not None:
        return {name: plain(getattr(value, name)) for name in names}
    return value


def moment(ms: int, seconds: bool = False) -> str:
    """A time in ms as `2026-01-31 12:00:00Z`; with `seconds`, the time of day alone."""
    if not 0 < ms < 253_402_300_800_000:
        return "–"
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%H:%M:%S" if seconds else "%Y-%m-%d %H:%M:%SZ")
