"""TLS contexts from the files that settings name, and what is wrong with a certificate, in words.

Kafka's clients and the vault's two sides share it. `group` is the section of the settings that the files stand in.
"""

from __future__ import annotations

import ssl
from pathlib import Path

from streams.errors import SettingsError

__all__ = ["client_context", "fault", "server_context"]

_EXPIRED, _OTHER_NAME = 10, 62  # OpenSSL's codes


def client_context(group: str, ca: Path | None, cert: Path | None, key: Path | None) -> ssl.SSLContext:
    """Verifies the server's certificate and host name against the named authority, or the system's; shows ours."""
    _readable(group, ca_file=ca, cert_file=cert, key_file=key)
    try:
        context = ssl.create_default_context(cafile=str(ca) if ca else None)
    except (OSError, ssl.SSLError):
        raise _no_authority(group, ca) from None
    if cert is not None:
        _show(context, group, cert, key)
    return context


def server_context(group: str, ca: Path | None, cert: Path | None, key: Path | None) -> ssl.SSLContext:
    """Takes those clients alone that show a certificate of the authority; TLS 1.3."""
    _readable(group, ca_file=ca, cert_file=cert, key_file=key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.verify_mode = ssl.CERT_REQUIRED
    assert ca is not None, "the settings have looked at it"
    assert cert is not None, "and at this"
    try:
        context.load_verify_locations(str(ca))
    except (OSError, ssl.SSLError):
        raise _no_authority(group, ca) from None
    _show(context, group, cert, key)
    return context


def fault(error: ssl.SSLCertVerificationError, host: str, group: str) -> str:
    """Why the certificate of a server was not believed."""
    if error.verify_code == _EXPIRED:
        return "its certificate has expired: renew it"
    if error.verify_code == _OTHER_NAME:
        return f"its certificate is not for {host}: connect to the name that it is for"
    return f"its certificate is not signed by the authority in {group}.ca_file ({error.verify_message})"


def _readable(group: str, **files: Path | None) -> None:
    for name, path in files.items():
        try:
            if path is not None:
                path.read_bytes()
        except OSError as error:
            raise SettingsError(f"{group}.{name} {path}: {error.strerror}") from None


def _no_authority(group: str, ca: Path | None) -> SettingsError:
    return SettingsError(f"{group}.ca_file {ca} holds no certificate: want a PEM file")


def _show(context: ssl.SSLContext, group: str, cert: Path, key: Path | None) -> None:
    try:
        context.load_cert_chain(str(cert), str(key) if key else None, password="")  # a password would be asked for
    except (OSError, ssl.SSLError) as error:
        raise SettingsError(
            f"{group}.cert_file {cert} and {group}.key_file {key} cannot be used ({type(error).__name__}): "
            "want a certificate and its own key without a password, as PEM"
        ) from None
