"""Files for TLS that cannot be used are named with their settings, whoever reads them."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from streams.client import Client, Connection
from streams.errors import SettingsError
from streams.tls import client_context, server_context
from tests.certificates import Authority, Pair

BOTH = pytest.mark.parametrize("context", [client_context, server_context])
Context = Callable[[str, Path | None, Path | None, Path | None], ssl.SSLContext]


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def pair(authority: Authority) -> Pair:
    return authority.sign("somebody")


@BOTH
def test_the_other_side_has_to_show_a_certificate_of_the_authority(
    context: Context, authority: Authority, pair: Pair
) -> None:
    made = context("vault", authority.ca, pair.cert, pair.key)
    assert made.verify_mode is ssl.CERT_REQUIRED
    assert len(made.get_ca_certs()) == 1


def test_a_client_looks_at_the_name_and_a_server_speaks_the_newest_tls_alone(authority: Authority, pair: Pair) -> None:
    assert client_context("kafka", authority.ca, None, None).check_hostname
    assert server_context("vault", authority.ca, pair.cert, pair.key).minimum_version is ssl.TLSVersion.TLSv1_3


@BOTH
@pytest.mark.parametrize("name", ["ca_file", "cert_file", "key_file"])
def test_a_file_that_is_not_there_is_named(
    context: Context, name: str, authority: Authority, pair: Pair, tmp_path: Path
) -> None:
    files = {"ca_file": authority.ca, "cert_file": pair.cert, "key_file": pair.key, name: tmp_path / "gone.pem"}
    with pytest.raises(SettingsError, match=rf"kafka\.{name} .*gone\.pem: No such file"):
        context("kafka", files["ca_file"], files["cert_file"], files["key_file"])


@BOTH
def test_a_file_that_is_no_certificate_is_named(context: Context, pair: Pair, tmp_path: Path) -> None:
    (tmp_path / "text.pem").write_text("no certificate", encoding="utf-8")
    with pytest.raises(SettingsError, match=r"vault\.ca_file .*text\.pem holds no certificate"):
        context("vault", tmp_path / "text.pem", pair.cert, pair.key)


@BOTH
def test_a_key_of_another_certificate_or_with_a_password_is_named_and_nobody_is_asked(
    context: Context, authority: Authority, pair: Pair, tmp_path: Path
) -> None:
    locked = tmp_path / "locked.pem"
    key = load_pem_private_key(pair.key.read_bytes(), None)
    locked.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"made up")))
    for wrong in (authority.sign("another").key, locked):
        with pytest.raises(SettingsError, match=rf"vault\.key_file {wrong} cannot be used"):
            context("vault", authority.ca, pair.cert, wrong)


def test_an_application_learns_of_its_files_when_it_makes_its_client(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"kafka\.ca_file .*gone\.pem: No such file"):
        Client(Connection("127.0.0.1:1", security="SSL", ca_file=tmp_path / "gone.pem"))
