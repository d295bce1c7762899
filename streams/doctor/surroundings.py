"""Settings, native libraries, policy and disk: what can be looked at without asking another process."""

from __future__ import annotations

import importlib
import shutil
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from streams.detect import load_detectors
from streams.doctor.remark import Remark, not_checked, ok, warning, wrong
from streams.model import Content, Message, Role
from streams.policy import load_policies
from streams.settings import Settings, is_loopback

__all__ = ["check_disk", "check_native", "check_policy", "check_settings"]

NATIVE = ("hyperscan", "pycld2", "cramjam", "crc32c", "fastavro", "orjson", "msgspec")
MARK = "[[synthetic:malware]]"
FULL_BYTES = 256 << 20
FULL_SHARE = 0.05


def check_settings(settings: Settings) -> list[Remark]:
    """Settings that hold one by one, and not together or not in production."""
    return list(_odd_settings(settings)) or [ok(f"cell {settings.cell}, region {settings.region}")]


def _odd_settings(settings: Settings) -> Iterator[Remark]:
    topics, kafka, vault = settings.topics, settings.kafka, settings.vault
    if topics.min_insync > topics.replication:
        yield wrong(
            f"min_insync {topics.min_insync} is more than replication {topics.replication}: nothing can be written",
            "topics.min_insync",
            "set it below topics.replication",
        )
    if all(is_loopback(server.strip()) for server in kafka.bootstrap.split(",")):
        return
    if topics.replication < 3 or topics.min_insync < 2:
        yield warning(
            f"replication {topics.replication}, min_insync {topics.min_insync}: one broker's disk can lose records",
            "topics.replication",
            "3 and 2, then streams topics check",
        )
    if vault.kek_directory is None:
        yield warning(
            "keys and the keys that encrypt them lie in one folder: one backup holds both",
            "vault.kek_directory",
            "name a folder on another volume",
        )
    if kafka.allow_plaintext:
        yield warning(
            f"plaintext to {', '.join(kafka.allow_plaintext)}", "kafka.allow_plaintext", "kafka.security = SSL"
        )


def check_native(settings: Settings) -> list[Remark]:
    """Compiled libraries load, and the detectors find what is marked and nothing in what is not."""
    broken = []
    for name in NATIVE:
        try:
            importlib.import_module(name)
        except ImportError as error:
            broken.append(
                wrong(f"{name} does not load: {error.msg}", name, "pip install 'compliance-streams[pipeline]'")
            )
    if broken:
        return broken
    detectors = load_detectors()
    texts = (f"a made-up line {MARK}", "a made-up line")
    marked, plain = detectors.detect([Content((Message(Role.USER, text),), {}) for text in texts])
    if not any(marked.scores) or any(plain.scores):
        return [wrong("detectors do not tell a marked text from a plain one", "hyperscan", "install it anew")]
    return [ok(f"{len(NATIVE)} libraries load; {len(detectors.detectors)} detectors scan ({detectors.digest})")]


def check_policy(settings: Settings) -> list[Remark]:
    """All bundles parse; which is in force, and which is next."""
    timeline = load_policies(settings.policy.bundles)
    now = time.time_ns() // 1_000_000
    where = str(settings.policy.bundles or "built-in")
    current = timeline.at(now)
    if current.starts > now:
        begins = _day(current.starts)
        return [warning(f"none is in force before {begins}: {current.version} is used already", where, "add one")]
    later = [bundle for bundle in timeline.bundles if bundle.starts > now]
    rules = len(timeline.segment(now).rules) + len(timeline.segment(now).rate_rules)
    told = f"{current.version} ({current.digest[:12]}) is in force with {rules} rules"
    return [ok(told + "".join(f"; {bundle.version} from {_day(bundle.starts)}" for bundle in later), where)]


def _day(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).date().isoformat()


def check_disk(settings: Settings) -> list[Remark]:
    """Room where the vault writes: without it keys cannot be made, and cannot be proven gone."""
    folders = [settings.vault.directory, settings.vault.kek_directory or settings.vault.directory / "keks"]
    return [_room(folder) for folder in folders]


def _room(folder: Path) -> Remark:
    if not folder.is_dir():
        return not_checked("is not on this machine", str(folder))
    total, _, free = shutil.disk_usage(folder)
    told = f"{free / (1 << 30):.1f} GiB free of {total / (1 << 30):.1f}"
    remedy = "free some, or move vault.directory: a full disk holds up the end of keys"
    if free < FULL_BYTES:
        return wrong(told, str(folder), remedy)
    return warning(told, str(folder), remedy) if free < total * FULL_SHARE else ok(told, str(folder))
