"""What a worker asks of the vault: patiently where it cannot go on without, and again and again where answers age."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from streams.codec.intake import Intake
from streams.errors import VaultUnavailable
from streams.vault.client import PrivateTransit, VaultClient

__all__ = ["Asking"]

log = logging.getLogger(__name__)
T = TypeVar("T")
RETRY_SECONDS = 0.5
AGAIN_SECONDS = 20.0


class Asking:
    """Asks the vault; while it does not answer, again until `patience` seconds are over or `stopped` says so."""

    def __init__(self, client: VaultClient, patience: float, stopped: Callable[[], bool]) -> None:
        self._client = client
        self._patience = patience
        self._stopped = stopped

    async def transit(self, key_id: str) -> PrivateTransit:
        """The private half of a transit key, or that it ended or never was."""
        return await self._patiently(lambda: self._client.transit_key(key_id))

    async def digest_key(self) -> bytes:
        """The key for digests of strings that are no ids."""
        return await self._patiently(self._client.digest_key)

    async def keep_asking(self, intake: Intake) -> None:
        """Until cancelled, hold `intake` to the digest key in force, and our clock to the vault's (`ClockSkew`)."""
        while True:
            await asyncio.sleep(AGAIN_SECONDS)
            try:
                intake.digest_key = await self._client.digest_key()
            except VaultUnavailable as error:
                log.warning("%s", error)

    async def _patiently(self, ask: Callable[[], Awaitable[T]]) -> T:
        deadline = time.monotonic() + self._patience
        while True:
            try:
                return await ask()
            except VaultUnavailable as error:
                if time.monotonic() > deadline or self._stopped():
                    raise
                log.warning("%s; asking again", error)
                await asyncio.sleep(RETRY_SECONDS)
