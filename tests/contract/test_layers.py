"""The layers hold: imports go up the list only, the core is pure, and each outside library has one home."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "streams"
LAYERS = (
    "errors",
    "model",
    "settings",
    "tls",
    "metrics",
    "tracing",
    "written",
    "detect",
    "policy",
    "pipeline",
    "codec",
    "vault",
    "kafka",
    "worker",
    "lifecycle",
    "client",
    "demo",
    "doctor",
    "cli",
)
CORE = ("model", "written", "detect", "policy", "pipeline")
# Keeps compiled patterns between starts, in the user's cache folder: never content.
KEEPS_PATTERNS = PACKAGE / "detect" / "compiled.py"
IMPURE = {
    "aiokafka",
    "aiohttp",
    "faust",
    "kafka",
    "os",
    "prometheus_client",
    "random",
    "secrets",
    "socket",
    "time",
    "uuid",
}
HOMES = {
    "faust": ("kafka", "worker"),
    "aiokafka": ("kafka", "client"),
    "kafka": ("kafka", "client"),
    "avro": ("codec",),
    "fastavro": ("codec",),
    "orjson": ("codec",),
    "prometheus_client": ("metrics",),
    "opentelemetry": ("tracing",),
    "hyperscan": ("detect",),
    "pycld2": ("detect",),
    "cryptography": ("vault",),
    "sqlite3": ("vault",),
    "yaml": ("written", "detect", "policy"),
    "click": ("cli",),
    "rich": ("cli", "demo"),
}


def layer_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(path: Path) -> list[tuple[str, int]]:
    """Imported modules with their lines, those for type checking only left out."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    typing_only = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and isinstance(block.test, ast.Name) and block.test.id == "TYPE_CHECKING"
        for node in ast.walk(block)
    }
    found: list[tuple[str, int]] = []
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.Import):
            found += [(alias.name, node.lineno) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.append((node.module, node.lineno))
    return found


def modules() -> list[Path]:
    return [path for path in sorted(PACKAGE.rglob("*.py")) if layer_of(path) in LAYERS]


def test_there_are_modules_to_look_at() -> None:
    assert len(modules()) > 30


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_up_the_list_only(path: Path) -> None:
    own = LAYERS.index(layer_of(path))
    for name, line in imported(path):
        parts = name.split(".")
        if parts[0] == "streams" and len(parts) > 1 and parts[1] in LAYERS:
            assert LAYERS.index(parts[1]) <= own, f"{path}:{line} imports {name}"


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_each_outside_library_has_one_home(path: Path) -> None:
    for name, line in imported(path):
        homes = HOMES.get(name.split(".")[0])
        assert homes is None or layer_of(path) in homes, f"{path}:{line} imports {name}"


@pytest.mark.parametrize(
    "path",
    [p for p in modules() if layer_of(p) in CORE and p != KEEPS_PATTERNS],
    ids=lambda p: str(p.relative_to(PACKAGE)),
)
def test_the_core_knows_no_clock_randomness_environment_or_client(path: Path) -> None:
    for name, line in imported(path):
        assert name.split(".")[0] not in IMPURE, f"{path}:{line} imports {name}"


@pytest.mark.parametrize("name", ["streams.client", "streams.codec.records", "streams.vault.transit"])
def test_the_sdk_imports_no_library_of_the_pipeline(name: str) -> None:
    heavy = "aiohttp aiokafka click faust hyperscan prometheus_client pycld2 pydantic yaml"
    code = f"import sys, {name}; print(*sorted(set('{heavy}'.split()) & set(sys.modules)))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == []
