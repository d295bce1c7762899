"""Importing the SDK brings in nothing that the base install does not have."""

from __future__ import annotations

import subprocess
import sys

HEAVY = ("pydantic", "click", "aiohttp", "prometheus_client", "hyperscan", "yaml", "faust", "aiokafka", "rich")


def loaded(statement: str) -> set[str]:
    program = f"{statement}\nimport sys\nprint(*sys.modules)"
    return set(
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    )


def test_the_client_imports_nothing_heavy() -> None:
    modules = loaded("import streams.client")
    assert "streams.client.sync" in modules
    assert modules.isdisjoint(HEAVY)


def test_the_public_fake_imports_nothing_heavy() -> None:
    assert loaded("import streams.client.testing").isdisjoint(HEAVY)


def test_the_asyncio_client_adds_aiokafka_alone() -> None:
    modules = loaded("from streams.client import AsyncClient")
    assert "aiokafka" in modules
    assert modules.isdisjoint(set(HEAVY) - {"aiokafka"})


def test_without_the_extra_the_message_names_it() -> None:
    program = "import sys; sys.modules['aiokafka'] = None\nfrom streams.client import AsyncClient"
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert said.returncode == 1
    assert "compliance-streams[aio]" in said.stderr
