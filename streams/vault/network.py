"""The vault over TLS, for machines that do not share a folder with it: only when `vault.listen` is set.

A client shows a certificate of the authority in `vault.ca_file`. Its common name decides what it may ask:
`vault.workers` what workers may, `vault.controllers` what the janitor and administrators may; nobody both.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from streams.errors import ConfigurationError
from streams.settings import VaultSettings
from streams.tls import server_context
from streams.vault.link import current

__all__ = ["listen"]


async def listen(
    settings: VaultSettings, routes: Mapping[str, Sequence[web.RouteDef]], guards: Sequence[Middleware]
) -> web.AppRunner:
    """Serve `routes`, by the setting that names who may ask them, at `vault.listen`."""
    assert settings.listen is not None, "or it would not be called"
    context = server_context("vault", settings.ca_file, settings.cert_file, settings.key_file)
    current(settings)
    app = web.Application(middlewares=[*guards, _allowed(settings, routes)], client_max_size=1 << 16)
    for some in routes.values():
        app.add_routes(some)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    host, _, port = settings.listen.rpartition(":")
    try:
        await web.TCPSite(runner, host.strip("[]"), int(port), ssl_context=context).start()
    except OSError as error:
        await runner.cleanup()
        raise ConfigurationError(f"cannot listen on {settings.listen} (vault.listen): {error.strerror}") from None
    return runner


def _allowed(settings: VaultSettings, routes: Mapping[str, Sequence[web.RouteDef]]) -> Middleware:
    needed = {route.path: name for name, some in routes.items() for route in some}

    @web.middleware
    async def look(request: web.Request, handler: Handler) -> web.StreamResponse:
        resource = request.match_info.route.resource
        setting = needed.get(resource.canonical) if resource is not None else None
        name = _common_name(request)
        if setting is None or name not in getattr(settings, setting):
            told = f"certificate {name!r} may not ask {request.path}: vault.{setting or '…'} does not name it"
            raise web.HTTPForbidden(text=json.dumps({"error": told}), content_type="application/json")
        return await handler(request)

    return look


def _common_name(request: web.Request) -> str:
    """The common name of the client's certificate, which the handshake has verified; empty unless there is one."""
    shown = request.transport.get_extra_info("peercert") if request.transport is not None else None
    names = [value for part in (shown or {}).get("subject", ()) for kind, value in part if kind == "commonName"]
    return names[0] if len(names) == 1 else ""
