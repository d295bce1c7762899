"""A deployment on a Kafka that trusts nobody: every process and command runs as the user of its role."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from streams.demo.processes import Processes, until
from streams.errors import VaultUnavailable
from streams.kafka.embedded import free_port
from streams.settings import KafkaSettings, Settings, parse
from streams.vault.client import ControlClient
from tests.secure_kafka import SUPER, SecureKafka

__all__ = ["USERS", "Secured", "secured"]

EXAMPLE = Path(__file__).parents[2] / "deploy" / "acls.yaml"
SECONDS = 60.0
# By what each does, the users of deploy/acls.yaml; the vault's is added, and one that the file does not name.
USERS: Mapping[str, str] = {
    "application": "helpdesk",
    "plain_producer": "legacy-importer",
    "worker": "streams-worker",
    "janitor": "streams-janitor",
    "vault": "streams-vault",
    "administrator": "streams-administrator",
    "auditor": "auditor",
    "operator": "on-call",
    "all_areas": "trust-safety",
    "child_safety": "child-protection",
    "some_areas": "security-team",
    "ledger": "enforcement",
    "stranger": "stranger",
}


class Secured:
    """Kafka, and what each role's processes are started with."""

    def __init__(self, kafka: SecureKafka, folder: Path, stack: ExitStack) -> None:
        self.kafka = kafka
        self.folder = folder
        self._stack = stack
        self.acls = folder / "acls.yaml"
        text = EXAMPLE.read_text(encoding="utf-8").replace("vault: []", f"vault: [User:{USERS['vault']}]")
        self.acls.write_text(text, encoding="utf-8")
        self._common = {
            "STREAMS_CELL": "secured",
            "STREAMS_TOPICS__PARTITIONS": "2",
            "STREAMS_VAULT__DIRECTORY": str(folder / "vault"),
            "STREAMS_WORKER__HTTP_PORT": str(free_port()),
            "STREAMS_WORKER__SESSION_TIMEOUT": "6",
            "STREAMS_JANITOR__HTTP_PORT": str(free_port()),
            "STREAMS_JANITOR__INTERVAL": "0.5",
        }

    def environment(self, role: str) -> dict[str, str]:
        """The settings of a role, as variables; `super` is the super user."""
        return self._common | variables(self.kafka.user(USERS.get(role, role)))

    def settings(self, role: str) -> Settings:
        """The same as settings."""
        return parse(self.environment(role))

    def start(self, role: str, *words: str) -> Processes:
        """A process that runs to the end of the deployment."""
        processes = self._stack.enter_context(Processes(self.environment(role), self.folder / role))
        processes.start(*words)
        return processes

    def run(
        self, role: str, *words: str, given: str = "", more: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """`streams WORDS` as the user of a role."""
        return subprocess.run(
            [sys.executable, "-m", "streams", *words],
            env={**os.environ, **self.environment(role), **(more or {})},
            input=given,
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )

    def log(self, role: str, name: str) -> str:
        """What a process that was started has said."""
        return (self.folder / role / f"{name}.log").read_text(encoding="utf-8")


def variables(connection: KafkaSettings) -> dict[str, str]:
    """A connection as environment variables."""
    names = ("bootstrap", "security", "ca_file", "cert_file", "key_file", "username")
    found = {name: str(value) for name in names if (value := getattr(connection, name)) is not None}
    if connection.password is not None:
        found["password"] = connection.password.get_secret_value()
    return {f"STREAMS_KAFKA__{name.upper()}": value for name, value in found.items()}


@contextmanager
def secured(folder: Path) -> Iterator[Secured]:
    """Topics and permissions by the super user; vault and janitor run."""
    (folder / "kafka").mkdir()
    with SecureKafka(folder / "kafka", USERS.values()) as kafka, ExitStack() as stack:
        made = Secured(kafka, folder, stack)
        applied = made.run(SUPER, "topics", "apply", "--acls", str(made.acls))
        assert applied.returncode == 0, applied.stderr
        vault = made.start("vault", "vault", "serve")
        until(lambda: _answers(made.settings("vault")), SECONDS, "the vault's start", vault.check)
        janitor = made.start("janitor", "janitor")
        port = made.settings("janitor").janitor.http_port
        janitor.until_served(f"http://127.0.0.1:{port}/readyz", SECONDS, "the janitor's first round")
        yield made


def _answers(settings: Settings) -> bool:
    try:
        ControlClient.of(settings).status()
    except VaultUnavailable:
        return False
    return True
