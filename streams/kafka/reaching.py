"""Whether Kafka is there, is the right one, and takes us: asked once before a client library is let at it.

The libraries try again for long and say no more than that nobody answered; here each cause has its own message.
"""

from __future__ import annotations

import socket
import ssl
import struct
from typing import Any

from kafka.errors import KafkaError, SaslAuthenticationFailedError, for_code
from kafka.net.sasl import get_sasl_mechanism
from kafka.protocol.metadata import ApiVersionsRequest
from kafka.protocol.parser import KafkaProtocol
from kafka.protocol.sasl import SaslAuthenticateRequest, SaslHandshakeRequest

from streams.errors import AccessDenied, BrokerUnavailable, ComplianceError
from streams.kafka.clients import Connection, kafka_python_arguments
from streams.tls import fault

__all__ = ["denied", "reach"]

REACH_SECONDS = 5.0
_FRAME = 1 << 16


def reach(connection: Connection, seconds: float = REACH_SECONDS) -> None:
    """Raise unless some bootstrap server takes us: `AccessDenied` when one knows us and says no, else
    `BrokerUnavailable`."""
    arguments = kafka_python_arguments(connection)
    failures = []
    for server in arguments["bootstrap_servers"]:
        try:
            _sign_in(server, arguments, connection, seconds)
        except ComplianceError as error:
            failures.append(error)
        else:
            return
    raise next((one for one in failures if isinstance(one, AccessDenied)), failures[-1])


def denied(error: BaseException, connection: Connection, what: str) -> AccessDenied | None:
    """What to raise instead of a library's error when it means that Kafka does not allow us something."""
    if "AuthorizationFailed" not in f"{type(error).__name__} {error}":  # the producer wraps what it was told in a text
        return None
    return AccessDenied(
        f"Kafka at {connection.bootstrap} does not allow {_who(connection)} to {what}: "
        "streams topics check --acls FILE, by an auditor, tells what is missing"
    )


def _who(connection: Connection) -> str:
    if connection.security == "SASL_SSL":
        return f"user {connection.username}"
    return "this certificate" if connection.cert_file is not None else "this client"


def _sign_in(server: str, arguments: dict[str, Any], connection: Connection, seconds: float) -> None:
    host, _, port = server.rpartition(":")
    host = host.strip("[]")
    try:
        with socket.create_connection((host, int(port)), seconds) as plain:
            if connection.security != "PLAINTEXT":
                with arguments["ssl_context"].wrap_socket(plain, server_hostname=host) as safe:
                    _greet(_Talk(safe), host, arguments, connection)
    except ssl.SSLCertVerificationError as error:
        raise BrokerUnavailable(f"Kafka at {server}: {fault(error, host, 'kafka')}") from None
    except SaslAuthenticationFailedError:
        raise AccessDenied(
            f"Kafka at {server} does not take the password of user {connection.username} "
            f"({connection.sasl_mechanism}): look at kafka.username and kafka.password"
        ) from None
    except _SaidNo as said:
        raise AccessDenied(f"Kafka at {server} {said}") from None
    except (ssl.SSLError, ConnectionResetError, KafkaError, struct.error) as error:
        raise BrokerUnavailable(
            f"Kafka at {server} breaks off ({type(error).__name__}): "
            f"is this the port for {connection.security}, and is it Kafka?"
        ) from None
    except (OSError, ValueError):
        raise BrokerUnavailable(
            f"nobody takes a connection at {connection.bootstrap}: is Kafka running, and is kafka.bootstrap right?"
        ) from None


class _SaidNo(Exception):
    """How the broker ended a conversation that we are not allowed to have."""


class _Talk:
    """Questions and answers over a socket that blocks."""

    def __init__(self, connected: ssl.SSLSocket) -> None:
        self._socket = connected
        self._protocol = KafkaProtocol(client_id="streams")

    def ask(self, request: Any) -> Any:
        self._protocol.send_request(request)
        self._socket.sendall(self._protocol.send_bytes())
        answers: list[Any] = []
        while not answers:
            data = self._socket.recv(_FRAME)
            if not data:
                raise ConnectionResetError
            answers = self._protocol.receive_bytes(data)
        return answers[0][1]


def _greet(talk: _Talk, host: str, arguments: dict[str, Any], connection: Connection) -> None:
    # With TLS 1.3 a broker looks at our certificate after we believe to be connected: only an answer shows that it took
    # it.
    try:
        talk.ask(ApiVersionsRequest(version=0))
    except ssl.SSLError:
        raise _SaidNo(_refusal(connection)) from None
    if connection.security == "SASL_SSL":
        _authenticate(talk, host, arguments)


def _refusal(connection: Connection) -> str:
    if connection.cert_file is None:
        return "wants a client certificate: set kafka.cert_file and kafka.key_file"
    return (
        f"does not take the certificate in {connection.cert_file}: "
        "is it signed by an authority that the broker trusts, and not expired?"
    )


def _authenticate(talk: _Talk, host: str, arguments: dict[str, Any]) -> None:
    name = arguments["sasl_mechanism"]
    answer = talk.ask(SaslHandshakeRequest(mechanism=name, version=1))
    if name not in answer.mechanisms:
        raise _SaidNo(f"does not offer {name} but {', '.join(answer.mechanisms)}: set kafka.sasl_mechanism")
    mechanism = get_sasl_mechanism(name)(host=host, **arguments)
    while not mechanism.is_done():
        answer = talk.ask(SaslAuthenticateRequest(mechanism.auth_bytes(), version=0))
        if answer.error_code:
            raise SaslAuthenticationFailedError(for_code(answer.error_code).__name__)
        mechanism.receive(answer.auth_bytes)
