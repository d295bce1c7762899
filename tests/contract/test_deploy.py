"""docker-compose.yml and deploy/ hold together, and refer to commands, settings and files that exist."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from streams.cli import COMMANDS, cli
from streams.settings import Settings, load

ROOT = Path(__file__).parents[2]


def compose() -> Any:
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))


def ours() -> dict[str, Any]:
    return {name: service for name, service in compose()["services"].items() if "build" in service}


def test_every_service_of_ours_runs_a_command_that_exists() -> None:
    assert {"vault", "worker", "janitor", "topics"} <= set(ours())
    for service in ours().values():
        words = service["command"]
        assert words == ["--help"] or words[0] in COMMANDS


@pytest.mark.parametrize("name", ["vault", "worker", "janitor", "topics"])
def test_the_command_takes_the_options_that_compose_gives_it(name: str) -> None:
    words = ours()[name]["command"]
    with cli.make_context("streams", ["--help", *words], resilient_parsing=True) as context:
        command: Any = cli.get_command(context, words[0])
        rest = words[1:]
        while hasattr(command, "get_command") and rest and not rest[0].startswith("--"):
            command = command.get_command(context, rest[0])
            assert command is not None
            rest = rest[1:]
        options = {option for parameter in command.params for option in parameter.opts}
        assert [word for word in rest if word.startswith("--") and word not in options] == []


def against_the_specification(path: Path) -> subprocess.CompletedProcess[str]:
    """The Compose specification's own schema, which check-jsonschema brings."""
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(path)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_the_compose_file_holds_to_its_specification(tmp_path: Path) -> None:
    done = against_the_specification(ROOT / "docker-compose.yml")
    assert done.returncode == 0, done.stdout
    wrong = tmp_path / "docker-compose.yml"
    wrong.write_text((ROOT / "docker-compose.yml").read_text(encoding="utf-8").replace("restart:", "restarts:"))
    assert "restarts" in against_the_specification(wrong).stdout, "a wrong key is found"


def test_the_environment_holds_valid_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for service in ours().values():
        for name, value in service["environment"].items():
            monkeypatch.setenv(name, value)
    settings = load()
    assert isinstance(settings, Settings)
    assert settings.kafka.bootstrap == "kafka:9092"
    assert settings.vault.socket != settings.vault.control_socket


def test_services_and_volumes_that_are_named_exist() -> None:
    data = compose()
    for service in data["services"].values():
        assert set(service.get("depends_on", ())) <= set(data["services"])
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            assert (ROOT / source).exists() if source.startswith(".") else source in data["volumes"]


def test_only_the_vault_has_the_keys_and_it_has_no_network() -> None:
    holders = {
        name
        for name, service in compose()["services"].items()
        if any(volume.split(":")[0] in ("vault", "keks") for volume in service.get("volumes", ()))
    }
    assert holders == {"vault"}
    assert compose()["services"]["vault"]["network_mode"] == "none"


def test_workers_cannot_reach_the_control_socket() -> None:
    assert not any("vault-control" in volume for volume in ours()["worker"]["volumes"])


def test_nothing_listens_to_the_world_and_nothing_of_ours_is_root() -> None:
    for service in compose()["services"].values():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))
        assert not service.get("privileged")
    dockerfile = (ROOT / "deploy/Dockerfile").read_text(encoding="utf-8")
    assert re.search(r"^USER 10001", dockerfile, re.M)


def test_the_image_is_built_from_files_that_exist() -> None:
    dockerfile = (ROOT / "deploy/Dockerfile").read_text(encoding="utf-8")
    allowed = (ROOT / ".dockerignore").read_text(encoding="utf-8")
    for line in re.findall(r"^COPY (?!--from)(.+)$", dockerfile, re.M):
        for source in line.split()[:-1]:
            assert (ROOT / source).exists(), source
            assert f"!{source}" in allowed


def test_prometheus_scrapes_the_ports_on_which_workers_and_janitor_listen() -> None:
    data = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text(encoding="utf-8"))
    targets = {target for job in data["scrape_configs"] for one in job["static_configs"] for target in one["targets"]}
    workers = int(ours()["worker"]["command"][-1])
    settings = load()
    expected = {f"worker:{settings.worker.http_port + n}" for n in range(workers)}
    assert targets == {*expected, f"janitor:{settings.janitor.http_port}"}


def test_grafana_finds_its_datasource_and_dashboards() -> None:
    sources = yaml.safe_load((ROOT / "deploy/grafana/provisioning/datasources/prometheus.yml").read_text())
    providers = yaml.safe_load((ROOT / "deploy/grafana/provisioning/dashboards/compliance.yml").read_text())
    for path in (ROOT / "deploy/grafana/dashboards").glob("*.json"):
        own = f"compliance-{path.stem}"
        assert set(re.findall(r'"uid": "([\w-]+)"', path.read_text())) == {own, sources["datasources"][0]["uid"]}
    folder = providers["providers"][0]["options"]["path"]
    assert any(f":{folder}:" in volume for volume in compose()["services"]["grafana"]["volumes"])
