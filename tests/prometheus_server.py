"""A real Prometheus for tests: Debian's package `prometheus`, which has promtool too."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import urllib.parse
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from streams.demo.processes import fetch, until
from streams.kafka.embedded import free_port

__all__ = ["DEPLOY", "PrometheusServer", "promtool", "serve"]

DEPLOY = Path(__file__).parents[1] / "deploy" / "prometheus"
START_SECONDS = 60.0


def _needed(name: str) -> str:
    found = shutil.which(name)
    if found is None and os.environ.get("CI") == "true":
        pytest.fail(f"{name} is missing: apt-get install prometheus")
    if found is None:
        pytest.skip(f"{name} is missing: apt-get install prometheus")
    return found


def promtool(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run promtool over the files of the deployment."""
    command = [_needed("promtool"), *arguments]
    return subprocess.run(command, cwd=DEPLOY, capture_output=True, text=True, timeout=120, check=False)


class PrometheusServer:
    """A server that scrapes and evaluates each second."""

    def __init__(self, address: str) -> None:
        self._address = address

    def query(self, expression: str) -> list[Any]:
        """The result of an instant query, as a list of samples."""
        status, text = fetch(f"{self._address}/api/v1/query?{urllib.parse.urlencode({'query': expression})}", 10.0)
        told = json.loads(text)
        assert (status, told["status"]) == (200, "success"), f"{expression}: {told.get('error')}"
        result = told["data"]["result"]
        return [result] if told["data"]["resultType"] == "scalar" else list(result)


@contextmanager
def serve(folder: Path, targets: Mapping[str, Sequence[str]]) -> Iterator[PrometheusServer]:
    """Prometheus with the deployment's own configuration and rules; only addresses and intervals are others."""
    config = yaml.safe_load((DEPLOY / "prometheus.yml").read_text(encoding="utf-8"))
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    config["rule_files"] = [str(DEPLOY / pattern) for pattern in config["rule_files"]]
    for job in config["scrape_configs"]:
        job["static_configs"] = [{"targets": list(targets[job["job_name"]])}]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config), encoding="utf-8")
    port = free_port()
    command = [
        _needed("prometheus"),
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'tsdb'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with (folder / "prometheus.log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            address = f"http://127.0.0.1:{port}"
            until(lambda: fetch(f"{address}/-/ready")[0] == 200, START_SECONDS, "Prometheus' start", lambda: None)
            yield PrometheusServer(address)
        finally:
            process.terminate()
