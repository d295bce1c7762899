"""Scenarios: each ill-treats a deployment under load `turns` times, and says what must have become of the events."""

from __future__ import annotations

import os
import resource
import signal
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from subprocess import Popen
from typing import NamedTuple

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from kafka import KafkaAdminClient
from kafka.admin import ConfigResource

from bench.faults.trial import Trial, Verdict, trial
from streams.demo.processes import until
from streams.errors import ClockSkew, DependencyError, SettingsError
from streams.kafka.admin import apply
from streams.kafka.clients import confluent_arguments, kafka_python_arguments
from streams.lifecycle.accounts import Change, open_registry
from streams.model import StorageMode
from tests.kafka_server import KafkaCluster, KafkaServer

__all__ = ["SCENARIOS", "Scenario", "run"]

OLDER = "bench.faults.older"  # what runs a worker of the release before
RATE = 400.0  # events a second
WARM = 2_000
PAST_SESSION = 9.0
VAULT_GONE = 20.0
BROKER_GONE = 4.0
WAIT = 60.0
REPLICAS = {"STREAMS_TOPICS__REPLICATION": "3", "STREAMS_TOPICS__MIN_INSYNC": "2"}

Brokers = KafkaServer | KafkaCluster


class Scenario(NamedTuple):
    """What is done, in words; how often it is done in a long run; and who does it. `seconds` is what one turn takes."""

    told: str
    turns: int
    seconds: float
    act: Callable[[Trial, Brokers, int], Verdict]
    brokers: int = 1


def kill_workers(trial: Trial, kafka: Brokers, turns: int) -> Verdict:
    """kill -9 of one of two workers at random moments; it starts again at once, and is ready before the next turn."""
    workers = [trial.processes.start("worker", "--index", str(index)) for index in range(2)]
    for _ in range(turns):
        for index in range(2):
            trial.ready(index)
        trial.wait(3)
        index = trial.choose.randrange(2)
        ends, since = trial.ends(), time.monotonic()
        trial.processes.end(workers[index], signal.SIGKILL)
        workers[index] = trial.processes.start("worker", "--index", str(index))
        trial.recover(since, ends)
    return trial.finish()


def stop_and_go_on(trial: Trial, kafka: Brokers, turns: int) -> Verdict:
    """A worker sleeps past its session, others take over, it wakes up."""
    supervisor = trial.workers(2)
    for _ in range(turns):
        trial.wait(2)
        victim = trial.choose.choice(trial.victims(supervisor))
        ends, since = trial.ends(), time.monotonic()
        os.kill(victim, signal.SIGSTOP)
        try:
            trial.recover(since, ends)
            time.sleep(max(0.0, PAST_SESSION - (time.monotonic() - since)))
        finally:
            os.kill(victim, signal.SIGCONT)
    return trial.finish()


def rebalance_storm(trial: Trial, kafka: Brokers, turns: int) -> Verdict:
    """Workers come and go before the group has settled."""
    trial.workers(1)
    for turn in range(turns):
        ends, since = trial.ends(), time.monotonic()
        guest = trial.processes.start("worker", "--index", str(2 + turn % 2))
        trial.wait(6)
        trial.processes.end(guest, trial.choose.choice([signal.SIGTERM, signal.SIGKILL]))
        if turn == turns - 1:
            trial.recover(since, ends)
    return trial.finish()


def restart_broker(trial: Trial, kafka: Brokers, turns: int) -> Verdict:
    """The only broker is killed, and comes back."""
    assert isinstance(kafka, KafkaServer)
    trial.workers(2)
    for _ in range(turns):
        trial.wait(3)
        ends, since = trial.ends(), time.monotonic()
        kafka.kill()
        time.sleep(BROKER_GONE)
        kafka.start()
        trial.recover(since, ends)
    return trial.finish(resent=True)


def kill_each_broker(trial: Trial, kafka: Brokers, turns: int) -> Verdict:
    """Of three brokers, one after the other is killed and comes back; two suffice to take what is sent."""
    assert isinstance(kafka, KafkaCluster)
    trial.workers(2)
    for turn in range(turns):
        broker = kafka.brokers[turn % len(kafka.brokers)]
        trial.wait(3)
        ends, since = trial.ends(), time.monotonic()
        broker.kill()
        trial.recover(since, ends)
        broker.start()
        until(lambda: _in_sync(trial), WAIT, "a broker's return among the replicas in sync", lambda: None)
    return trial.finish(resent=True)


def _in_sync(trial: Trial) -> bool:
    try:
        topics = AdminClient(confluent_arguments(trial.deployment.settings.kafka)).list_topics(timeout=5).topics
    except KafkaException:
        return False
    partitions = [one for topic in topics.values() for one in topic.partitions.values()]
    return all(len(one.isrs) == len(one.replicas) for one in partitions)


