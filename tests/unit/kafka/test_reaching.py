"""Each reason why Kafka cannot be used has a message of its own, before a client library is let at it."""

from __future__ import annotations

import re
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from streams.errors import AccessDenied, BrokerUnavailable
from streams.kafka.reaching import denied, reach
from streams.settings import KafkaSettings
from tests.certificates import Authority, Pair

SECONDS = 10.0


@contextmanager
def server(pair: Pair | None) -> Iterator[int]:
    """A port where TLS is spoken with this certificate (None: something else), and hung up on whoever comes in."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(SECONDS)
        thread = threading.Thread(target=_serve, args=(listening, pair))
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            thread.join()


def _serve(listening: socket.socket, pair: Pair | None) -> None:
    taken, _ = listening.accept()
    taken.settimeout(SECONDS)
    with taken:
        if pair is None:
            taken.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            return
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(pair.cert, pair.key)
        try:
            context.wrap_socket(taken, server_side=True).close()
        except OSError:
            return  # the client did not believe us


def trusting(authority: Authority, host: str = "127.0.0.1") -> KafkaSettings:
    return KafkaSettings(bootstrap=f"{host}:PORT", security="SSL", ca_file=authority.ca)


def refused(pair: Pair | None, how: KafkaSettings) -> str:
    """What `reach` says of a server with this certificate, by its type and its message."""
    with server(pair) as port, pytest.raises((BrokerUnavailable, AccessDenied)) as told:
        reach(how.model_copy(update={"bootstrap": how.bootstrap.replace("PORT", str(port))}))
    return f"{told.type.__name__}: {told.value}"


def test_a_certificate_that_has_expired_is_named(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    told = refused(authority.sign("broker", -timedelta(hours=1)), trusting(authority))
    assert re.match(r"BrokerUnavailable: Kafka at 127\.0\.0\.1:\d+: its certificate has expired", told)


def test_a_certificate_of_another_authority_is_named_with_the_setting(tmp_path: Path) -> None:
    told = refused(Authority(tmp_path).sign("broker"), trusting(Authority(tmp_path, "others")))
    assert told.startswith("BrokerUnavailable")
    assert "not signed by the authority in kafka.ca_file" in told


def test_a_certificate_for_another_name_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = Authority(tmp_path)
    look_up = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, *rest, **named: look_up("127.0.0.1", *rest, **named))
    told = refused(authority.sign("broker"), trusting(authority, "kafka.example"))
    assert "its certificate is not for kafka.example" in told


def test_a_port_that_speaks_no_tls_is_named(tmp_path: Path) -> None:
    assert "is this the port for SSL, and is it Kafka" in refused(None, trusting(Authority(tmp_path)))


def test_a_server_that_hangs_up_may_be_ending_so_it_is_no_denial(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    told = refused(authority.sign("broker"), trusting(authority))
    assert told.startswith("BrokerUnavailable")
    assert "breaks off (ConnectionResetError)" in told


class TopicAuthorizationFailedError(Exception):
    """Named as both libraries name it."""


def test_only_a_missing_permission_is_a_denial() -> None:
    settings = KafkaSettings()
    assert denied(TimeoutError(), settings, "read") is None
    told = denied(TopicAuthorizationFailedError("CANARY"), settings, "write to tagged")
    assert told is not None
    assert "does not allow this client to write to tagged" in str(told)
    assert "CANARY" not in str(told)
    assert denied(Exception("[Error 31] ClusterAuthorizationFailedError"), settings, "write") is not None
