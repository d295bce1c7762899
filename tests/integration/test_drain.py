"""`streams worker drain` takes supervised workers out of service under load; nothing is lost or done twice."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from bench.deployment import deploy_on, send, settle
from streams.demo.processes import until
from streams.doctor.working import worker_pages
from streams.kafka.embedded import EmbeddedBroker
from streams.model import StorageMode

pytestmark = pytest.mark.broker
SECONDS = 60.0
LOAD = 3_000


def test_a_drain_under_load_loses_nothing_and_what_is_left_waits_for_the_next(
    broker: EmbeddedBroker, tmp_path: Path
) -> None:
    extra = {"STREAMS_TOPICS__PREFIX": f"r{uuid.uuid4().hex[:8]}.", "STREAMS_TOPICS__PARTITIONS": "2"}
    extra |= {"STREAMS_WORKER__SESSION_TIMEOUT": "6", "STREAMS_WORKER__BATCH_RECORDS": "100"}
    with deploy_on(broker.bootstrap, tmp_path, {"acme": StorageMode.STANDARD}, extra) as deployment:

        def drain() -> subprocess.CompletedProcess[str]:
            command = [sys.executable, "-m", "streams", "worker", "drain", "--timeout", "60"]
            environment = {**os.environ, **deployment.environment}
            return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=2 * SECONDS)

        def ended() -> int:
            numbers = deployment.numbers()
            return numbers.ended if numbers else 0

        supervisor = deployment.worker("--workers", "2")
        both = {one.supervisor_pid for one in worker_pages(deployment.settings)}
        assert both == {supervisor.pid}
        events = (
            {"prompt": "How long must bread rise?", "account": "acme", "conversation": f"c-{i}"} for i in range(LOAD)
        )
        send(deployment, events)
        until(lambda: ended() > 0, SECONDS, "work", deployment.processes.check)
        done = drain()
        assert done.returncode == 0, done.stderr
        assert f"draining {supervisor.pid}: " in done.stdout
        assert supervisor.wait(SECONDS) == 0
        assert list(worker_pages(deployment.settings)) == []
        assert deployment.processes.end(supervisor) == 0  # it has ended: it is not watched any more

        again = drain()
        assert again.returncode == 3
        assert "nothing to drain" in again.stderr
        deployment.worker()
        report = settle(deployment)
        assert report.ok
        assert report.totals == {"stored": LOAD}
        assert sum(source.repeats for source in report.sources) == 0, "what was delivered was committed"
