"""Roles on a real Kafka with TLS, SCRAM and the standard authorizer: each does its work, and nothing else."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer
from kafka.admin import (
    ACL,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    ResourcePattern,
    ResourceType,
)
from kafka.errors import AuthorizationError

from streams.cli.send import connection_of
from streams.client import AsyncClient, Client
from streams.demo.processes import Processes, fetch, until
from streams.errors import AccessDenied
from streams.kafka.acl_admin import AclAdmin, refuse_denied
from streams.kafka.acls import GUARDED, Acl, Grant, acls_of
from streams.kafka.clients import confluent_arguments
from streams.kafka.embedded import free_port
from streams.kafka.reading import Publisher, Reader
from streams.kafka.topics import TOPICS, topic_name
from streams.lifecycle.receipts import check_receipts
from streams.metrics import samples
from streams.model import AREAS
from streams.settings import parse
from tests.certificates import Authority
from tests.integration.acts import ACTS, ALLOWED, FORBIDDEN, REFUSALS, by_admin, everything_of, listed
from tests.integration.secured import SECONDS, USERS, Secured, secured, variables
from tests.kafka_server import KafkaServer
from tests.secure_kafka import SUPER

pytestmark = pytest.mark.kafka
MALWARE = "a made-up line [[synthetic:malware]]"
CHILD_SAFETY = "another made-up line [[synthetic:child_exploitation]]"


@pytest.fixture(scope="module")
def deployment(kafka_possible: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    with secured(tmp_path_factory.mktemp("secured")) as running:
        yield running


@pytest.fixture(scope="module")
def worked(deployment: Secured) -> Secured:
    """The deployment once a worker has done what applications and a plain producer sent."""
    done = deployment.run("administrator", "accounts", "set", "acme", "--mode", "standard")
    assert done.returncode == 0, done.stderr
    worker = deployment.start("worker", "worker")
    port = deployment.settings("worker").worker.http_port
    worker.until_served(f"http://127.0.0.1:{port}/readyz", SECONDS, "the worker's start")
    record_by_sdk(deployment)
    asyncio.run(record_by_async_sdk(deployment))
    lines = json.dumps({"event_id": "e-1", "account": "acme", "prompt": MALWARE})
    for role, topic in (("application", "intake"), ("plain_producer", "intake.plain")):
        sent = deployment.run(role, "send", "--topic", topic, given=lines)
        assert sent.returncode == 0, sent.stderr
    with Publisher(deployment.settings("plain_producer").kafka) as publisher:
        publisher.publish("compliance.intake.plain", [(b"k", b"nothing of ours")])
    until(
        lambda: sum(check_receipts(deployment.settings("auditor")).totals.values()) == 7,
        SECONDS,
        "the receipts of all seven",
        worker.check,
    )
    return deployment


def record_by_sdk(deployment: Secured) -> None:
    with Client(connection_of(deployment.settings("application"))) as client:
        assert client.wait_ready(SECONDS)
        for text in (MALWARE, CHILD_SAFETY):
            client.record(prompt=text, account="acme", conversation="c-1")
        assert client.flush(SECONDS)
        assert (client.statistics.sent, client.statistics.dropped) == (2, {})


async def record_by_async_sdk(deployment: Secured) -> None:
    async with AsyncClient(connection_of(deployment.settings("application"))) as client:
        assert await client.wait_ready(SECONDS)
        for text in (MALWARE, "How do magnets work?"):
            client.record(prompt=text, account="acme", conversation="c-2")
        assert await client.flush(SECONDS)
        assert (client.statistics.sent, client.statistics.dropped) == (2, {})


def shown(done: subprocess.CompletedProcess[str]) -> list[Any]:
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def tailed(deployment: Secured, role: str, kind: str, *words: str) -> list[Any]:
    return shown(deployment.run(role, "tail", kind, "--from", "beginning", "--stop-at-end", "--json", *words))


def test_an_administrator_may_look_at_all_that_skipping_takes(worked: Secured) -> None:
    done = worked.run("administrator", "skip", "intake", "0", "0", "--reason", "a test")
    assert done.returncode == 2, "there is nothing left to skip"
    assert "has committed" in done.stderr or "holds nothing" in done.stderr


def test_what_was_sent_is_stored_and_an_auditor_can_prove_it(worked: Secured) -> None:
    (report,) = shown(worked.run("auditor", "receipts", "check", "--json"))
    assert report["ok"] is True
    assert check_receipts(worked.settings("auditor")).totals == {"stored": 6, "dead_letter": 1}


def test_a_subscriber_sees_its_areas_alone(worked: Secured) -> None:
    areas = {area for one in tailed(worked, "all_areas", "violations") for area in one["areas"]}
    assert areas == {"malware"}
    assert len(tailed(worked, "some_areas", "violations")) == 4
    closed = tailed(worked, "child_safety", "violations", "--area", GUARDED.value)
    assert {area for one in closed for area in one["areas"]} == {GUARDED.value}


def test_a_subscriber_by_pattern_gets_the_topics_that_are_its_own(worked: Secured) -> None:
    arguments = {"group.id": "trust-safety", "auto.offset.reset": "earliest"}
    consumer = Consumer(confluent_arguments(worked.settings("all_areas").kafka) | arguments)
    consumer.subscribe([r"^compliance\.violations\..*"])
    found: list[Any] = []

    def four() -> bool:
        if (message := consumer.poll(0.5)) is not None and message.error() is None:
            found.append(message.topic())
        return len(found) == 4

    until(four, SECONDS, "four violations", lambda: None)
    assert {part.topic for part in consumer.assignment()} == {
        f"compliance.violations.{area.value}" for area in AREAS if area is not GUARDED
    }
    consumer.close()
    assert set(found) == {"compliance.violations.malware"}


def test_operators_administrators_and_enforcement_do_their_work(worked: Secured) -> None:
    assert len(tailed(worked, "operator", "dead-letter")) == 1
    assert tailed(worked, "ledger", "ledger")
    assert [one["account"] for one in shown(worked.run("administrator", "accounts", "list", "--json"))] == ["acme"]
    for role in ("administrator", "auditor", "operator"):
        checked = worked.run(role, "topics", "check", "--acls", str(worked.acls))
        assert checked.returncode == 0, checked.stdout + checked.stderr
    again = worked.run("administrator", "topics", "apply")
    assert (again.returncode, again.stderr) == (0, "")


def test_the_janitor_purges_what_the_workers_committed(worked: Secured) -> None:
    topics = [f"compliance.{name}" for name in ("intake", "intake.plain")]
    with Reader(worked.settings("operator").kafka) as reader:
        until(
            lambda: sum(start for start, _ in reader.bounds(topics).values()) == 7, SECONDS, "the purge", lambda: None
        )
    assert "failed" not in worked.log("janitor", "janitor")


def test_a_certificate_serves_in_place_of_a_password(worked: Secured) -> None:
    holder = variables(worked.kafka.holder(USERS["auditor"]))
    assert worked.run("auditor", "receipts", "check", more=holder).returncode == 0
    with Reader(worked.kafka.holder(USERS["some_areas"])) as reader:
        assert len(list(reader.read(["compliance.violations.malware"]))) == 4
        with pytest.raises(AccessDenied, match="child-safety"):
            list(reader.read(["compliance.violations.child-safety"]))


@pytest.mark.parametrize(("role", "act", "subject"), list(listed(FORBIDDEN)))
def test_what_a_role_must_not_do_is_refused(worked: Secured, role: str, act: str, subject: str) -> None:
    with pytest.raises(REFUSALS[act]):
        ACTS[act](worked.settings(role), full_name(act, subject))


@pytest.mark.parametrize(("role", "act", "subject"), list(listed(ALLOWED)))
def test_the_same_act_succeeds_where_it_is_allowed(worked: Secured, role: str, act: str, subject: str) -> None:
    assert allowed(worked, role, act, subject)


def allowed(worked: Secured, role: str, act: str, subject: str) -> bool:
    try:
        ACTS[act](worked.settings(role), full_name(act, subject))
    except AuthorizationError:
        return False
    return True


def full_name(act: str, subject: str) -> str:
    return subject if act == "join" or subject == "elsewhere" else f"compliance.{subject}"


def test_what_is_changed_by_those_who_may_is_named_and_mended(worked: Secured) -> None:
    check = ("topics", "check", "--acls", str(worked.acls))
    assert allowed(worked, "administrator", "keep_longer", "shadow")
    assert allowed(worked, SUPER, "permit", "shadow")
    told = worked.run("auditor", *check)
    assert told.returncode == 1
    assert "keeps records longer than promised" in told.stdout
    assert "too much: User:stranger: allow read on topic compliance.shadow" in told.stdout
    refused = worked.run("auditor", "topics", "apply")
    assert "does not allow user auditor to set the settings of topics" in refusal(refused, 2)
    assert worked.run("administrator", "topics", "apply").returncode == 0
    by_admin(worked.settings(SUPER), lambda admin: admin.delete_acls([everything_of("User:stranger")]))
    assert worked.run("auditor", *check).returncode == 0


@pytest.mark.parametrize("role", sorted(USERS))
def test_the_authorizer_allows_a_user_on_each_topic_what_the_table_says_and_no_more(worked: Secured, role: str) -> None:
    settings = worked.settings(role)
    names = [topic_name(settings.topics, topic.name) for topic in TOPICS]
    told = by_admin(settings, lambda admin: admin.describe_topics(names))
    held = {one["name"]: {name.lower() for name in one["authorized_operations"] or ()} for one in told}
    with AclAdmin(worked.settings(SUPER)) as admin:
        granted = [acl for acl in admin.there() if acl.principal == f"User:{USERS[role]}" and acl.kind == "topic"]
    assert held == {name: operations(granted, name) for name in names}


def operations(granted: list[Acl], topic: str) -> set[str]:
    """What grants on a topic come to, with what Kafka implies."""
    found = {acl.operation for acl in granted if acl.name == topic}
    implied = {"read": "describe", "write": "describe", "delete": "describe", "alter": "describe"}
    implied["alter_configs"] = "describe_configs"
    return found | {implied[one] for one in found if one in implied}


def test_permissions_are_those_of_the_table(worked: Secured) -> None:
    settings = worked.settings(SUPER)
    with AclAdmin(settings) as admin:
        there = {acl for acl in admin.there() if acl.principal == "User:streams-worker"}
    assert there == set(acls_of([Grant("User:streams-worker", "worker")], settings))


def test_what_is_missing_or_too_much_is_named_and_mended(worked: Secured) -> None:
    settings = worked.settings(SUPER)
    lost = Acl("User:auditor", "topic", "compliance.receipts", "read")
    grants_all = Acl("User:anybody", "topic", "compliance.", "all", pattern="prefixed")
    by_admin(settings, lambda admin: admin.delete_acls([everything_of("User:auditor")]))
    pattern = ResourcePattern(ResourceType.TOPIC, "compliance.", ACLResourcePatternType.PREFIXED)
    wide = ACL("User:anybody", "*", ACLOperation.ALL, ACLPermissionType.ALLOW, pattern)
    by_admin(settings, lambda admin: admin.create_acls([wide]))
    checked = worked.run("operator", "topics", "check", "--acls", str(worked.acls), "--json")
    found = {(one.pop("what"), Acl(**one)) for one in map(json.loads, checked.stdout.splitlines())}
    assert checked.returncode == 1
    assert {("missing", lost), ("too_much", grants_all)} <= found
    assert {what for what, acl in found if acl.principal == "User:auditor"} == {"missing"}
    by_admin(settings, lambda admin: admin.delete_acls([everything_of("User:anybody")]))
    added = [json.loads(one) for one in apply(worked, "--json").splitlines()]
    assert {(one["what"], one["principal"], one["done"]) for one in added} == {("allowed", "User:auditor", True)}
    assert "0 permissions were added" in apply(worked)
    assert worked.run("operator", "topics", "check", "--acls", str(worked.acls)).returncode == 0


def apply(deployment: Secured, *words: str) -> str:
    done = deployment.run(SUPER, "topics", "apply", "--acls", str(deployment.acls), *words)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_broker_without_an_authorizer_is_named(kafka: KafkaServer, worked: Secured) -> None:
    plain = {"STREAMS_KAFKA__BOOTSTRAP": kafka.bootstrap, "STREAMS_KAFKA__SECURITY": "PLAINTEXT"}
    told = worked.run(SUPER, "topics", "check", "--acls", str(worked.acls), more=plain)
    assert (told.returncode, told.stdout) == (2, "")
    assert "has no authorizer" in told.stderr


def test_a_worker_takes_its_share_by_certificate(worked: Secured) -> None:
    port = free_port()
    more = variables(worked.kafka.holder(USERS["worker"])) | {"STREAMS_WORKER__HTTP_PORT": str(port)}
    page = f"http://127.0.0.1:{port}"
    with Processes(worked.environment("worker") | more, worked.folder / "holder") as processes:
        processes.start("worker")
        processes.until_served(f"{page}/readyz", SECONDS, "the worker's start")
        until(lambda: assigned(fetch(f"{page}/metrics")[1]) > 0, SECONDS, "its share", processes.check)
    log = (worked.folder / "holder" / "worker.log").read_text(encoding="utf-8")
    assert "takes events" in log
    assert "Traceback" not in log


def assigned(page: str) -> float:
    return sum(value for name, _, value in samples(page) if name == "streams_assigned_partitions")


# -- mistakes ----------------------------------------------------------------------------------------------------------

ELSEWHERE = {"STREAMS_WORKER__HTTP_PORT": "0"}  # a worker runs already
COMMANDS = ("topics check", "receipts check", "tail violations", "accounts list", "worker")


def refusal(done: subprocess.CompletedProcess[str], code: int) -> str:
    """The one message of a command that ended with this code."""
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.count("streams: ") == 1
    return done.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_a_wrong_password_is_named(worked: Secured, command: str) -> None:
    done = worked.run("auditor", *command.split(), more={"STREAMS_KAFKA__PASSWORD": "wrong", **ELSEWHERE})
    assert "does not take the password of user auditor" in refusal(done, 2)
    assert "wrong" not in done.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_without_permissions_it_says_so_and_nothing_passes_for_empty(worked: Secured, command: str) -> None:
    done = worked.run("stranger", *command.split(), more=ELSEWHERE)
    if command == "topics check":  # what we may not see counts as not there
        assert done.returncode == 1
        assert "missing" in done.stdout
    else:
        assert "does not" in refusal(done, 2)


def test_a_worker_names_each_permission_that_it_lacks(worked: Secured) -> None:
    with pytest.raises(AccessDenied) as told:
        refuse_denied(worked.settings("application"), "worker")
    assert "  read compliance.intake\n" in str(told.value)
    assert "  write compliance.tagged\n" in str(told.value)
    assert "read group compliance-worker" in str(told.value)
    assert "write compliance.intake" not in str(told.value)
    refuse_denied(worked.settings("worker"), "worker")


def test_an_sdk_with_a_wrong_password_says_why_it_does_not_send(worked: Secured) -> None:
    wrong = {"STREAMS_KAFKA__PASSWORD": "wrong", "STREAMS_KAFKA__USERNAME": "helpdesk"}
    done = worked.run("application", "send", "--account", "acme", given='{"prompt": "hello"}\n', more=wrong)
    assert "does not take the password of user helpdesk" in refusal(done, 2)
    problems: list[str] = []
    connection = connection_of(parse({**worked.environment("application"), **wrong}))
    with Client(connection, on_error=lambda problem: problems.append(str(problem.error))) as client:
        assert client.record(prompt="hello", account="acme") is not None
        until(lambda: bool(problems), SECONDS, "the problem", lambda: None)
        client.close(0.0)
    assert "does not take the password of user helpdesk" in problems[0]


def test_a_certificate_of_another_authority_or_past_its_end_is_not_taken(worked: Secured, tmp_path: Path) -> None:
    good = worked.kafka.holder(USERS["auditor"])
    for pair in (
        Authority(tmp_path, "others").sign("auditor"),
        worked.kafka.authority.sign("auditor", -timedelta(hours=1)),
    ):
        bad = variables(good.model_copy(update={"cert_file": pair.cert, "key_file": pair.key}))
        told = refusal(worked.run("auditor", "topics", "check", more=bad), 2)
        assert str(pair.cert) in told
    none = variables(good.model_copy(update={"cert_file": None, "key_file": None}))
    names = ("STREAMS_KAFKA__CERT_FILE", "STREAMS_KAFKA__KEY_FILE")
    assert not set(names) & set(none)
    assert "wants a client certificate" in refusal(worked.run("auditor", "topics", "check", more=none), 2)
