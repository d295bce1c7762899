"""The vault as a process: HTTP on two Unix sockets, each for its owner's user alone; over TLS where that is set.

- `worker.sock`: private transit keys and the digest key. No route here reaches an account's or a day's private half.
- `control.sock`: rotation, endings, accounts, status, metrics: the janitor and administrators.

A client names its cell, and one of another cell is refused. Nothing that crosses either socket is content. Opening one
stored event for a person is not offered yet, since it needs grants; its place is a third socket beside these two, over
`opening.open_sealed`.
"""

from __future__ import annotations

import asyncio
import base64
import fcntl
import json
import logging
import os
import signal
import socket
import sqlite3
import stat
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from streams import metrics
from streams.codec.control import encode_key
from streams.codec.identity import is_id
from streams.errors import ConfigurationError, IntegrityError
from streams.model import PublicKey
from streams.settings import Settings, VaultSettings
from streams.vault.harden import harden
from streams.vault.link import CELL_HEADER
from streams.vault.network import listen
from streams.vault.service import Vault
from streams.vault.store import SqliteStore

__all__ = ["control_routes", "serve", "sockets", "worker_routes"]

log = logging.getLogger(__name__)
MIND_SECONDS = 60.0
PROBE_SECONDS = 1.0
_JSON = "application/json"


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
        key_id, public = vault.open_account(await _account(request))
        return _counted("open_account", {"key_id": key_id, "public": base64.b64encode(public).decode()})

    async def close_account(request: web.Request) -> web.Response:
        return _counted("close_account", {"ended": vault.close_account(await _account(request))})

    async def state(request: web.Request) -> web.Response:
        return _counted("state", {"state": vault.state(request.match_info["key_id"])})

    async def status(request: web.Request) -> web.Response:
        return _counted("status", vault.status())

    async def exposition(request: web.Request) -> web.Response:
        vault.tell()
        return web.Response(body=metrics.exposition(), headers={"Content-Type": metrics.CONTENT_TYPE})

    return [
        web.post("/v1/rotate", rotate),
        web.post("/v1/end-due", end_due),
        web.post("/v1/accounts/open", open_account),
        web.post("/v1/accounts/close", close_account),
        web.get("/v1/keys/{key_id}", state),
        web.get("/v1/status", status),
        web.get("/metrics", exposition),
    ]


async def _account(request: web.Request) -> str:
    """The account that a request names; in its body, since `..` is an id and would be lost in a path."""
    try:
        account = (await request.json())["account"]
    except (ValueError, KeyError, TypeError):
        account = None
    if not isinstance(account, str) or not is_id(account):
        raise web.HTTPBadRequest(text='{"error": "the body has to be {\\"account\\": ID}"}', content_type=_JSON)
    return account


def _json(key: PublicKey) -> str:
    """A public key travels as the record that stands on the topic: one form, one check."""
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
    except (sqlite3.Error, OSError) as error:
        metrics.VAULT_REQUESTS.labels(call[:32], "failed").inc()
        log.error("the vault's store failed: %s", error)  # these two name files and states, never values
        return web.json_response({"error": f"its store failed: {error}"}, status=500)
    except Exception as error:
        metrics.VAULT_REQUESTS.labels(call[:32], "failed").inc()
        log.error("a request failed: %s", type(error).__name__)
        return web.json_response({"error": f"the vault failed: {type(error).__name__}"}, status=500)


def _same_cell(cell: str) -> Middleware:
    """Keeps off whoever means the vault of another cell: their keys would be mixed up."""

    @web.middleware
    async def look(request: web.Request, handler: Handler) -> web.StreamResponse:
        theirs = request.headers.get(CELL_HEADER)
        if request.path.startswith("/v1/") and theirs != cell:
            told = f"this is the vault of cell {cell!r}, and you are of {theirs!r}: look at cell and at vault's place"
            raise web.HTTPConflict(text=json.dumps({"error": told}), content_type=_JSON)
        return await handler(request)

    return look


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


