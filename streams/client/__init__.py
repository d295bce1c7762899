"""What applications import: `from streams.client import Client`.

`AsyncClient` needs the extra `[aio]`, edge accounts need `[edge]`; both are loaded when they are used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from streams.client.config import Connection, Limits, Password
from streams.client.report import Problem, Reason, Statistics
from streams.client.sync import Client
from streams.model import Audience, Declared, Kind, StorageMode

if TYPE_CHECKING:
    from streams.client.aio import AsyncClient

__all__ = [
    "AsyncClient",
    "Audience",
    "Client",
    "Connection",
    "Declared",
    "Kind",
    "Limits",
    "Password",
    "Problem",
    "Reason",
    "Statistics",
    "StorageMode",
]


def __getattr__(name: str) -> object:
    if name != "AsyncClient":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        from streams.client.aio import AsyncClient
    except ModuleNotFoundError as error:
        raise ImportError(
            f"AsyncClient needs {error.name}: pip install 'compliance-streams[aio]'", name=error.name
        ) from None
    return AsyncClient
