"""deploy/kubernetes holds to Kubernetes' schema, hardens every container, and names settings and ports that exist."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from streams.cli import COMMANDS
from streams.settings import JanitorSettings, Settings, WorkerSettings, parse

FOLDER = Path(__file__).parents[2] / "deploy" / "kubernetes"
VERSION = "1.35"
LEAVES = 12.0  # seconds that a worker takes at most to leave, beyond its time for delivery (docs/operations.md)


def documents() -> list[dict[str, Any]]:
    texts = [path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("*.yaml"))]
    return [document for text in texts for document in yaml.safe_load_all(text)]


def of_kind(*kinds: str) -> dict[str, dict[str, Any]]:
    return {one["metadata"]["name"]: one for one in documents() if one["kind"] in kinds}


def pods() -> dict[str, dict[str, Any]]:
    return {name: one["spec"]["template"] for name, one in of_kind("Deployment", "StatefulSet", "Job").items()}


def environment(pod: dict[str, Any]) -> dict[str, str]:
    """What the process is given; secrets as a word."""
    shared = of_kind("ConfigMap")
    [container] = pod["spec"]["containers"]
    given: dict[str, str] = {}
    for source in container["envFrom"]:
        given |= shared[source["configMapRef"]["name"]]["data"]
    return given | {one["name"]: one.get("value", "secret") for one in container["env"]}


def test_every_document_holds_to_the_schema_and_a_wrong_key_is_found() -> None:
    for document in documents():
        kubernetes_validate.validate(document, VERSION, strict=True)
    wrong = of_kind("Deployment")["streams-worker"]
    wrong["spec"]["replica"] = 2
    with pytest.raises(kubernetes_validate.ValidationError, match="replica"):
        kubernetes_validate.validate(wrong, VERSION, strict=True)


@pytest.mark.parametrize("name", sorted(pods()))
def test_a_container_is_hardened_and_runs_a_command_with_settings_that_exist(name: str) -> None:
    pod = pods()[name]["spec"]
    [container] = pod["containers"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "readOnlyRootFilesystem": True,
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
    }
    assert {"requests", "limits"} <= set(container["resources"])
    assert container["args"][0] in COMMANDS
    settings = parse(environment(pods()[name]))
    assert isinstance(settings, Settings)
    assert settings.kafka.security == ("PLAINTEXT" if name == "streams-vault" else "SASL_SSL")


def test_what_serves_has_probes_on_its_own_port_and_a_disruption_budget() -> None:
    ports = {"streams-worker": WorkerSettings().http_port, "streams-janitor": JanitorSettings().http_port}
    budgets = set(of_kind("PodDisruptionBudget"))
    for name, workload in of_kind("Deployment", "StatefulSet").items():
        [container] = workload["spec"]["template"]["spec"]["containers"]
        assert {"readinessProbe", "livenessProbe"} <= set(container)
        assert name in budgets
        if name in ports:
            assert container["ports"] == [{"name": "metrics", "containerPort": ports[name]}]
            told = workload["spec"]["template"]["metadata"]["annotations"]
            assert told["prometheus.io/port"] == str(ports[name])


def test_a_worker_has_time_to_deliver_and_leave_and_scales_no_further_than_partitions() -> None:
    pod = pods()["streams-worker"]
    settings = parse(environment(pod))
    assert pod["spec"]["terminationGracePeriodSeconds"] > settings.worker.delivery_timeout + LEAVES
    scaler = of_kind("HorizontalPodAutoscaler")["streams-worker"]["spec"]
    assert scaler["maxReplicas"] == settings.topics.partitions
    rules = (FOLDER.parent / "prometheus/rules/recording.yml").read_text(encoding="utf-8")
    assert f"record: {scaler['metrics'][0]['external']['metric']['name']}\n" in rules


def test_only_the_vault_has_keys_and_it_may_reach_nobody() -> None:
    workloads = of_kind("StatefulSet", "Deployment")
    holders = {name for name, one in workloads.items() if "volumeClaimTemplates" in one["spec"]}
    assert holders == {"streams-vault"}
    policy = of_kind("NetworkPolicy")["streams-vault"]["spec"]
    assert "Egress" in policy["policyTypes"]
    assert "egress" not in policy
    reached = {one["podSelector"]["matchLabels"]["part"] for rule in policy["ingress"] for one in rule["from"]}
    assert reached == {"worker", "janitor"}


def test_every_pod_is_under_a_network_policy_of_its_own() -> None:
    closed = of_kind("NetworkPolicy")
    assert closed["streams-nothing"]["spec"]["policyTypes"] == ["Ingress", "Egress"]
    assert {name for name in closed if name != "streams-nothing"} == set(pods())


def test_roles_of_certificates_are_those_that_the_vault_knows() -> None:
    settings = parse(environment(pods()["streams-vault"]))
    assert settings.vault.listen is not None
    port = re.search(r":(\d+)$", settings.vault.listen)
    assert port is not None
    service = of_kind("Service")["streams-vault"]["spec"]["ports"][0]
    assert service["port"] == int(port[1])
    for name in ("streams-worker", "streams-janitor"):
        assert parse(environment(pods()[name])).vault.url == f"https://streams-vault:{port[1]}"
