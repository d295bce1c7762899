"""A real Apache Kafka (KRaft, one node or three) for tests: from Maven Central once, then from `.cache/kafka`."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from streams.kafka.embedded import free_port

__all__ = ["VERSION", "KafkaCluster", "KafkaServer", "missing"]

VERSION = "4.1.0"
CACHE = Path(__file__).parents[1] / ".cache" / "kafka" / VERSION
READY_SECONDS = 60.0
_POM = """<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>local</groupId><artifactId>kafka-for-tests</artifactId><version>1</version><dependencies>
<dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>{version}</version></dependency>
<dependency><groupId>org.apache.logging.log4j</groupId><artifactId>log4j-slf4j-impl</artifactId><version>2.24.3</version>
</dependency></dependencies></project>"""
_PROPERTIES = """process.roles=broker,controller
node.id={node}
controller.quorum.voters={voters}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={folder}/data
offsets.topic.replication.factor={replicas}
offsets.topic.num.partitions=1
transaction.state.log.replication.factor={replicas}
transaction.state.log.num.partitions=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor={replicas}
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
log.retention.check.interval.ms=1000
log.segment.delete.delay.ms=0
log.initial.task.delay.ms=1000
replica.fetch.max.bytes=16777216
{extra}
"""


def missing() -> str | None:
    """What keeps a real Kafka from running here, or None."""
    lacking = [name for name in ("java", "mvn") if shutil.which(name) is None]
    if CACHE.is_dir() and shutil.which("java"):
        return None
    return f"a real Kafka needs {' and '.join(lacking)} (Java 17, Maven)" if lacking else None


def libraries() -> Path:
    """The folder of jars, fetched once. Two test runs at once do no harm: the first to finish wins."""
    if CACHE.is_dir():
        return CACHE
    CACHE.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE.parent) as folder:
        (Path(folder) / "pom.xml").write_text(_POM.format(version=VERSION), encoding="utf-8")
        libs = Path(folder) / "libs"
        command = [
            "mvn",
            "-q",
            "-B",
            "dependency:copy-dependencies",
            f"-DoutputDirectory={libs}",
            "-DincludeScope=runtime",
        ]
        subprocess.run(command, cwd=folder, check=True, timeout=300)
        try:
            libs.rename(CACHE)
        except OSError:
            assert CACHE.is_dir(), "another run should have fetched them"
    return CACHE


class Seat(NamedTuple):
    """A broker's place in a cluster: the cluster's id, the port of each node's controller, and which node it is."""

    cluster: str
    controllers: Mapping[int, int]
    node: int = 1

    @classmethod
    def alone(cls, nodes: int = 1) -> Seat:
        """The first seat of a new cluster."""
        cluster = urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        return cls(cluster, {node: free_port() for node in range(1, nodes + 1)})


class KafkaServer:
    """One broker over `folder`; it can be stopped, killed and started again with what it holds."""

    def __init__(
        self,
        folder: Path,
        extra: str = "",
        formatting: Iterable[str] = (),
        port: int | None = None,
        seat: Seat | None = None,
    ) -> None:
        self.folder = folder
        self.port = port or free_port()
        seat = seat or Seat.alone()
        self._process: subprocess.Popen[bytes] | None = None
        self._java = ["java", "-Xms256m", "-Xmx512m", "-cp", f"{libraries()}/*"]
        self._properties = folder / "server.properties"
        text = _PROPERTIES.format(
            node=seat.node,
            voters=",".join(f"{node}@127.0.0.1:{controller}" for node, controller in seat.controllers.items()),
            replicas=len(seat.controllers),
            port=self.port,
            controller=seat.controllers[seat.node],
            folder=folder,
            extra=extra,
        )
        self._properties.write_text(text, encoding="utf-8")
        storage_tool = [*self._java, "kafka.tools.StorageTool", "format", f"--cluster-id={seat.cluster}"]
        with (folder / "format.log").open("wb") as log:
            command = [*storage_tool, *formatting, "-c", str(self._properties)]
            subprocess.run(command, check=True, timeout=60, stdout=log, stderr=log)

    @property
    def bootstrap(self) -> str:
        """Where clients reach it."""
        return f"127.0.0.1:{self.port}"

    @property
    def runs(self) -> bool:
        """Whether its process runs."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """Its process."""
        assert self._process is not None, "it does not run"
        return self._process.pid

    @property
    def data(self) -> Path:
        """The folder of its logs."""
        return self.folder / "data"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start, and wait until it takes connections."""
        self.launch()
        self.wait_ready()

    def launch(self) -> None:
        """Start, and do not wait."""
        environment = {**os.environ, "LOG_DIR": str(self.folder)}
        with (self.folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                [*self._java, "kafka.Kafka", str(self._properties)],
                stdout=log, stderr=log, env=environment, cwd=self.folder,
            )  # fmt: skip

    def wait_ready(self) -> None:
        """Wait until it takes connections, which in a cluster takes most of the others."""
        assert self._process is not None, "launch it first"
        deadline = time.monotonic() + READY_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise RuntimeError(f"Kafka did not start; see {self.folder / 'server.log'}")
            time.sleep(0.1)

    def stop(self) -> None:
        """Stop cleanly."""
        self._end(kill=False)

    def kill(self) -> None:
        """Kill with signal 9."""
        self._end(kill=True)

    def _end(self, kill: bool) -> None:
        if self._process is None:
            return
        process, self._process = self._process, None
        if kill:
            process.kill()
        else:
            process.terminate()
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _answers(self) -> bool:
        with socket.socket() as probe:
            probe.settimeout(0.5)
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


class KafkaCluster:
    """Brokers that replicate to each other; each can be killed and started again by itself."""

    def __init__(self, folder: Path, nodes: int = 3) -> None:
        seat, self.brokers = Seat.alone(nodes), list[KafkaServer]()
        for node in seat.controllers:
            (folder / str(node)).mkdir()
            self.brokers.append(KafkaServer(folder / str(node), seat=seat._replace(node=node)))

    @property
    def bootstrap(self) -> str:
        """Where clients reach all of them."""
        return ",".join(broker.bootstrap for broker in self.brokers)

    def __enter__(self) -> Self:
        for broker in self.brokers:
            broker.launch()
        try:
            for broker in self.brokers:
                broker.wait_ready()
        except BaseException:
            self._kill()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._kill()  # one that shuts down in order waits for the others, which go too

    def _kill(self) -> None:
        for broker in self.brokers:
            broker.kill()
