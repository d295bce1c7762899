"""The janitor on fakes: every step alone, and none stops the others."""

from __future__ import annotations

import json
import logging
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pytest
from msgspec import structs

from streams import metrics
from streams.errors import BrokerUnavailable, SettingsError, VaultUnavailable
from streams.lifecycle.janitor import DriftSeen, Janitor, Step, StepResult, Unable, purgeable
from streams.lifecycle.keys import KEEP_ENDED_MS, KeyChange, changes
from streams.lifecycle.serving import Serving
from streams.model import KeyKind, PublicKey, TransitClass

HOUR = 3_600_000
NOW = 1_700_000_000_000
INTAKE = "compliance.intake"


def transit(key_id: str, end: int = NOW + HOUR) -> PublicKey:
    return PublicKey(key_id, KeyKind.TRANSIT, bytes(32), end - 2 * HOUR, end - HOUR, end, TransitClass.STANDARD)


class FakeVault:
    def __init__(self, *keys: PublicKey) -> None:
        self.keys = {key.key_id: key for key in keys}
        self.now = NOW
        self.down = False
        self.ending: set[str] = set()

    def rotate(self) -> Sequence[PublicKey]:
        self._answer()
        return [key for key in self.keys.values() if key.end > self.now]

    def end_due(self) -> Sequence[PublicKey]:
        self._answer()
        due = [key for key in self.keys.values() if key.end <= self.now]
        for key in due:
            del self.keys[key.key_id]
        return due

    def status(self) -> Mapping[str, Any]:
        self._answer()
        overdue = [key.key_id for key in self.keys.values() if key.end <= self.now]
        held = {"transit": len(self.keys), "day": 0}
        ending = sorted({*overdue, *self.ending})
        return {"keys": held, "oldest_readable_day": "2023-11-01", "overdue": len(ending), "ending": ending}

    def _answer(self) -> None:
        if self.down:
            raise VaultUnavailable("the vault does not answer")


class FakeKeyLog:
    def __init__(self) -> None:
        self.newest: dict[str, PublicKey | None] = {}
        self.writes: list[KeyChange] = []
        self.down = False

    def read(self) -> Mapping[str, PublicKey | None]:
        return dict(self.newest)

    def publish(self, changed: Iterable[KeyChange]) -> None:
        if self.down:
            raise BrokerUnavailable("Kafka does not answer")
        for change in changed:
            self.writes.append(change)
            if change.key is None:
                self.newest.pop(change.key_id, None)
            else:
                self.newest[change.key_id] = change.key


class FakeCluster:
    def __init__(self) -> None:
        self.commits: dict[tuple[str, int], dict[str, int]] = {}
        self.log_starts: dict[tuple[str, int], int] = {}
        self.found: list[DriftSeen] = []
        self.embedded = False

    def committed(self, topics: Sequence[str]) -> Mapping[tuple[str, int], Mapping[str, int]]:
        if self.embedded:
            raise Unable("the embedded broker deletes no records")
        return {place: groups for place, groups in self.commits.items() if place[0] in topics}

    def starts(self, topics: Sequence[str]) -> Mapping[tuple[str, int], int]:
        return dict(self.log_starts)

    def purge(self, before: Mapping[tuple[str, int], int]) -> None:
        self.log_starts.update(before)

    def drifts(self) -> Sequence[DriftSeen]:
        return self.found


class World:
    """A janitor, and what it works on."""

    def __init__(self) -> None:
        self.vault = FakeVault(transit("t.1"))
        self.keys = FakeKeyLog()
        self.cluster = FakeCluster()
        self.janitor = Janitor(self.vault, self.keys, self.cluster, [INTAKE], "workers", clock=lambda: self.vault.now)

    def steps(self) -> dict[str, Step]:
        return {step.name: step for step in self.janitor.round().steps}


@pytest.fixture
def world() -> World:
    return World()


def test_a_round_publishes_what_the_vault_holds_and_the_next_has_nothing_to_do(world: World) -> None:
    assert world.steps()["publish"].numbers["published"] == 1
    assert world.keys.newest == {"t.1": transit("t.1")}
    assert world.steps()["publish"].numbers["published"] == 0


def test_an_ended_key_is_published_as_ended_and_taken_off_when_long_past(world: World) -> None:
    world.steps()
    world.vault.now = NOW + HOUR
    assert world.steps()["end"].numbers["ended"] == 1
    assert world.keys.newest == {"t.1": structs.replace(transit("t.1"), ended=True)}
    world.vault.now += KEEP_ENDED_MS
    assert world.steps()["publish"].numbers["tombstones"] == 1
    assert world.keys.newest == {}


def test_an_ending_is_published_later_when_kafka_was_away_at_the_time(world: World) -> None:
    world.steps()
    world.vault.now = NOW + HOUR
    world.keys.down = True
    assert world.steps()["publish"].result is StepResult.FAILED
    world.keys.down = False
    world.steps()
    assert world.keys.newest["t.1"] == structs.replace(transit("t.1"), ended=True)


def test_a_janitor_that_starts_anew_publishes_an_ending_which_its_forerunner_did_not(world: World) -> None:
    world.keys.newest["t.0"] = transit("t.0", end=NOW - 1)
    world.steps()
    assert world.keys.newest["t.0"] == structs.replace(transit("t.0", end=NOW - 1), ended=True)


