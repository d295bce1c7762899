"""Worker, vault and janitor as processes on the embedded broker: what goes where, what is kept, what a crash leaves."""

from __future__ import annotations

import signal
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from bench.deployment import Deployment, deploy_on, send, settle
from streams.client import Client
from streams.codec.records import decode_dead_letter, decode_tagged, decode_violation
from streams.demo.processes import fetch, until
from streams.demo.proof import prove
from streams.kafka.embedded import EmbeddedBroker
from streams.kafka.reading import Publisher, Reader
from streams.kafka.topics import topic_name
from streams.lifecycle.accounts import Change, open_registry
from streams.lifecycle.scan import canary
from streams.metrics import samples
from streams.model import AREAS, Record, StorageMode, Violation
from streams.worker.measure import SECONDS as SECONDS_BETWEEN

pytestmark = pytest.mark.broker
ACCOUNTS = {"acme": StorageMode.STANDARD, "quiet": StorageMode.NO_STORAGE, "edgy": StorageMode.EDGE}
MARKED = "a made-up line [[synthetic:malware]]"
LOAD = 4_000
SECONDS = 60.0


def records(deployment: Deployment, *short: str) -> list[Record]:
    """All records of some topics."""
    with Reader(deployment.settings.kafka) as reader:
        return list(reader.read([topic_name(deployment.settings.topics, name) for name in short]))


def violations(deployment: Deployment) -> list[Violation]:
    found = records(deployment, *(f"violations.{area.value}" for area in AREAS))
    return [decode_violation(record.value or b"") for record in found]


@pytest.fixture
def deployment(broker: EmbeddedBroker, tmp_path: Path) -> Iterator[Deployment]:
    """A deployment of its own on the shared broker; the worker is started by the test."""
    extra = {"STREAMS_TOPICS__PREFIX": f"w{uuid.uuid4().hex[:8]}.", "STREAMS_TOPICS__PARTITIONS": "2"}
    extra |= {"STREAMS_WORKER__SESSION_TIMEOUT": "6", "STREAMS_JANITOR__INTERVAL": "1"}
    with deploy_on(broker.bootstrap, tmp_path, ACCOUNTS, extra) as running:
        yield running


def followed(deployment: Deployment) -> float:
    """When, at the least, the worker last knew all that `accounts` held; it measures every two seconds."""
    now = time.time()
    ages = [
        value
        for name, labels, value in samples(fetch(deployment.page(0))[1])
        if name == "streams_follow_age_seconds" and dict(labels) == {"topic": "accounts"}
    ]
    return now - 2 * SECONDS_BETWEEN - ages[0] if ages else 0.0


def load(number: int) -> Iterator[Mapping[str, Any]]:
    """Events of the standard account, one in ten of them a violation."""
    for i in range(number):
        text = MARKED if i % 10 == 0 else "How long must bread rise in a cool kitchen?"
        yield {"prompt": f"{text} {i}", "account": "acme", "conversation": f"c-{i % 100}"}


def test_every_event_goes_where_it_belongs_and_nothing_of_protected_accounts_lies_anywhere(
    deployment: Deployment, tmp_path: Path
) -> None:
    deployment.worker()
    hidden, shown = [canary() for _ in range(4)], [canary() for _ in range(2)]
    with Client(deployment.settings.kafka.bootstrap, prefix=deployment.settings.topics.prefix) as client:
        assert client.wait_ready(SECONDS)
        for account in ACCOUNTS:
            client.record(prompt="How do magnets work?", account=account, conversation="c-1")
            client.record(prompt=MARKED, account=account, conversation="c-1")
        for number, token in enumerate(hidden):
            client.record(prompt=f"remember {token}", account=("quiet", "edgy")[number % 2])
        assert client.flush(SECONDS)
        assert client.statistics.dropped == {}
        sent = client.statistics.sent
    with Publisher(deployment.settings.kafka) as publisher:
        plain = [b"nothing of ours"] + [
            f'{{"event_id": "p", "account": "acme", "prompt": "remember {token}"}}'.encode() for token in shown
        ]
        publisher.publish(topic_name(deployment.settings.topics, "intake.plain"), [(b"k", value) for value in plain])
    report = settle(deployment)
    assert report.ok
    assert report.totals == {"stored": 4, "not_stored": 8, "dead_letter": 1}
    assert sum(report.totals.values()) == sent + len(plain)

    found = violations(deployment)
    assert Counter(one.account for one in found) == dict.fromkeys(ACCOUNTS, 1)
    for one in found:
        assert one.mode is ACCOUNTS[one.account]
        assert (one.conversation == "c-1") is (one.mode is StorageMode.STANDARD)
    tagged = [decode_tagged(record.value or b"") for record in records(deployment, "tagged")]
    assert {outcome.signal.meta.account for outcome in tagged if outcome.signal} == {"acme"}
    assert all(outcome.keep for outcome in tagged)
    (letter,) = records(deployment, "dead-letter")
    assert decode_dead_letter(letter.value or b"").code.value == "unknown_framing"

    proof = prove(deployment.settings, tmp_path, hidden, shown)
    assert proof.found_canaries == set()
    assert proof.found_controls == set(shown), "the search finds what was sent in the clear"


