"""How a client reaches Kafka, and how much it may hold. Plain data: the SDK reads no settings file."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal, get_args

from streams.errors import SettingsError
from streams.model.address import is_loopback

__all__ = ["Connection", "Limits", "Password"]

_ADDRESS = re.compile(r"[^\s:]+:\d{1,5}|\[[0-9a-fA-F:.]+\]:\d{1,5}").fullmatch
Security = Literal["PLAINTEXT", "SSL", "SASL_SSL"]
Mechanism = Literal["SCRAM-SHA-256", "SCRAM-SHA-512", "PLAIN"]


class Password:
    """A secret that no repr, log line or error shows."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def get_secret_value(self) -> str:
        """The secret itself."""
        return self._value

    def __repr__(self) -> str:
        return "Password('**********')"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Password) and self._value == other._value

    def __hash__(self) -> int:
        return hash(self._value)


@dataclass(frozen=True, slots=True)
class Connection:
    """How to reach Kafka. Raises `SettingsError` for a combination that cannot work or would not be safe.

    Plaintext is for loopback, and for hosts named in `allow_plaintext`.

    >>> Connection("kafka.example:9092")
    Traceback (most recent call last):
    streams.errors.SettingsError: plaintext to 'kafka.example', which is not loopback: use SSL or SASL_SSL, or name \
the host in allow_plaintext
    """

    bootstrap: str = "127.0.0.1:9092"
    security: Security = "PLAINTEXT"
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    sasl_mechanism: Mechanism = "SCRAM-SHA-512"
    username: str | None = None
    password: Password | None = None
    allow_plaintext: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name, allowed in (("security", get_args(Security)), ("sasl_mechanism", get_args(Mechanism))):
            if getattr(self, name) not in allowed:
                raise SettingsError(f"{name} must be one of {', '.join(allowed)}")
        if not all(_ADDRESS(server.strip()) for server in self.bootstrap.split(",")):
            raise SettingsError(f"bootstrap must be host:port, or several with commas, not {self.bootstrap!r}")
        if self.security == "SASL_SSL" and (self.username is None or self.password is None):
            raise SettingsError("SASL_SSL needs username and password")
        if self.security == "PLAINTEXT":
            for server in self.bootstrap.split(","):
                host = server.strip().rsplit(":", 1)[0]
                if not is_loopback(server.strip()) and host not in self.allow_plaintext:
                    raise SettingsError(
                        f"plaintext to {host!r}, which is not loopback: use SSL or SASL_SSL, or name the host in "
                        f"allow_plaintext"
                    )

    @classmethod
    def from_environment(cls, prefix: str = "STREAMS_KAFKA__") -> Connection:
        """From the variables that the pipeline reads too: `STREAMS_KAFKA__BOOTSTRAP`, `…__SECURITY`, `…__USERNAME` …"""
        values: dict[str, object] = {}
        for item in fields(cls):
            value = os.environ.get(prefix + item.name.upper())
            if value is None:
                continue
            if item.name.endswith("_file"):
                values[item.name] = Path(value)
            elif item.name == "password":
                values[item.name] = Password(value)
            elif item.name == "allow_plaintext":
                values[item.name] = tuple(host for host in value.replace('"', "").strip("[]").split(",") if host)
            else:
                values[item.name] = value
        return cls(**values)  # type: ignore[arg-type]  # __post_init__ checks what the environment said


@dataclass(frozen=True, slots=True)
class Limits:
    """What a client may hold and how long. At a ceiling the newest event is dropped, counted and reported.

    `max_bytes` bounds texts and their sealed copies together; `max_events` bounds events not yet acknowledged.
    `max_event_bytes` is below what workers take (8 MiB for a whole record). `max_age` (seconds) is how long an event
    waits for a broker, a key or its account before it is dropped. `max_accounts` bounds the accounts that are
    remembered; edge accounts are always remembered, others beyond the bound travel as accounts that nobody has set:
    in the protective class. `follow_age` (seconds) is how long accounts and keys are relied on without contact.
    """

    max_bytes: int = 64 * 1024 * 1024
    max_events: int = 50_000
    max_event_bytes: int = 8_000_000
    max_age: float = 900.0
    max_accounts: int = 250_000
    follow_age: float = 30.0

    def __post_init__(self) -> None:
        wrong = [item.name for item in fields(self) if not getattr(self, item.name) > 0]
        if wrong:
            raise SettingsError(f"limits must be above 0: {', '.join(wrong)}")
