"""One description of a connection serves three client libraries, and a password is shown to none but them."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from streams.errors import BrokerUnavailable, SettingsError
from streams.kafka.clients import aiokafka_arguments, confluent_arguments, kafka_python_arguments
from streams.kafka.reaching import reach
from streams.settings import KafkaSettings

SECRET = "CANARY-password"
SASL = KafkaSettings.model_validate(
    {"bootstrap": "a.example:9093, b.example:9093", "security": "SASL_SSL", "username": "worker", "password": SECRET}
)


def test_plaintext_needs_an_address_alone() -> None:
    plain = KafkaSettings(bootstrap="127.0.0.1:9092")
    expected = {"bootstrap_servers": ["127.0.0.1:9092"], "security_protocol": "PLAINTEXT"}
    assert kafka_python_arguments(plain) == aiokafka_arguments(plain) == expected
    assert confluent_arguments(plain) == {"bootstrap.servers": "127.0.0.1:9092", "security.protocol": "PLAINTEXT"}


def test_with_a_password_certificates_and_host_names_are_checked() -> None:
    found = kafka_python_arguments(SASL)
    assert found["bootstrap_servers"] == ["a.example:9093", "b.example:9093"]
    assert found["ssl_context"].check_hostname
    assert (found["sasl_plain_username"], found["sasl_plain_password"]) == ("worker", SECRET)
    confluent = confluent_arguments(SASL)
    assert confluent["bootstrap.servers"] == "a.example:9093,b.example:9093"
    assert (confluent["sasl.mechanism"], confluent["sasl.password"]) == ("SCRAM-SHA-512", SECRET)
    assert SECRET not in repr(SASL)


def test_a_file_that_is_no_certificate_is_a_mistake_of_the_settings(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.write_text("no certificate", encoding="utf-8")
    for ca in (file, tmp_path / "missing.pem"):
        with pytest.raises(SettingsError, match="ca_file"):
            kafka_python_arguments(KafkaSettings(bootstrap="a.example:9093", security="SSL", ca_file=ca))
    assert confluent_arguments(KafkaSettings(bootstrap="a.example:1", security="SSL", ca_file=file))[
        "ssl.ca.location"
    ] == str(file)


def test_reach_needs_one_server_that_takes_a_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        reach(KafkaSettings(bootstrap=f"127.0.0.1:1,127.0.0.1:{port}"))
    with pytest.raises(BrokerUnavailable, match=r"127\.0\.0\.1:1"):
        reach(KafkaSettings(bootstrap="127.0.0.1:1"))
