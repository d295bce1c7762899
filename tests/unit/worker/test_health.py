"""Alive is: with lag, something ended lately. Ready is: alive, and everything read that a decision needs."""

from __future__ import annotations

import asyncio
import socket
import urllib.error
import urllib.request

import pytest

from streams.errors import SettingsError
from streams.worker.health import Health, Progress


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def fetch(address: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(address, timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_lag_without_progress_is_a_stall_and_progress_ends_it() -> None:
    clock = Clock()
    progress = Progress(30.0, clock)
    progress.measured(5)
    clock.now += 29
    assert progress.stalled() is None
    clock.now += 2
    assert progress.stalled() == "5 records of lag and nothing ended for 31 s"
    progress.committed()
    assert progress.stalled() is None


def test_without_lag_nothing_stalls_however_long_it_is_quiet() -> None:
    clock = Clock()
    progress = Progress(30.0, clock)
    for _ in range(10):
        clock.now += 1_000
        progress.measured(0)
        assert progress.stalled() is None


def test_pages_tell_the_state_by_status_and_in_words() -> None:
    async def run() -> None:
        clock = Clock()
        progress = Progress(30.0, clock)
        health = Health("127.0.0.1", 0, progress)
        await health.start()
        try:

            async def page(name: str) -> tuple[int, str]:
                return await asyncio.to_thread(fetch, f"{health.address}/{name}")

            assert await page("livez") == (200, "alive\n")
            assert await page("readyz") == (503, "accounts, keys and skips not yet read\n")
            progress.ready = True
            assert await page("readyz") == (200, "ready\n")
            progress.measured(7)
            clock.now += 31
            assert (await page("livez"))[0] == (await page("readyz"))[0] == 503
            progress.fatal = "delivery failed"
            assert await page("livez") == (503, "delivery failed\n")
            status, text = await page("metrics")
            assert status == 200
            assert "streams_records_total" in text
        finally:
            await health.stop()

    asyncio.run(run())


def test_a_port_that_is_taken_is_named_with_its_setting() -> None:
    async def run() -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            with pytest.raises(SettingsError, match="STREAMS_WORKER__HTTP_PORT"):
                await Health("127.0.0.1", taken.getsockname()[1], Progress(30.0)).start()

    asyncio.run(run())