def lose_vault(trial: Trial, kafka: Brokers, turns: int) -> Verdict:
    """The vault hangs, then is killed, is gone for twenty seconds, and is started again; then a worker starts."""
    trial.workers(2)
    for _ in range(turns):
        vault = next(process for name, process in trial.processes.running if name == "vault")
        vault.send_signal(signal.SIGSTOP)
        time.sleep(3)
        vault.send_signal(signal.SIGCONT)
        trial.processes.end(vault, signal.SIGKILL)
        ends, since = trial.ends(), time.monotonic()
        guest = trial.processes.start("worker", "--index", "2")  # it has to wait for the vault's keys
        time.sleep(VAULT_GONE)
        trial.processes.start("vault", "serve")
        trial.recover(since, ends)
        trial.processes.end(guest)
    return trial.finish()


def kill_janitor(trial: Trial, kafka: Brokers, turns: int) -> Verdict:
    """The janitor purges all the time, and is killed again and again in the middle of it."""
    trial.workers(2)
    for _ in range(turns):
        janitor = next(process for name, process in trial.processes.running if name == "janitor")
        trial.wait(3)
        trial.processes.end(janitor, signal.SIGKILL)
        trial.processes.start("janitor")
    return trial.finish()


def wrong_clock(trial: Trial, kafka: Brokers, turns: int) -> Verdict:
    """A worker's clock jumps by a day, forwards or back, while it works: it ends by itself, and others do its work."""
    trial.workers(1)
    jump = trial.folder / "jump"
    for turn in range(turns):
        jump.write_text("+0", encoding="utf-8")
        guest = trial.processes.start("worker", "--index", "2", extra=_faked_clock(jump))
        trial.processes.until_served(trial.deployment.page(2, "readyz"), WAIT, "the worker's start")
        trial.wait(2)
        ends, since = trial.ends(), time.monotonic()
        jump.write_text("-1d" if turn % 2 else "+1d", encoding="utf-8")
        code = guest.wait(WAIT)
        trial.recover(since, ends)
        trial.processes.end(guest)
        if code != ClockSkew.exit_code or "by one time server" not in trial.log("worker"):
            return trial.finish(lambda totals, number: ["the worker did not say that its clock is wrong"])
    return trial.finish()


def _faked_clock(jump: Path) -> dict[str, str]:
    """A process's environment in which its clock (not the monotonic one) is off by what the file says."""
    library = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
    if library is None:
        raise SettingsError("the library of `faketime` is not installed: install Debian's package faketime")
    return {
        "LD_PRELOAD": str(library),
        "FAKETIME_TIMESTAMP_FILE": str(jump),
        "FAKETIME_CACHE_DURATION": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }


def upgrade_and_back(trial: Trial, kafka: Brokers, turns: int) -> Verdict:
    """Workers of the release before are replaced one by one, and then those of this release, in one group."""
    running = [_join(trial, index, OLDER) for index in range(2)]
    for _ in range(turns):
        for module in ("streams", OLDER):
            for index in range(2):
                trial.wait(3)
                ends, since = trial.ends(), time.monotonic()
                if trial.processes.end(running[index]) != 0:
                    return trial.finish(lambda totals, number: ["a worker did not leave in order"])
                running[index] = _join(trial, index, module)
                trial.recover(since, ends)
    versions = trial.versions("receipts", "receipt")
    return trial.finish(None if versions == {1, 2} else lambda totals, number: [f"receipts are of {versions} alone"])


def _join(trial: Trial, index: int, module: str) -> Popen[bytes]:
    worker = trial.processes.start("worker", "--index", str(index), module=module)
    trial.processes.until_served(trial.deployment.page(index, "readyz"), WAIT, "the worker's start")
    return worker


def remove_output(trial: Trial, kafka: Brokers, turns: int) -> Verdict:
    """An output topic is removed and made again: workers stop before they commit, and go on. What was on it is gone."""
    trial.workers(2)
    name = trial.topic("violations.malware")
    for _ in range(turns):
        trial.wait(2)
        admin = KafkaAdminClient(**kafka_python_arguments(trial.deployment.settings.kafka))
        ends, since = trial.ends(), time.monotonic()
        admin.delete_topics([name])
        admin.close()
        until(lambda: "failed" in trial.log("worker"), WAIT, "a worker's word about the missing topic", lambda: None)
        apply(trial.deployment.settings)
        trial.recover(since, ends)
    return trial.finish()