async def serve(
    settings: Settings,
    metrics_port: int | None = None,
    ready: Callable[[], None] | None = None,
    end_lost: bool = False,
) -> int:
    """Serve until SIGTERM or SIGINT; the signal's number. `ready` is called once both sockets listen.

    Finishes first what an earlier vault left half ended. `end_lost` gives up keys whose KEK is missing, else such keys
    are a `ConfigurationError`.
    """
    harden()
    chosen = settings.vault
    lock = _take(chosen.directory)
    runners: list[web.AppRunner] = []
    bound: list[Path] = []
    try:
        keks = chosen.kek_directory or chosen.directory / "keks"
        store = SqliteStore(chosen.directory / "vault.db", keks)
        _check_folder(keks)
        try:
            vault = Vault(store, chosen, lambda: time.time_ns() // 1_000_000)
            _recover(store, vault, keks, end_lost)
            routes = {"workers": worker_routes(vault), "controllers": control_routes(vault)}
            guards = [_guard, _same_cell(settings.cell)]
            for path, some in zip(sockets(chosen), routes.values(), strict=True):
                runners.append(await _listen(path, some, guards))
                bound.append(path)
            if chosen.listen is not None:
                runners.append(await listen(chosen, routes, guards))
            if metrics_port is not None:
                runners.append(await _listen_metrics(vault, metrics_port))
            return await _until_told(vault, ready)
        finally:
            for runner in runners:
                await runner.cleanup()
            for path in bound:
                path.unlink(missing_ok=True)
            store.close()
    finally:
        lock.release()


def _recover(store: SqliteStore, vault: Vault, keks: Path, end_lost: bool) -> None:
    lost = store.lost()
    if lost and not end_lost:
        raise ConfigurationError(
            f"{len(lost)} keys (the first is {lost[0]}) have no key-encryption key in {keks}: it is not the right "
            "folder, or the database is an old copy. Nobody can open what was sealed to them; "
            "`streams vault serve --end-lost` gives them up and goes on"
        )
    if lost:
        log.warning("%d keys without a key-encryption key were given up", vault.end_lost(lost))
    vault.end_neglected()
    vault.rotate()


async def _until_told(vault: Vault, ready: Callable[[], None] | None) -> int:
    stop = asyncio.Event()
    told: list[int] = []

    def tell(number: int) -> None:
        told.append(number)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, tell, number)
    if ready is not None:
        ready()
    while not stop.is_set():
        try:
            await asyncio.wait_for(stop.wait(), MIND_SECONDS)
        except TimeoutError:
            _mind(vault)
    return told[0]


def _mind(vault: Vault) -> None:
    """Once a minute. A failure is logged, shows as overdue keys, and is tried again."""
    try:
        vault.end_neglected()
    except (sqlite3.Error, OSError) as error:
        log.error("keys that are overdue could not be ended: %s", error)


def _take(directory: Path) -> _Lock:
    try:
        lock = _Lock(directory)
    except OSError as error:
        raise ConfigurationError(f"vault folder {directory}: {error.strerror}") from None
    try:
        _check_folder(directory)
    except ConfigurationError:
        lock.release()
        raise
    return lock


def _check_folder(folder: Path) -> None:
    """Refuse a folder in which everybody may write; say so of one that others may look into."""
    mode = stat.S_IMODE(folder.stat().st_mode)
    if mode & stat.S_IWOTH:
        raise ConfigurationError(f"vault folder {folder} is writable by everybody: choose one of its own, mode 0700")
    if mode & 0o077:
        log.warning("vault folder %s is open to others (mode %04o): chmod 700", folder, mode)


def _make_way(path: Path) -> None:
    """Remove a socket that a killed vault left behind; refuse to take one that answers, or a file that is none."""
    if not path.exists():
        return
    if not path.is_socket():
        raise ConfigurationError(f"{path} is there and is no socket: choose another path, or remove it")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(PROBE_SECONDS)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
        else:
            raise ConfigurationError(f"another process listens on {path}: stop it, or choose another path")


async def _listen(path: Path, routes: list[web.RouteDef], guards: Sequence[Middleware]) -> web.AppRunner:
    app = web.Application(middlewares=guards, client_max_size=1 << 16)
    app.add_routes(routes)
    runner = web.AppRunner(app, access_log=None)
    before = os.umask(0o177)
    try:
        _make_way(path)
        await runner.setup()
        await web.UnixSite(runner, str(path)).start()
    except OSError as error:
        await runner.cleanup()
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
        return web.Response(text="ok\n")

    async def ready(request: web.Request) -> web.Response:
        overdue = vault.status()["overdue"]
        return web.Response(text=f"{overdue} keys are overdue\n", status=503) if overdue else await alive(request)

    app.add_routes([web.get("/metrics", exposition), web.get("/livez", alive), web.get("/readyz", ready)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
    except OSError as error:
        await runner.cleanup()
        raise ConfigurationError(f"cannot listen on 127.0.0.1:{port} for metrics: {error.strerror}") from None
    return runner
