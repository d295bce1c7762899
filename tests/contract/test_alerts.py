"""Every alert has a runbook and a test by promtool, and says how urgent it is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from streams.errors import Code
from tests.contract.test_metrics_doc import rules
from tests.prometheus_server import DEPLOY, promtool

ROOT = Path(__file__).parents[2]
HEADINGS = ("**What it means.**", "**What to look at.**", "**What to do.**")


def alerts() -> dict[str, dict[str, Any]]:
    return {rule["alert"]: rule for rule in rules() if "alert" in rule}


def runbooks() -> dict[str, str]:
    parts = re.split(r"^## (\w+)\n", (ROOT / "docs/runbooks.md").read_text(encoding="utf-8"), flags=re.M)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_every_alert_has_a_runbook_that_says_what_it_means_what_to_look_at_and_what_to_do() -> None:
    told = runbooks()
    assert sorted(told) == sorted(alerts())
    assert [name for name, text in told.items() if not all(heading in text for heading in HEADINGS)] == []


def test_every_alert_says_how_urgent_it_is_and_where_its_runbook_is() -> None:
    for name, rule in alerts().items():
        assert rule["labels"]["severity"] in ("page", "ticket")
        assert rule["annotations"]["runbook"] == f"docs/runbooks.md#{name.lower()}"
        assert rule["annotations"]["summary"] in runbooks()[name]
        assert f"(**{rule['labels']['severity']}**)" in runbooks()[name]


def test_codes_that_alerts_ask_for_exist() -> None:
    asked = re.findall(r'code=~?"([^"]+)"', (DEPLOY / "rules/alerts.yml").read_text(encoding="utf-8"))
    assert asked
    assert {code for codes in asked for code in codes.split("|")} <= {code.value for code in Code}


def test_promtool_takes_the_rules_and_the_configuration() -> None:
    for arguments in (
        ("check", "rules", "rules/alerts.yml", "rules/recording.yml"),
        ("check", "config", "prometheus.yml"),
    ):
        done = promtool(*arguments)
        assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_fires_on_what_it_is_for_and_is_silent_otherwise() -> None:
    tests = yaml.safe_load((DEPLOY / "tests/alerts.yml").read_text(encoding="utf-8"))["tests"]
    named = {test["name"] for test in tests}
    assert named == {f"{name} {what}" for name in alerts() for what in ("fires", "is silent")}
    done = promtool("test", "rules", "tests/alerts.yml")
    assert done.returncode == 0, done.stdout + done.stderr