def too_large_for_output(trial: Trial, kafka: Brokers, turns: int) -> Verdict:
    """`tagged` takes only small records for a while: what is too large becomes a dead letter, its neighbours go on."""
    trial.workers(2)
    for _ in range(turns):
        ends = trial.ends()
        until(partial(trial.has_committed, ends), WAIT, "a commit while all is well", lambda: None)
        _limit(trial, "1000")
        until(lambda: "output_too_large" in trial.dead_letters(), WAIT, "a dead letter", lambda: None)
        _limit(trial, str(12 << 20))
    return trial.finish(_dead_letters_too)


def _limit(trial: Trial, size: str) -> None:
    admin = KafkaAdminClient(**kafka_python_arguments(trial.deployment.settings.kafka))
    admin.alter_configs([ConfigResource("TOPIC", trial.topic("tagged"), {"max.message.bytes": size})])
    admin.close()


def _dead_letters_too(totals: Mapping[str, int], number: int) -> list[str]:
    ended = set(totals) == {"stored", "not_stored", "dead_letter"} and sum(totals.values()) == number
    return [] if ended else [f"ended as {dict(totals)}, of {number}"]


def fill_broker_disk(trial: Trial, kafka: Brokers, turns: int) -> Verdict:
    """The broker's disk is full: it takes nothing any more and ends. Then there is room, and it starts again."""
    assert isinstance(kafka, KafkaServer)
    trial.workers(2)
    for _ in range(turns):
        trial.wait(2)
        ends, since = trial.ends(), time.monotonic()
        resource.prlimit(kafka.pid, resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))
        until(lambda: not kafka.runs, WAIT, "the end of a broker that cannot write", lambda: None)
        kafka.kill()
        kafka.start()
        trial.recover(since, ends)
    return trial.finish(resent=True)


def fill_vault_disk(trial: Trial, kafka: Brokers, turns: int) -> Verdict:
    """The vault cannot write: new keys are refused with its reason, workers go on with those they have; then it can."""
    trial.workers(2)
    for turn in range(turns):
        vault = next(process for name, process in trial.processes.running if name == "vault")
        limits = resource.prlimit(vault.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(vault.pid, resource.RLIMIT_FSIZE, (1, limits[1]))
        try:
            if _can_set(trial, f"new-{turn}"):
                return trial.finish(lambda totals, number: ["an account got a key that could not be written"])
        finally:
            resource.prlimit(vault.pid, resource.RLIMIT_FSIZE, limits)
        if not _can_set(trial, f"new-{turn}"):
            return trial.finish(lambda totals, number: ["the vault does not go on once it can write again"])
    return trial.finish()


def _can_set(trial: Trial, account: str) -> bool:
    try:
        with open_registry(trial.deployment.settings) as registry:
            registry.set(account, Change(mode=StorageMode.STANDARD))
    except DependencyError:
        return False
    return True


SCENARIOS: dict[str, Scenario] = {
    "kill": Scenario("kill -9 of a worker at random moments", 50, 10, kill_workers),
    "zombie": Scenario("a worker stopped past its session, then woken", 5, 15, stop_and_go_on),
    "storm": Scenario("workers come and go without a pause", 20, 6, rebalance_storm),
    "broker": Scenario("the broker killed and restarted", 3, 25, restart_broker),
    "brokers": Scenario("one of three brokers killed at a time", 3, 25, kill_each_broker, brokers=3),
    "vault": Scenario("the vault hangs, is gone for 20 s, restarts", 2, 35, lose_vault),
    "janitor": Scenario("the janitor killed while it purges", 20, 4, kill_janitor),
    "clock": Scenario("a worker's clock jumps by a day", 4, 40, wrong_clock),
    "upgrade": Scenario("a rolling upgrade under load, and back", 2, 30, upgrade_and_back),
    "removed": Scenario("an output topic removed and made again", 2, 30, remove_output),
    "large": Scenario("records too large for their output", 1, 20, too_large_for_output),
    "full": Scenario("the broker's disk full", 2, 25, fill_broker_disk),
    "disk": Scenario("the vault's disk full", 2, 10, fill_vault_disk),
}


def run(name: str, folder: Path, turns: int | None = None, rate: float = RATE, seed: int = 7) -> Verdict:
    """One scenario on a broker of its own."""
    scenario = SCENARIOS[name]
    turns = turns or scenario.turns
    (folder / "kafka").mkdir(parents=True)
    alone = scenario.brokers == 1
    brokers = KafkaServer(folder / "kafka") if alone else KafkaCluster(folder / "kafka", scenario.brokers)
    extra = None if alone else REPLICAS
    with brokers as kafka, trial(kafka.bootstrap, folder / "run", extra, seed) as made:
        made.load(int(rate * scenario.seconds * turns) + WARM, rate)
        return scenario.act(made, kafka, turns)
