"""A deployment for tests: settings, topics of its own on a shared broker, and a real vault in a process of its own."""

from __future__ import annotations

import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from streams.demo.processes import Processes, until
from streams.errors import VaultUnavailable
from streams.kafka.admin import apply
from streams.settings import Settings, VaultSettings
from streams.vault.client import ControlClient

__all__ = ["deploy", "vault", "vault_process"]

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
    with vault_process(settings) as (control, _):
        yield control


@contextmanager
def vault_process(settings: Settings) -> Iterator[tuple[ControlClient, subprocess.Popen[bytes]]]:
    """The same with its process, which may be killed inside the block."""
    environment = {"STREAMS_VAULT__DIRECTORY": str(settings.vault.directory)}
    control = ControlClient.of(settings)

    def answers() -> bool:
        try:
            control.status()
        except VaultUnavailable:
            return False
        return True

    with Processes(environment, settings.vault.directory.parent) as processes:
        process = processes.start("vault", "serve")
        until(answers, READY_SECONDS, "the vault's start", processes.check)
        yield control, process
