"""What a client makes of the vault's answers: here, of the time that they carry."""

from __future__ import annotations

import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from streams.errors import ClockSkew, VaultUnavailable
from streams.settings import parse
from streams.vault.link import SKEW_SECONDS, Link

Vault = Callable[[str | None], AbstractContextManager[Link]]


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    """A vault that answers `{}` with a `Date` of choice, and a link to it."""

    @contextmanager
    def serving(date: str | None) -> Iterator[Link]:
        class Answer(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response_only(200)
                if date is not None:
                    self.send_header("Date", date)
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_: object) -> None:
                pass

        path = tmp_path / "vault.sock"
        with socketserver.UnixStreamServer(str(path), Answer) as server:
            thread = threading.Thread(target=server.serve_forever, args=(0.01,))
            thread.start()
            try:
                yield Link(parse({"STREAMS_CELL": "a"}), path)
            finally:
                server.shutdown()
                thread.join()

    return serving


@pytest.mark.parametrize(("ahead", "word"), [(86_400, "behind"), (-86_400, "ahead of")])
def test_an_answer_from_a_clock_a_day_off_decides_nothing_and_names_both_clocks(
    vault: Vault, ahead: int, word: str
) -> None:
    with vault(formatdate(time.time() + ahead, usegmt=True)) as link, pytest.raises(ClockSkew) as caught:
        link.call("GET", "/v1/digest-key")
    assert f"s {word} the clock of the vault at {link.name}" in str(caught.value)
    assert "set both by one time server" in str(caught.value)
    assert caught.value.exit_code == 3


def test_clocks_may_differ_by_less_than_keys_have_as_margin(vault: Vault) -> None:
    with vault(formatdate(time.time() + SKEW_SECONDS / 2, usegmt=True)) as link:
        assert link.call("GET", "/v1/digest-key") == {}


@pytest.mark.parametrize("date", [None, "yesterday"])
def test_an_answer_without_a_time_is_none_of_the_vaults(vault: Vault, date: str | None) -> None:
    with vault(date) as link, pytest.raises(VaultUnavailable, match="has no time"):
        link.call("GET", "/v1/digest-key")
