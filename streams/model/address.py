"""Addresses: which of them never leave this machine."""

from __future__ import annotations

from ipaddress import ip_address

__all__ = ["is_loopback"]


def is_loopback(address: str) -> bool:
    """Whether `host`, `host:port` or `[v6]:port` is this machine's own loopback.

    >>> is_loopback("127.0.0.1:9092"), is_loopback("[::1]:9092"), is_loopback("kafka.example:9092")
    (True, True, False)
    """
    host = address.rsplit(":", 1)[0] if address.count(":") == 1 or "]:" in address else address
    host = host.strip("[]")
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