def test_a_vault_that_does_not_answer_ends_no_key_on_the_topic(world: World) -> None:
    world.steps()
    world.vault.down = True
    world.vault.now = NOW + HOUR
    steps = world.steps()
    assert steps["rotate"].result is steps["end"].result is StepResult.FAILED
    assert steps["publish"].result is steps["purge"].result is steps["drift"].result is StepResult.DONE
    assert world.keys.newest == {"t.1": transit("t.1")}


def test_a_live_key_that_the_vault_does_not_hold_is_published_as_ended_and_said(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.keys.newest["t.9"] = transit("t.9")
    assert world.steps()["publish"].numbers["orphans"] == 1
    assert world.keys.newest["t.9"] == structs.replace(transit("t.9"), ended=True)
    assert "t.9 is not in the vault" in caplog.text


def test_a_key_that_the_vault_could_not_prove_gone_is_not_published_as_ended(world: World) -> None:
    world.steps()
    world.vault.now = NOW + HOUR
    del world.vault.keys["t.1"]
    world.vault.ending = {"t.1"}
    assert world.steps()["status"].numbers["overdue"] == 1
    assert world.keys.newest == {"t.1": transit("t.1")}
    assert metrics.VAULT_OVERDUE._value.get() == 1
    world.vault.ending = set()
    world.steps()
    assert world.keys.newest == {"t.1": structs.replace(transit("t.1"), ended=True)}
    assert metrics.VAULT_OVERDUE._value.get() == 0
    assert metrics.VAULT_OLDEST._value.get() == (NOW + HOUR) / 1000 - 1_698_796_800


def test_an_unreadable_key_record_is_written_anew_or_taken_off() -> None:
    mine = transit("t.1")
    assert changes({"t.1": None}, [mine], [], NOW) == [KeyChange("t.1", mine)]
    assert changes({"t.2": None}, [], [], NOW) == [KeyChange("t.2", None)]
    assert changes({"t.2": None}, None, [], NOW) == []


def test_purge_stops_at_the_lowest_commit_of_all_groups(world: World) -> None:
    world.cluster.log_starts = {(INTAKE, 0): 10, (INTAKE, 1): 0}
    world.cluster.commits = {(INTAKE, 0): {"workers": 50, "audit": 30}, (INTAKE, 1): {"workers": 7}}
    before = metrics.JANITOR_PURGED.labels(INTAKE)._value.get()
    assert world.steps()["purge"].numbers == {"records": 27, "partitions": 2}
    assert world.cluster.log_starts == {(INTAKE, 0): 30, (INTAKE, 1): 7}
    assert metrics.JANITOR_PURGED.labels(INTAKE)._value.get() == before + 27


def test_what_the_workers_have_not_committed_is_not_purged() -> None:
    starts = {(INTAKE, 0): 0, (INTAKE, 1): 5}
    assert purgeable({(INTAKE, 0): {"audit": 9}}, starts, "workers") == {}
    assert purgeable({(INTAKE, 1): {"workers": 5}, (INTAKE, 2): {"workers": 5}}, starts, "workers") == {}


def test_what_the_embedded_broker_cannot_do_is_said_once_and_is_no_failure(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.cluster.embedded = True
    rounds = [world.janitor.round(), world.janitor.round()]
    assert all(done.ok for done in rounds)
    assert caplog.text.count("the embedded broker deletes no records") == 1


def test_a_drift_is_logged_once_shown_as_a_metric_and_taken_back(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.cluster.found = [DriftSeen(INTAKE, "retention.ms", "intake: retention.ms is 9, should be 1", True)]
    value = metrics.DRIFT.labels(INTAKE, "retention.ms")._value
    assert world.steps()["drift"].numbers == {"drifts": 1, "keeps_longer": 1}
    world.steps()
    assert (value.get(), caplog.text.count("retention.ms is 9")) == (1, 1)
    world.cluster.found = []
    world.steps()
    assert value.get() == 0


def test_a_step_that_breaks_in_any_way_shows_its_type_and_not_what_it_said(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> Sequence[DriftSeen]:
        raise ValueError("CANARY-7f3a")

    monkeypatch.setattr(world.cluster, "drifts", broken)
    failed = metrics.JANITOR_STEPS.labels("drift", "failed")._value
    before = failed.get()
    done = world.janitor.round()
    assert not done.ok
    assert done.steps[-1].text == "ValueError"
    assert "CANARY" not in caplog.text + json.dumps(done.as_json())
    assert failed.get() == before + 1


def test_run_finishes_its_round_and_stops(world: World) -> None:
    rounds: list[bool] = []
    world.janitor.run(lambda: len(rounds) >= 2, 0.0, lambda done: rounds.append(done.ok))
    assert rounds == [True, True]


def test_no_purge_step_when_purging_is_off(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    world = World()
    janitor = Janitor(world.vault, world.keys, world.cluster, [], "workers", clock=lambda: NOW)
    assert [step.name for step in janitor.round().steps] == ["rotate", "end", "status", "publish", "drift"]


def get(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_metrics_and_health_are_served() -> None:
    with Serving("127.0.0.1", 0, alive=lambda: None, ready=lambda: "no round yet") as serving:
        base = f"http://{serving.address}"
        assert get(f"{base}/livez") == (200, "ok\n")
        assert get(f"{base}/readyz") == (503, "no round yet\n")
        assert get(f"{base}/other")[0] == 404
        assert "streams_janitor_rounds_total" in get(f"{base}/metrics")[1]
        port = int(serving.address.rpartition(":")[2])
        with pytest.raises(SettingsError, match="STREAMS_JANITOR__HTTP_PORT"):
            Serving("127.0.0.1", port, alive=lambda: None, ready=lambda: None)
