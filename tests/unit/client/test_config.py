"""A connection that cannot work, or is not safe, is refused when it is made; secrets are not shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from streams.client import Connection, Limits, Password
from streams.errors import SettingsError


def test_plaintext_stays_on_loopback_unless_a_host_is_named() -> None:
    with pytest.raises(SettingsError, match="not loopback"):
        Connection("kafka.example:9092")
    assert Connection("kafka.example:9092", allow_plaintext=("kafka.example",)).security == "PLAINTEXT"
    assert Connection("[::1]:9092,localhost:9093").security == "PLAINTEXT"


def test_sasl_needs_a_user_and_a_password() -> None:
    with pytest.raises(SettingsError, match="username and password"):
        Connection("kafka.example:9093", security="SASL_SSL", username="me")


def test_a_password_is_never_shown() -> None:
    connection = Connection("k:1", security="SASL_SSL", username="me", password=Password("open sesame"))
    assert "sesame" not in repr(connection)
    assert connection.password is not None
    assert connection.password.get_secret_value() == "open sesame"


def test_the_environment_of_the_pipeline_is_understood(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "BOOTSTRAP": "k:1",
        "SECURITY": "SASL_SSL",
        "USERNAME": "me",
        "PASSWORD": "open sesame",
        "CA_FILE": "/ca.pem",
        "ALLOW_PLAINTEXT": '["a","b"]',
    }.items():
        monkeypatch.setenv(f"STREAMS_KAFKA__{name}", value)
    made = Connection.from_environment()
    assert (made.bootstrap, made.security, made.ca_file) == ("k:1", "SASL_SSL", Path("/ca.pem"))
    assert made.password == Password("open sesame")
    assert made.allow_plaintext == ("a", "b")


def test_wrong_words_are_refused_by_name() -> None:
    with pytest.raises(SettingsError, match="security must be one of"):
        Connection(security="NONE")  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match="max_events"):
        Limits(max_events=0)


@pytest.mark.parametrize("address", ["", "localhost", "localhost:", "a:1,", "http://a:1"])
def test_an_address_is_host_and_port(address: str) -> None:
    with pytest.raises(SettingsError, match="host:port"):
        Connection(address)
