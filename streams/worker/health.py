"""Metrics, liveness, readiness, and which process it is, over HTTP.

Alive is: with lag, something was committed lately. A TCP port that answers proves nothing: a worker can hold its
connection and consume nothing after a rebalance.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic, time

from aiohttp import web

from streams import metrics
from streams.errors import SettingsError
from streams.worker.process import ProcessId, identify

__all__ = ["Health", "Progress"]


class Progress:
    """What a worker last did, by a monotonic clock; the worker writes it, health reads it."""

    def __init__(self, stall_seconds: float, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._stall = stall_seconds
        self._moved = clock()
        self.lag = 0
        self.ready = False
        self.fatal: str | None = None

    def committed(self) -> None:
        """Note that offsets were ended and delivered."""
        self._moved = self._clock()
        metrics.LAST_COMMIT.set(time())

    def measured(self, lag: int) -> None:
        """Note the records behind the end of all owned partitions; without lag nothing stalls."""
        if lag <= 0:
            self._moved = self._clock()
        self.lag = lag

    def stalled(self) -> str | None:
        """Why the worker is not alive, or None."""
        if self.fatal:
            return self.fatal
        idle = self._clock() - self._moved
        if self.lag > 0 and idle > self._stall:
            return f"{self.lag} records of lag and nothing ended for {idle:.0f} s"
        return None


class Health:
    """Serves /metrics, /livez, /readyz and /process. `port` 0 takes a free one, told by `address` once started.

    `supervisor` is the process that starts this one again when it ends.
    """

    def __init__(self, host: str, port: int, progress: Progress, supervisor: ProcessId | None = None) -> None:
        self._supervisor = supervisor
        self._host, self._port, self._progress = host, port, progress
        self._runner: web.AppRunner | None = None
        self.address = ""

    async def start(self) -> None:
        """Listen; `SettingsError` when the port is taken."""
        app = web.Application()
        app.add_routes(
            [
                web.get("/metrics", self._metrics),
                web.get("/livez", self._livez),
                web.get("/readyz", self._readyz),
                web.get("/process", self._process),
            ]
        )
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._host, self._port)
        try:
            await site.start()
        except OSError as error:
            await self.stop()
            raise SettingsError(
                f"cannot listen on {self._host}:{self._port} for metrics: {error.strerror}. "
                "Choose another port: STREAMS_WORKER__HTTP_PORT"
            ) from None
        host, port = self._runner.addresses[0][:2]
        self.address = f"http://{host}:{port}"

    async def stop(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            runner, self._runner = self._runner, None
            await runner.cleanup()

    async def _metrics(self, request: web.Request) -> web.Response:
        return web.Response(body=metrics.exposition(), headers={"Content-Type": metrics.CONTENT_TYPE})

    async def _livez(self, request: web.Request) -> web.Response:
        why = self._progress.stalled()
        return web.Response(status=503 if why else 200, text=f"{why or 'alive'}\n")

    async def _readyz(self, request: web.Request) -> web.Response:
        why = self._progress.stalled() or (None if self._progress.ready else "accounts, keys and skips not yet read")
        return web.Response(status=503 if why else 200, text=f"{why or 'ready'}\n")

    async def _process(self, request: web.Request) -> web.Response:
        return web.json_response({"process": identify(), "supervisor": self._supervisor})
