"""A deployment for tests: settings, topics of its own on a shared broker, and a real vault in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from streams.errors import VaultUnavailable
from streams.kafka.admin import apply
from streams.settings import Settings, VaultSettings
from streams.vault.client import ControlClient

__all__ = ["deploy", "vault"]

_SERVE = (
    "import asyncio, sys; from pathlib import Path; from streams.settings import Settings, VaultSettings; "
    "from streams.vault.server import serve; "
    "asyncio.run(serve(Settings(vault=VaultSettings(directory=Path(sys.argv[1])))))"
)
READY_SECONDS = 30.0


def deploy(bootstrap: str, folder: Path, partitions: int = 2, create: bool = True) -> Settings:
    """Settings with a prefix that nobody else has; topics are created."""
    settings = Settings.model_validate(
        {
            "kafka": {"bootstrap": bootstrap},
            "topics": {"prefix": f"t{uuid.uuid4().hex[:8]}.", "partitions": partitions},
            "vault": VaultSettings(directory=folder / "vault"),
            "janitor": {"http_port": 0, "interval": 0.05},
        }
    )
    if create:
        apply(settings)
    return settings


@contextmanager
def vault(settings: Settings) -> Iterator[ControlClient]:
    """A vault that serves as long as the block lasts."""
    log = settings.vault.directory.parent / "vault.log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-c", _SERVE, str(settings.vault.directory)],
            stdout=file,
            stderr=file,
            env=dict(os.environ),
        )
    try:
        client = ControlClient.of(settings)
        _wait(client, process, log)
        yield client
    finally:
        process.terminate()
        process.wait(timeout=20)


def _wait(client: ControlClient, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while True:
        try:
            client.status()
        except VaultUnavailable:
            if process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(log.read_text(errors="replace")) from None
            time.sleep(0.05)
        else:
            return
