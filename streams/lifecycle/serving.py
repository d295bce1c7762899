"""Metrics and health of a process without an event loop, over HTTP."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType

from streams import metrics
from streams.errors import SettingsError

__all__ = ["Check", "Serving"]

log = logging.getLogger(__name__)

Check = Callable[[], str | None]  # why not, or None


class Serving:
    """Serves /metrics, /livez and /readyz from a thread. Port 0 takes a free one; `address` tells which.

    A check that gives a reason is answered with 503 and that reason.
    """

    def __init__(self, host: str, port: int, alive: Check, ready: Check) -> None:
        checks = {"/livez": alive, "/readyz": ready}
        handler = type("_Handler", (_Handler,), {"checks": checks})
        try:
            self._server = ThreadingHTTPServer((host, port), handler)
        except OSError as error:
            raise SettingsError(
                f"cannot listen on {host}:{port} for metrics: {error.strerror}. "
                "Choose another port: STREAMS_JANITOR__HTTP_PORT"
            ) from None
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), name="http", daemon=True)

    @property
    def address(self) -> str:
        """host:port it listens on."""
        host, port = self._server.server_address[:2]
        return f"{host if isinstance(host, str) else host.decode()}:{port}"

    def __enter__(self) -> Serving:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    checks: dict[str, Check] = {}  # noqa: RUF012 - set anew on a subclass for each server

    def do_GET(self) -> None:
        if self.path == "/metrics":
            self._answer(200, metrics.exposition(), metrics.CONTENT_TYPE)
            return
        check = self.checks.get(self.path)
        if check is None:
            self._answer(404, b"try /metrics, /livez or /readyz\n")
            return
        why = check()
        self._answer(503 if why else 200, f"{why or 'ok'}\n".encode())

    def _answer(self, status: int, body: bytes, kind: str = "text/plain; charset=utf-8") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        log.debug("http: %s", self.command)
