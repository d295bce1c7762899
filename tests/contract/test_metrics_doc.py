"""docs/metrics.md, the dashboards, the rules of Prometheus and the code name the same metrics with the same labels."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import Counter, Gauge, Histogram

from streams import metrics

ROOT = Path(__file__).parents[2]
FORBIDDEN = {"account", "user", "end_user", "conversation", "application", "text", "event"}
_ROW = re.compile(r"^\| `(?P<name>streams_\w+)` \| (?P<kind>\w+) \| (?P<labels>[^|]+) \| (?P<meaning>[^|]+) \|$", re.M)
_SELECTED = re.compile(r"(?P<name>streams[_:][\w:]+)(?:\{(?P<labels>[^}]*)\})?")
_GROUPED = re.compile(r"\b(?:by|without) \(([^)]*)\)")
AMBIENT = {"le", "instance", "job"}


def in_code() -> dict[str, tuple[str, tuple[str, ...]]]:
    found = {}
    for metric in vars(metrics).values():
        if isinstance(metric, Counter | Gauge | Histogram):
            suffix = "_total" if isinstance(metric, Counter) else ""
            found[metric._name + suffix] = (type(metric).__name__.lower(), tuple(metric._labelnames))
    return found


def series() -> dict[str, tuple[str, ...]]:
    """The names under which Prometheus knows them, with their labels."""
    names = {}
    for name, (kind, labels) in in_code().items():
        for suffix in ("_bucket", "_sum", "_count") if kind == "histogram" else ("",):
            names[name + suffix] = labels
    for rule in rules():
        if "record" in rule:
            names[rule["record"]] = tuple(
                label.strip() for by in _GROUPED.findall(rule["expr"]) for label in by.split(",")
            )
    return names


def dashboards() -> dict[str, Any]:
    files = sorted((ROOT / "deploy/grafana/dashboards").glob("*.json"))
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in files}


def rules() -> Iterator[dict[str, Any]]:
    for path in sorted((ROOT / "deploy/prometheus/rules").glob("*.yml")):
        for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]:
            yield from group["rules"]


def queries() -> Iterator[str]:
    for dashboard in dashboards().values():
        for panel in dashboard["panels"]:
            yield from (target["expr"] for target in panel.get("targets", ()))
    yield from (rule["expr"] for rule in rules())
    text = (ROOT / "docs/metrics.md").read_text(encoding="utf-8")
    yield from re.findall(r"`([^`\n]*\bstreams_[^`\n]*[({>][^`\n]*)`", text)


def test_the_page_lists_every_metric_with_its_type_and_labels() -> None:
    text = (ROOT / "docs/metrics.md").read_text(encoding="utf-8")
    told = {
        row["name"]: (row["kind"], () if row["labels"] == "–" else tuple(re.findall(r"`(\w+)`", row["labels"])))
        for row in _ROW.finditer(text)
    }
    assert told == in_code()


def test_no_label_can_hold_a_customer_or_text() -> None:
    assert [name for name, (_, labels) in in_code().items() if FORBIDDEN & set(labels)] == []


def mistakes(query: str, known: dict[str, tuple[str, ...]]) -> list[str]:
    found = []
    usable = set(AMBIENT)
    for match in _SELECTED.finditer(query):
        if match["name"] not in known:
            found.append(f"no metric {match['name']}")
            continue
        labels = set(known[match["name"]])
        usable |= labels
        asked = re.findall(r"(\w+)\s*[=!]", match["labels"] or "")
        found += [f"{match['name']} has no label {label}" for label in asked if label not in labels]
    grouped = {label.strip() for group in _GROUPED.findall(query) for label in group.split(",")}
    return found + [f"no label {label} to group by" for label in sorted(grouped - usable)]


def test_every_query_names_metrics_and_labels_that_exist() -> None:
    asked = list(queries())
    assert len(asked) > 80
    assert [(query, wrong) for query in asked if (wrong := mistakes(query, series()))] == []


@pytest.mark.parametrize(
    "query",
    [
        "sum(rate(streams_nothing_total[5m]))",
        'sum(streams_lag_records{acount="a"})',
        "sum by (account) (streams_lag_records)",
        "rate(streams_stage_seconds[5m])",
    ],
)
def test_a_query_that_asks_for_what_is_not_there_is_found(query: str) -> None:
    assert mistakes(query, series())


def test_the_dashboard_shows_every_metric_that_people_act_on() -> None:
    shown = {match["name"] for query in queries() for match in _SELECTED.finditer(query)}
    needed = {"streams_vault_overdue_keys", "streams_topic_drift", "streams_lag_records", "streams_violations_total"}
    assert needed <= shown
    assert sorted(dashboards()) == ["operations", "policy"]
    for dashboard in dashboards().values():
        ids = [panel["id"] for panel in dashboard["panels"]]
        assert len(ids) == len(set(ids))
        assert all(panel["title"] for panel in dashboard["panels"])


def test_what_is_recorded_is_what_is_asked_for() -> None:
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    asked = {name for query in queries() for name in re.findall(r"\bstreams:\w+:\w+", query)}
    assert asked <= recorded
