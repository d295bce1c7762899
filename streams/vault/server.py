"""The vault as a process: HTTP on two Unix sockets, each for its owner's user alone.

- `worker.sock`: private transit keys and the digest key. No route here reaches an account's or a day's private half.
- `control.sock`: rotation, endings, accounts, status, metrics: the janitor and administrators.

Nothing that crosses either socket is content. Opening one stored event for a person is not offered: it needs grants.
"""

from __future__ import annotations

import asyncio
import base64
import fcntl
import logging
import os
import signal
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from aiohttp import web

from streams import metrics
from streams.errors import ConfigurationError, IntegrityError
from streams.settings import Settings, VaultSettings
from streams.vault.harden import harden
from streams.vault.service import Vault
from streams.vault.store import SqliteStore

__all__ = ["control_routes", "serve", "sockets", "worker_routes"]

log = logging.getLogger(__name__)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def sockets(settings: VaultSettings) -> tuple[Path, Path]:
    """Where the worker's and the control socket are."""
    return (
        settings.socket or settings.directory / "worker.sock",
        settings.control_socket or settings.directory / "control.sock",
    )


def worker_routes(vault: Vault) -> list[web.RouteDef]:
    """What a worker may ask."""

    async def transit(request: web.Request) -> web.Response:
        answer = vault.transit(request.match_info["key_id"])
        if answer.kept is None:
            return _counted("transit", {"state": answer.state})
        private = base64.b64encode(answer.kept.private).decode()
        return _counted("transit", {"state": answer.state, "private": private, "end": answer.kept.key.end})

    async def digest_key(request: web.Request) -> web.Response:
        return _counted("digest_key", {"key": base64.b64encode(vault.digest_key()).decode()})

    return [web.get("/v1/transit/{key_id}", transit), web.get("/v1/digest-key", digest_key)]


def control_routes(vault: Vault) -> list[web.RouteDef]:
    """What the janitor and administrators may ask."""

    async def rotate(request: web.Request) -> web.Response:
        return _counted("rotate", {"keys": [_json(key) for key in vault.rotate()]})

    async def end_due(request: web.Request) -> web.Response:
        return _counted("end_due", {"keys": [_json(key) for key in vault.end_due()]})

    async def open_account(request: web.Request) -> web.Response:
        key_id, public = vault.open_account(request.match_info["account"])
        return _counted("open_account", {"key_id": key_id, "public": base64.b64encode(public).decode()})

    async def close_account(request: web.Request) -> web.Response:
        return _counted("close_account", {"ended": vault.close_account(request.match_info["account"])})

    async def status(request: web.Request) -> web.Response:
        return _counted("status", vault.status())

    async def exposition(request: web.Request) -> web.Response:
        vault.tell()
        return web.Response(body=metrics.exposition(), headers={"Content-Type": metrics.CONTENT_TYPE})

    return [
        web.post("/v1/rotate", rotate),
        web.post("/v1/end-due", end_due),
        web.post("/v1/accounts/{account}/open", open_account),
        web.post("/v1/accounts/{account}/close", close_account),
        web.get("/v1/status", status),
        web.get("/metrics", exposition),
    ]


def _json(key: object) -> str:
    # Public keys travel as the record that stands on the topic: one form, one check.
    from streams.codec.control import encode_key
    from streams.model import PublicKey

    assert isinstance(key, PublicKey)
    return base64.b64encode(encode_key(key)).decode()


def _counted(call: str, answer: dict[str, object]) -> web.Response:
    metrics.VAULT_REQUESTS.labels(call, "ok").inc()
    return web.json_response(answer)


@web.middleware
async def _guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Say what went wrong in our words; a defect is logged by its type, since its message could carry a key."""
    call = (request.match_info.route.name or request.path.split("/")[2:3] or ["?"])[0]
    try:
        return await handler(request)
    except web.HTTPException:
        metrics.VAULT_REQUESTS.labels("other", "refused").inc()
        raise
    except IntegrityError as error:
        metrics.VAULT_REQUESTS.labels(call[:32], "integrity").inc()
        log.critical("%s", error)
        return web.json_response({"error": str(error)}, status=500)
    except Exception as error:
        metrics.VAULT_REQUESTS.labels(call[:32], "failed").inc()
        log.error("a request failed: %s", type(error).__name__)
        return web.json_response({"error": f"the vault failed: {type(error).__name__}"}, status=500)


class _Lock:
    """Keeps a second vault off the same folder. The lock ends with the process, however it ends."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._descriptor = os.open(directory / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._descriptor)
            raise ConfigurationError(
                f"another vault already serves {directory}: stop it, or choose another folder"
            ) from None

    def release(self) -> None:
        os.close(self._descriptor)


async def serve(settings: Settings, metrics_port: int | None = None, ready: Callable[[], None] | None = None) -> None:
    """Serve until SIGTERM or SIGINT. `ready` is called once both sockets listen."""
    harden()
    chosen = settings.vault
    lock = _take(chosen.directory)
    store = SqliteStore(chosen.directory / "vault.db", chosen.kek_directory or chosen.directory / "keks")
    runners: list[web.AppRunner] = []
    try:
        vault = Vault(store, chosen, lambda: time.time_ns() // 1_000_000)
        vault.rotate()
        for path, routes in zip(sockets(chosen), (worker_routes(vault), control_routes(vault)), strict=True):
            runners.append(await _listen(path, routes))
        if metrics_port is not None:
            runners.append(await _listen_metrics(vault, metrics_port))
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        if ready is not None:
            ready()
        await stop.wait()
    finally:
        for runner in runners:
            await runner.cleanup()
        for path in sockets(chosen):
            _remove(path)
        store.close()
        lock.release()


def _take(directory: Path) -> _Lock:
    try:
        return _Lock(directory)
    except OSError as error:
        raise ConfigurationError(f"vault folder {directory}: {error.strerror}") from None


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)


async def _listen(path: Path, routes: list[web.RouteDef]) -> web.AppRunner:
    app = web.Application(middlewares=[_guard], client_max_size=1 << 16)
    app.add_routes(routes)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    _remove(path)  # left behind by a vault that was killed: the lock says that none is alive
    before = os.umask(0o177)
    try:
        await web.UnixSite(runner, str(path)).start()
    except OSError as error:
        raise ConfigurationError(f"cannot listen on {path}: {error.strerror or error}") from None
    finally:
        os.umask(before)
    return runner


async def _listen_metrics(vault: Vault, port: int) -> web.AppRunner:
    app = web.Application()

    async def exposition(request: web.Request) -> web.Response:
        vault.tell()
        return web.Response(body=metrics.exposition(), headers={"Content-Type": metrics.CONTENT_TYPE})

    async def alive(request: web.Request) -> web.Response:
        return web.Response(text="alive\n")

    app.add_routes([web.get("/metrics", exposition), web.get("/livez", alive), web.get("/readyz", alive)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
    except OSError as error:
        raise ConfigurationError(f"cannot listen on 127.0.0.1:{port} for metrics: {error.strerror}") from None
    return runner