def test_a_change_of_mode_holds_for_what_comes_after_it(deployment: Deployment) -> None:
    deployment.worker()
    settings = deployment.settings
    with Client(settings.kafka.bootstrap, prefix=settings.topics.prefix) as client:
        assert client.wait_ready(SECONDS)
        client.record(prompt=MARKED, account="acme")
        assert client.flush(SECONDS)
        assert settle(deployment).totals == {"stored": 1}
        with open_registry(settings) as registry:
            registry.set("acme", Change(mode=StorageMode.NO_STORAGE))
        until(lambda: client.mode("acme") is StorageMode.NO_STORAGE, SECONDS, "the change", deployment.processes.check)
        changed = time.time()
        until(lambda: followed(deployment) > changed, SECONDS, "the worker's next look", deployment.processes.check)
        client.record(prompt=MARKED, account="acme")
        assert client.flush(SECONDS)
    assert settle(deployment).totals == {"stored": 1, "not_stored": 1}
    assert [one.mode for one in violations(deployment)] == [StorageMode.STANDARD, StorageMode.NO_STORAGE]


def started(deployment: Deployment, ended: int) -> None:
    """Wait until a worker has ended some offsets."""
    until(
        lambda: (numbers := deployment.numbers()) is not None and numbers.ended >= ended,
        SECONDS,
        f"the end of {ended} events",
        deployment.processes.check,
    )


def test_a_clean_stop_under_load_repeats_nothing_and_loses_nothing(deployment: Deployment) -> None:
    sent, dropped = send(deployment, load(LOAD))
    assert (sent, dropped) == (LOAD, {})
    worker = deployment.worker()
    started(deployment, 1)
    assert deployment.processes.end(worker) == 0
    deployment.worker()
    report = settle(deployment)
    assert report.ok
    assert report.as_json()["repeats"] == 0
    assert report.totals == {"stored": LOAD}


def test_a_kill_loses_nothing_and_what_comes_again_has_the_same_ids(deployment: Deployment) -> None:
    worker = deployment.worker()
    send(deployment, load(LOAD))
    started(deployment, 1)
    assert deployment.processes.end(worker, signal.SIGKILL) == -signal.SIGKILL
    deployment.worker()
    report = settle(deployment)
    assert report.ok
    assert report.totals == {"stored": LOAD}
    assert len({one.violation_id for one in violations(deployment)}) == LOAD // 10
    events = {record.source for record in map(tagged_outcome, records(deployment, "tagged"))}
    assert len(events) == LOAD


def tagged_outcome(record: Record) -> Any:
    return decode_tagged(record.value or b"")


def test_without_the_vault_a_worker_waits_commits_nothing_and_goes_on_when_it_is_back(deployment: Deployment) -> None:
    send(deployment, load(50))
    (vault,) = [process for name, process in deployment.processes.running if name == "vault"]
    assert deployment.processes.end(vault) == 0
    worker = deployment.processes.start("worker")
    until(lambda: fetch(deployment.page(0))[0] == 200, SECONDS, "the worker's page", deployment.processes.check)
    assert fetch(deployment.page(0, "readyz"))[0] == 503
    assert records(deployment, "tagged", "receipts", "dead-letter") == []
    deployment.processes.start("vault", "serve")
    report = settle(deployment)
    assert report.ok
    assert report.totals == {"stored": 50}
    assert worker.poll() is None


def test_a_worker_refuses_to_start_without_its_topics(deployment: Deployment) -> None:
    environment = {**deployment.environment, "STREAMS_TOPICS__PREFIX": "nobody."}
    processes = type(deployment.processes)(environment, Path(deployment.settings.vault.directory).parent / "refused")
    with processes:
        worker = processes.start("worker")
        assert worker.wait(SECONDS) == 2
    log = (Path(deployment.settings.vault.directory).parent / "refused" / "worker.log").read_text()
    assert "streams topics apply" in log
    assert "Traceback" not in log
