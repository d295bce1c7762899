"""One question to the vault and its answer: over a Unix socket, or over TLS with certificates on both sides."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryptography.x509 import load_pem_x509_certificate

from streams.errors import AccessDenied, ClockSkew, SettingsError, VaultUnavailable
from streams.settings import Settings, VaultSettings
from streams.tls import client_context, fault

__all__ = ["CELL_HEADER", "Link", "current"]

CELL_HEADER = "Streams-Cell"
TIMEOUT = 5.0
SKEW_SECONDS = 60.0  # clocks of a cell may differ by so much; keys have margins of minutes and hours
_NOT_OURS = (403, 409)  # the certificate may not, or the vault is another cell's


class Link:
    """Where the vault is, and what to say of it when it does not answer. Holds no connection open."""

    def __init__(self, settings: Settings, path: Path) -> None:
        chosen = settings.vault
        self._cell = settings.cell
        self._path = path
        self._url = chosen.url
        self._cert = chosen.cert_file
        self.name = chosen.url or str(path)
        if chosen.url is not None:
            self._context = client_context("vault", chosen.ca_file, chosen.cert_file, chosen.key_file)
            current(chosen)

    def call(self, method: str, path: str, body: Mapping[str, str] | None = None) -> dict[str, Any]:
        """The vault's answer: `VaultUnavailable` when there is none, `AccessDenied` when it says no, `ClockSkew` when
        its time is not ours."""
        connection = self._connection()
        headers = {CELL_HEADER: self._cell}
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            found = json.loads(answer.read())
        except ssl.SSLCertVerificationError as error:
            raise VaultUnavailable(f"the vault at {self.name}: {fault(error, connection.host, 'vault')}") from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise self.unavailable(type(error).__name__) from None
        finally:
            connection.close()
        self._same_time(answer.getheader("Date"))
        return self._judged(answer.status, found)

    def unavailable(self, why: str) -> VaultUnavailable:
        """That the vault does not answer as it should, and what to look at."""
        certificate = f", and does it take the certificate in {self._cert}" if self._url else ""
        return VaultUnavailable(
            f"the vault at {self.name} does not answer ({why}): is `streams vault serve` running{certificate}?"
        )

    def _same_time(self, told: str | None) -> None:
        """Both sides decide by their clocks whether a key has ended, so an answer to a wrong clock decides nothing."""
        try:
            theirs = parsedate_to_datetime(told or "")
        except ValueError:
            raise self.unavailable("its answer has no time") from None
        ours = datetime.now(UTC)
        ahead = (ours - theirs).total_seconds()
        if abs(ahead) > SKEW_SECONDS:
            raise ClockSkew(
                f"this machine's clock is {abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} the clock of the "
                f"vault at {self.name} ({ours:%Y-%m-%d %H:%M:%S} and {theirs:%Y-%m-%d %H:%M:%S} UTC), and no key would "
                "end when it should: set both by one time server"
            )

    def _judged(self, status: int, found: object) -> dict[str, Any]:
        if not isinstance(found, dict):
            raise self.unavailable("its answer is none of the vault's")
        if status in _NOT_OURS:
            raise AccessDenied(f"the vault at {self.name} refuses: {found.get('error')}")
        if status != 200:
            raise self.unavailable(str(found.get("error", f"status {status}")))
        return found

    def _connection(self) -> http.client.HTTPConnection:
        if self._url is None:
            return _OverSocket(self._path)
        place = urlsplit(self._url)
        assert place.hostname is not None, "the settings looked at it"
        return http.client.HTTPSConnection(place.hostname, place.port, timeout=TIMEOUT, context=self._context)


class _OverSocket(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("vault", timeout=TIMEOUT)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(TIMEOUT)
        self.sock.connect(str(self._path))


def current(settings: VaultSettings) -> None:
    """Raise `SettingsError` when our own certificate has expired: the other side would not say so this clearly."""
    assert settings.cert_file is not None, "the settings looked at it"
    end = load_pem_x509_certificate(settings.cert_file.read_bytes()).not_valid_after_utc
    if end < datetime.now(UTC):
        raise SettingsError(f"vault.cert_file {settings.cert_file} has expired on {end:%Y-%m-%d %H:%M} UTC: renew it")
