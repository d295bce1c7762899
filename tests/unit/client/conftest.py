"""A transit key of each class, and a core that knows it."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic, time

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from streams.client.config import Connection, Limits
from streams.client.core import Core, Options
from streams.client.report import Problem
from streams.model import KeyKind, PublicKey, TransitClass

HOUR = 3_600_000
MakeCore = Callable[..., Core]


def transit_key(transit_class: TransitClass, private: X25519PrivateKey | None = None) -> PublicKey:
    """A key in force for an hour."""
    now = int(time() * 1000)
    return PublicKey(
        key_id=f"t-{transit_class.value}",
        kind=KeyKind.TRANSIT,
        public=(private or X25519PrivateKey.generate()).public_key().public_bytes_raw(),
        seal_from=now - 1000,
        seal_until=now + HOUR,
        end=now + 2 * HOUR,
        transit_class=transit_class,
    )


@pytest.fixture
def problems() -> list[Problem]:
    return []


@pytest.fixture
def make_core(problems: list[Problem]) -> MakeCore:
    def make(limits: Limits | None = None, keys: bool = True, accounts: list[str] | None = None) -> Core:
        options = Options(Connection(), accounts=accounts, on_error=problems.append, limits=limits or Limits())
        core = Core(options, lambda: None)
        if keys:
            for transit_class in TransitClass:
                core.following.keys.put(transit_key(transit_class))
            core.following.caught_up(monotonic())
        return core

    return make
