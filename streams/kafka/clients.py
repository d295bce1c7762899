"""How each client library reaches Kafka: connection arguments, from one description of a connection.

Needs none of the client libraries itself, so the SDK can import it with the base install alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

from streams.tls import client_context

__all__ = ["Connection", "Secret", "aiokafka_arguments", "confluent_arguments", "kafka_python_arguments"]


class Secret(Protocol):
    """A password whose repr shows nothing."""

    def get_secret_value(self) -> str:
        """The secret itself."""
        ...


class Connection(Protocol):
    """What settings and SDK know of a connection."""

    @property
    def bootstrap(self) -> str: ...  # noqa: D102 - each is what its name says; streams/settings.py describes them
    @property
    def security(self) -> str: ...  # noqa: D102
    @property
    def ca_file(self) -> Path | None: ...  # noqa: D102
    @property
    def cert_file(self) -> Path | None: ...  # noqa: D102
    @property
    def key_file(self) -> Path | None: ...  # noqa: D102
    @property
    def sasl_mechanism(self) -> str: ...  # noqa: D102
    @property
    def username(self) -> str | None: ...  # noqa: D102
    @property
    def password(self) -> Secret | None: ...  # noqa: D102


def kafka_python_arguments(connection: Connection) -> dict[str, Any]:
    """For kafka-python's consumer, producer and admin client."""
    return _arguments(connection)


def aiokafka_arguments(connection: Connection) -> dict[str, Any]:
    """For aiokafka's consumer and producer."""
    return _arguments(connection)


def confluent_arguments(connection: Connection) -> dict[str, Any]:
    """For confluent-kafka's consumer and producer."""
    found: dict[str, Any] = {
        "bootstrap.servers": ",".join(_servers(connection)),
        "security.protocol": connection.security,
    }
    for name, file in (
        ("ssl.ca.location", connection.ca_file),
        ("ssl.certificate.location", connection.cert_file),
        ("ssl.key.location", connection.key_file),
    ):
        if file is not None and connection.security != "PLAINTEXT":
            found[name] = str(file)
    if connection.security.startswith("SASL") and connection.password is not None:
        found["sasl.mechanism"] = connection.sasl_mechanism
        found["sasl.username"] = connection.username
        found["sasl.password"] = connection.password.get_secret_value()
    return found


def _arguments(connection: Connection) -> dict[str, Any]:
    found: dict[str, Any] = {
        "bootstrap_servers": _servers(connection),
        "security_protocol": connection.security,
    }
    if connection.security != "PLAINTEXT":
        found["ssl_context"] = client_context("kafka", connection.ca_file, connection.cert_file, connection.key_file)
    if connection.security.startswith("SASL") and connection.password is not None:
        found["sasl_mechanism"] = connection.sasl_mechanism
        found["sasl_plain_username"] = connection.username
        found["sasl_plain_password"] = connection.password.get_secret_value()
    return found


def _servers(connection: Connection) -> list[str]:
    return [server.strip() for server in connection.bootstrap.split(",")]
