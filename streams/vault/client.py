"""How workers, janitor and command line reach the vault. Failures are `VaultUnavailable`, naming socket and remedy."""

from __future__ import annotations

import base64
import http.client
import json
import socket
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import aiohttp

from streams.codec.control import decode_key
from streams.errors import VaultUnavailable
from streams.model import PublicKey
from streams.settings import Settings
from streams.vault.store import State

__all__ = ["ControlClient", "PrivateTransit", "VaultClient"]

TIMEOUT = 5.0


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
    """What a worker may ask of the vault. An asynchronous context manager."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._session: aiohttp.ClientSession | None = None

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
        answer = await self._get(f"/v1/transit/{key_id}")
        if "private" in answer:
            return PrivateTransit(base64.b64decode(answer["private"]), int(answer["end"]), False)
        return PrivateTransit(None, 0, answer["state"] == State.ENDED)

    async def digest_key(self) -> bytes:
        """The key for digests of strings that are no ids."""
        return base64.b64decode((await self._get("/v1/digest-key"))["key"])

    async def _get(self, path: str) -> dict[str, Any]:
        assert self._session is not None, "used outside its context"
        try:
            async with self._session.get(f"http://vault{path}") as answer:
                if answer.status != 200:
                    raise _unavailable(self._path, f"status {answer.status}")
                found: dict[str, Any] = await answer.json()
                return found
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
            raise _unavailable(self._path, type(error).__name__) from None


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
        return [decode_key(base64.b64decode(key)) for key in self._call("POST", "/v1/rotate")["keys"]]

    def end_due(self) -> list[PublicKey]:
        """Have due keys ended; those that were."""
        return [decode_key(base64.b64decode(key)) for key in self._call("POST", "/v1/end-due")["keys"]]

    def open_account(self, account: str) -> tuple[str, bytes]:
        """The id and public half of an account's key, made if there is none."""
        answer = self._call("POST", f"/v1/accounts/{account}/open")
        return answer["key_id"], base64.b64decode(answer["public"])

    def close_account(self, account: str) -> list[str]:
        """End an account's keys now; their ids."""
        ended: list[str] = self._call("POST", f"/v1/accounts/{account}/close")["ended"]
        return ended

    def status(self) -> dict[str, Any]:
        """Keys by kind, oldest readable day, next end, overdue."""
        return self._call("GET", "/v1/status")

    def _call(self, method: str, path: str) -> dict[str, Any]:
        connection = _Connection(self._path)
        try:
            connection.request(method, path)
            answer = connection.getresponse()
            body = answer.read()
            found: dict[str, Any] = json.loads(body)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise _unavailable(self._path, type(error).__name__) from None
        finally:
            connection.close()
        if answer.status != 200:
            raise _unavailable(self._path, str(found.get("error", f"status {answer.status}")))
        return found
