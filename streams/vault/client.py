"""What workers, janitor and command line ask of the vault. Failures name the vault's place and the remedy."""

from __future__ import annotations

import asyncio
import base64
import re
import time
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, NamedTuple

from streams.codec.control import decode_key
from streams.errors import RecordError
from streams.model import PublicKey
from streams.settings import Settings
from streams.vault.link import Link
from streams.vault.store import State

__all__ = ["ControlClient", "PrivateTransit", "VaultClient"]

UNKNOWN_SECONDS = 60.0
UNKNOWN_ENTRIES = 10_000
_KEY_ID = re.compile(r"[a-z]+-[A-Za-z0-9-]{1,64}").fullmatch
_TRANSIT_ID = re.compile(r"transit-[A-Za-z0-9-]{1,64}").fullmatch


class PrivateTransit(NamedTuple):
    """What the vault says of a transit key: private half and end (ms) of a live one, or whether it ended."""

    private: bytes | None
    end: int
    ended: bool

    def __repr__(self) -> str:
        return f"<PrivateTransit {'**********' if self.private else 'ended' if self.ended else 'unknown'}>"


class VaultClient:
    """What a worker may ask of the vault.

    Key ids come from records, so anybody may have written them. One that cannot be a transit key's is not asked for,
    and one that the vault does not know is not asked for again for a minute: a key is in the vault before it is
    published.
    """

    def __init__(self, link: Link) -> None:
        self._link = link
        self._unknown: OrderedDict[str, float] = OrderedDict()

    @classmethod
    def of(cls, settings: Settings) -> VaultClient:
        """The client for a deployment."""
        return cls(Link(settings, settings.vault.socket or settings.vault.directory / "worker.sock"))

    async def transit_key(self, key_id: str) -> PrivateTransit:
        """The private half of a transit key, or whether it ended or never was."""
        if not _TRANSIT_ID(key_id) or self._unknown.get(key_id, 0.0) > time.monotonic():
            return PrivateTransit(None, 0, False)
        answer = await self._get(f"/v1/transit/{key_id}")
        state = _field(self._link, answer, "state")
        if state == State.LIVE:
            private = _bytes(self._link, _field(self._link, answer, "private"))
            return PrivateTransit(private, int(_field(self._link, answer, "end")), False)
        if state == State.UNKNOWN:
            self._unknown[key_id] = time.monotonic() + UNKNOWN_SECONDS
            if len(self._unknown) > UNKNOWN_ENTRIES:
                self._unknown.popitem(last=False)
        return PrivateTransit(None, 0, state == State.ENDED)

    async def digest_key(self) -> bytes:
        """The key for digests of strings that are no ids. Ask again at times: it changes after 30 days."""
        return _bytes(self._link, _field(self._link, await self._get("/v1/digest-key"), "key"))

    async def _get(self, path: str) -> dict[str, Any]:
        return await asyncio.to_thread(self._link.call, "GET", path)


def _field(link: Link, answer: Mapping[str, Any], name: str) -> Any:
    if name not in answer:
        raise link.unavailable("its answer is none of the vault's")
    return answer[name]


def _bytes(link: Link, text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        raise link.unavailable("its answer is none of the vault's") from None


class ControlClient:
    """What the janitor and administrators may ask of the vault."""

    def __init__(self, link: Link) -> None:
        self._link = link

    @classmethod
    def of(cls, settings: Settings) -> ControlClient:
        """The client for a deployment."""
        return cls(Link(settings, settings.vault.control_socket or settings.vault.directory / "control.sock"))

    def rotate(self) -> list[PublicKey]:
        """Have due keys made; all live public keys."""
        return self._keys("/v1/rotate")

    def end_due(self) -> list[PublicKey]:
        """Have due keys ended; those that were."""
        return self._keys("/v1/end-due")

    def open_account(self, account: str) -> tuple[str, bytes]:
        """The id and public half of an account's key, made if there is none."""
        answer = self._link.call("POST", "/v1/accounts/open", {"account": account})
        return str(_field(self._link, answer, "key_id")), _bytes(self._link, _field(self._link, answer, "public"))

    def close_account(self, account: str) -> list[str]:
        """End an account's keys now; the ids of those that are gone. One that something holds back is fenced off and
        stands in `status()["ending"]`."""
        answer = self._link.call("POST", "/v1/accounts/close", {"account": account})
        return [str(key_id) for key_id in _field(self._link, answer, "ended")]

    def state(self, key_id: str) -> str:
        """What became of a key: `unknown` (never was), `not_yet`, `live`, `ending`, `ended`."""
        if not _KEY_ID(key_id):
            return State.UNKNOWN
        return str(_field(self._link, self._link.call("GET", f"/v1/keys/{key_id}"), "state"))

    def status(self) -> dict[str, Any]:
        """Keys by kind, oldest readable day, next end, overdue."""
        return self._link.call("GET", "/v1/status")

    def _keys(self, path: str) -> list[PublicKey]:
        answer = _field(self._link, self._link.call("POST", path), "keys")
        try:
            return [decode_key(_bytes(self._link, key)) for key in answer]
        except RecordError as error:
            raise self._link.unavailable(f"it answers with keys that cannot be read: {error}") from None
