"""A worker ends, whatever its Kafka client does."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from streams.settings import parse
from streams.worker import app
from streams.worker.app import Worker


class _Deaf:
    """Does not end before it is released, and takes no notice of being cancelled."""

    def __init__(self) -> None:
        self.released = asyncio.Event()
        self.stopped = False

    async def stop(self) -> None:
        while not self.released.is_set():
            with suppress(asyncio.CancelledError):
                await self.released.wait()
        self.stopped = True


@pytest.mark.parametrize(("released", "stuck"), [(True, False), (False, True)])
def test_a_client_that_does_not_end_is_left(released: bool, stuck: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "LEAVE_SECONDS", 0.05)

    async def run() -> Worker:
        worker, deaf = Worker(parse({})), _Deaf()
        if released:
            deaf.released.set()
        await worker._leave(deaf)
        assert deaf.stopped is released
        deaf.released.set()
        await asyncio.sleep(0)
        return worker

    assert asyncio.run(run())._stuck is stuck
