"""How workers, janitor and command line reach the vault. Failures are `VaultUnavailable`, naming socket and remedy."""

from __future__ import annotations

import base64
import http.client
import json
import re
import socket
import time
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import aiohttp

from streams.codec.control import decode_key
from streams.errors import RecordError, VaultUnavailable
from streams.model import PublicKey
from streams.settings import Settings
from streams.vault.store import State

__all__ = ["ControlClient", "PrivateTransit", "VaultClient"]

TIMEOUT = 5.0
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


def _unavailable(path: Path, why: str) -> VaultUnavailable:
    return VaultUnavailable(f"the vault at {path} does not answer ({why}): is `streams vault serve` running?")


class VaultClient:
    """What a worker may ask of the vault. An asynchronous context manager, for one event loop.

    Key ids come from records, so anybody may have written them. One that cannot be a transit key's is not asked for,
    and one that the vault does not know is not asked for again for a minute: a key is in the vault before it is
    published.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._session: aiohttp.ClientSession | None = None
        self._unknown: OrderedDict[str, float] = OrderedDict()

    @classmethod
    def of(cls, settings: Settings) -> VaultClient:
        """The client for a deployment."""
        return cls(settings.vault.socket or settings.vault.directory / "worker.sock")

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.UnixConnector(path=str(self._path)), timeout=aiohttp.ClientTimeout(total=TIMEOUT)
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def transit_key(self, key_id: str) -> PrivateTransit:
        """The private half of a transit key, or whether it ended or never was."""
        if not _TRANSIT_ID(key_id) or self._unknown.get(key_id, 0.0) > time.monotonic():
            return PrivateTransit(None, 0, False)
        answer = await self._get(f"/v1/transit/{key_id}")
        state = _field(self._path, answer, "state")
        if state == State.LIVE:
            private = _bytes(self._path, _field(self._path, answer, "private"))
            return PrivateTransit(private, int(_field(self._path, answer, "end")), False)
        if state == State.UNKNOWN:
            self._unknown[key_id] = time.monotonic() + UNKNOWN_SECONDS
            if len(self._unknown) > UNKNOWN_ENTRIES:
                self._unknown.popitem(last=False)
        return PrivateTransit(None, 0, state == State.ENDED)

    async def digest_key(self) -> bytes:
        """The key for digests of strings that are no ids. Ask again at times: it changes after 30 days."""
        return _bytes(self._path, _field(self._path, await self._get("/v1/digest-key"), "key"))

    async def _get(self, path: str) -> dict[str, Any]:
        assert self._session is not None, "used outside its context"
        try:
            async with self._session.get(f"http://vault{path}") as answer:
                if answer.status != 200:
                    raise _unavailable(self._path, f"status {answer.status}")
                return _object(self._path, await answer.json())
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
            raise _unavailable(self._path, type(error).__name__) from None


def _object(path: Path, answer: object) -> dict[str, Any]:
    if not isinstance(answer, dict):
        raise _unavailable(path, "its answer is none of the vault's")
    return answer


def _field(path: Path, answer: Mapping[str, Any], name: str) -> Any:
    if name not in answer:
        raise _unavailable(path, "its answer is none of the vault's")
    return answer[name]


def _bytes(path: Path, text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        raise _unavailable(path, "its answer is none of the vault's") from None


class _Connection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("vault", timeout=TIMEOUT)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(TIMEOUT)
        self.sock.connect(str(self._path))


class ControlClient:
    """What the janitor and administrators may ask of the vault."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @classmethod
    def of(cls, settings: Settings) -> ControlClient:
        """The client for a deployment."""
        return cls(settings.vault.control_socket or settings.vault.directory / "control.sock")

    def rotate(self) -> list[PublicKey]:
        """Have due keys made; all live public keys."""
        return self._keys("/v1/rotate")

    def end_due(self) -> list[PublicKey]:
        """Have due keys ended; those that were."""
        return self._keys("/v1/end-due")

    def open_account(self, account: str) -> tuple[str, bytes]:
        """The id and public half of an account's key, made if there is none."""
        answer = self._call("POST", "/v1/accounts/open", {"account": account})
        return str(_field(self._path, answer, "key_id")), _bytes(self._path, _field(self._path, answer, "public"))

    def close_account(self, account: str) -> list[str]:
        """End an account's keys now; the ids of those that are gone. One that something holds back is fenced off and
        stands in `status()["ending"]`."""
        answer = self._call("POST", "/v1/accounts/close", {"account": account})
        return [str(key_id) for key_id in _field(self._path, answer, "ended")]

    def state(self, key_id: str) -> str:
        """What became of a key: `unknown` (never was), `not_yet`, `live`, `ending`, `ended`."""
        if not _KEY_ID(key_id):
            return State.UNKNOWN
        return str(_field(self._path, self._call("GET", f"/v1/keys/{key_id}"), "state"))

    def status(self) -> dict[str, Any]:
        """Keys by kind, oldest readable day, next end, overdue."""
        return self._call("GET", "/v1/status")

    def _keys(self, path: str) -> list[PublicKey]:
        answer = _field(self._path, self._call("POST", path), "keys")
        try:
            return [decode_key(_bytes(self._path, key)) for key in answer]
        except RecordError as error:
            raise _unavailable(self._path, f"it answers with keys that cannot be read: {error}") from None

    def _call(self, method: str, path: str, body: Mapping[str, str] | None = None) -> dict[str, Any]:
        connection = _Connection(self._path)
        try:
            connection.request(method, path, None if body is None else json.dumps(body))
            answer = connection.getresponse()
            found = _object(self._path, json.loads(answer.read()))
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise _unavailable(self._path, type(error).__name__) from None
        finally:
            connection.close()
        if answer.status != 200:
            raise _unavailable(self._path, str(found.get("error", f"status {answer.status}")))
        return found
