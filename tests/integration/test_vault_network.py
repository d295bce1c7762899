"""The vault over TLS: the right certificate works in its role, every other one is refused with one clear message."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest
from pydantic import ValidationError

from streams.demo.processes import Processes, until
from streams.errors import AccessDenied, VaultUnavailable
from streams.kafka.embedded import EmbeddedBroker, free_port
from streams.settings import parse
from streams.vault.client import ControlClient, VaultClient
from tests.certificates import Authority, Pair
from tests.integration.deployment import deploy

SECONDS = 30.0
WORKER, JANITOR = "worker.cell-a", "janitor.cell-a"


class Network(NamedTuple):
    """A vault of cell `a` that listens, and the authority by which it knows its clients."""

    authority: Authority
    place: str
    process: subprocess.Popen[bytes]

    def environment(self, pair: Pair, ca: Path | None = None, cell: str = "a") -> dict[str, str]:
        """What a client with this certificate is started with."""
        return variables(cell, ca or self.authority.ca, pair) | {"STREAMS_VAULT__URL": f"https://{self.place}"}

    def control(self, pair: Pair, ca: Path | None = None, cell: str = "a") -> ControlClient:
        return ControlClient.of(parse(self.environment(pair, ca, cell)))

    def worker(self, pair: Pair, cell: str = "a") -> VaultClient:
        return VaultClient.of(parse(self.environment(pair, cell=cell)))


def variables(cell: str, ca: Path, pair: Pair) -> dict[str, str]:
    return {
        "STREAMS_CELL": cell,
        "STREAMS_VAULT__CA_FILE": str(ca),
        "STREAMS_VAULT__CERT_FILE": str(pair.cert),
        "STREAMS_VAULT__KEY_FILE": str(pair.key),
    }


def server(folder: Path, authority: Authority, place: str, pair: Pair) -> dict[str, str]:
    """What a vault that listens is started with."""
    return variables("a", authority.ca, pair) | {
        "STREAMS_VAULT__DIRECTORY": str(folder / "vault"),
        "STREAMS_VAULT__LISTEN": place,
        "STREAMS_VAULT__WORKERS": f'["{WORKER}"]',
        "STREAMS_VAULT__CONTROLLERS": f'["{JANITOR}"]',
    }


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    folder = tmp_path_factory.mktemp("network")
    authority, place = Authority(folder), f"127.0.0.1:{free_port()}"
    environment = server(folder, authority, place, authority.sign("vault"))
    with Processes(environment, folder / "logs") as processes:
        made = Network(authority, place, processes.start("vault", "serve"))
        control = made.control(authority.sign(JANITOR))
        until(lambda: answers(control), SECONDS, "the vault's start", processes.check)
        yield made


def answers(control: ControlClient) -> bool:
    try:
        control.status()
    except VaultUnavailable:
        return False
    return True


def streams(*words: str, given: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "streams", *words]
    return subprocess.run(
        command, env={**os.environ, **given}, capture_output=True, text=True, timeout=SECONDS, check=False
    )


def message(done: subprocess.CompletedProcess[str], code: int) -> str:
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.count("streams: ") == 1
    return done.stderr


def test_each_role_does_its_work_with_its_certificate(network: Network) -> None:
    control = network.control(network.authority.sign(JANITOR))
    (transit, *_) = [key for key in control.rotate() if key.transit_class is not None]
    worker = network.worker(network.authority.sign(WORKER))
    assert len(asyncio.run(worker.digest_key())) == 32
    private = asyncio.run(worker.transit_key(transit.key_id))
    assert (len(private.private or b""), private.end) == (32, transit.end)
    key_id, public = control.open_account("acme")
    assert (control.state(key_id), len(public)) == ("live", 32)


def test_neither_role_may_do_what_the_other_may(network: Network) -> None:
    as_worker, as_janitor = network.authority.sign(WORKER), network.authority.sign(JANITOR)
    intruder = network.control(as_worker)
    acts: list[Callable[[], object]] = [intruder.status, intruder.rotate, intruder.end_due]
    acts += [partial(intruder.close_account, "acme"), partial(intruder.open_account, "acme")]
    for act in acts:
        with pytest.raises(AccessDenied, match=rf"'{WORKER}' may not ask .*: vault\.controllers does not name it"):
            act()
    with pytest.raises(AccessDenied, match=rf"'{JANITOR}' may not ask .*: vault\.workers does not name it"):
        asyncio.run(network.worker(as_janitor).digest_key())


def test_a_certificate_that_nobody_named_may_nothing(network: Network) -> None:
    given = network.environment(network.authority.sign("somebody"))
    assert "certificate 'somebody' may not ask /v1/status" in message(streams("vault", "status", given=given), 2)


def test_a_certificate_of_another_authority_is_refused(network: Network, tmp_path: Path) -> None:
    pair = Authority(tmp_path, "others").sign(JANITOR)
    told = message(streams("vault", "status", given=network.environment(pair)), 3)
    assert f"does it take the certificate in {pair.cert}" in told


def test_a_certificate_that_has_expired_is_named_before_anybody_is_asked(network: Network) -> None:
    pair = network.authority.sign(JANITOR, -timedelta(hours=1))
    told = message(streams("vault", "status", given=network.environment(pair)), 2)
    assert f"vault.cert_file {pair.cert} has expired on " in told


def test_the_vault_itself_takes_no_expired_certificate_and_none_at_all(network: Network) -> None:
    """Whatever our own client looks at first."""
    assert answer(network, network.authority.sign(JANITOR)).startswith(b"HTTP/1.1 200")
    assert answer(network, network.authority.sign(JANITOR, -timedelta(hours=1))) == b""
    assert answer(network, None) == b""


def answer(network: Network, pair: Pair | None) -> bytes:
    """What the vault says to a client of no library's; nothing when it breaks off."""
    context = ssl.create_default_context(cafile=str(network.authority.ca))
    if pair is not None:
        context.load_cert_chain(pair.cert, pair.key)
    host, _, port = network.place.rpartition(":")
    with (
        socket.create_connection((host, int(port)), SECONDS) as plain,
        context.wrap_socket(plain, server_hostname=host) as safe,
    ):
        try:
            safe.sendall(b"GET /metrics HTTP/1.1\r\nHost: vault\r\n\r\n")
            return safe.recv(100)
        except OSError:
            return b""


def test_a_vault_of_another_authority_or_name_is_not_believed(network: Network, tmp_path: Path) -> None:
    mine = network.authority.sign(JANITOR)
    given = network.environment(mine, Authority(tmp_path, "others").ca)
    told = message(streams("vault", "status", given=given), 3)
    assert "its certificate is not signed by the authority in vault.ca_file" in told


@pytest.mark.parametrize("command", ["vault status", "accounts set acme --mode standard"])
@pytest.mark.broker
def test_a_vault_of_another_cell_refuses(
    network: Network, broker: EmbeddedBroker, tmp_path: Path, command: str
) -> None:
    settings = deploy(broker.bootstrap, tmp_path)
    given = network.environment(network.authority.sign(JANITOR), cell="b") | {
        "STREAMS_KAFKA__BOOTSTRAP": broker.bootstrap,
        "STREAMS_TOPICS__PREFIX": settings.topics.prefix,
        "STREAMS_TOPICS__PARTITIONS": "2",
    }
    told = message(streams(*command.split(), given=given), 2)
    assert "this is the vault of cell 'a', and you are of 'b'" in told


@pytest.mark.broker
@pytest.mark.parametrize(("cell", "says"), [("b", "vault of cell 'a', and you are of 'b'"), ("a", "may not ask")])
def test_a_worker_with_the_wrong_vault_or_certificate_refuses_to_start(
    network: Network, broker: EmbeddedBroker, tmp_path: Path, cell: str, says: str
) -> None:
    settings = deploy(broker.bootstrap, tmp_path)
    given = network.environment(network.authority.sign(JANITOR), cell=cell) | {
        "STREAMS_KAFKA__BOOTSTRAP": broker.bootstrap,
        "STREAMS_TOPICS__PREFIX": settings.topics.prefix,
        "STREAMS_TOPICS__PARTITIONS": "2",
        "STREAMS_WORKER__HTTP_PORT": "0",
    }
    assert says in message(streams("worker", given=given), 2)


@pytest.mark.parametrize("name", ["CA_FILE", "CERT_FILE", "KEY_FILE"])
def test_a_file_that_is_not_there_is_named_by_both_sides(network: Network, tmp_path: Path, name: str) -> None:
    gone = {f"STREAMS_VAULT__{name}": str(tmp_path / "gone.pem")}
    pair = network.authority.sign(JANITOR)
    client = network.environment(pair) | gone
    listening = server(tmp_path, network.authority, f"127.0.0.1:{free_port()}", pair) | gone
    for words, given in ((("vault", "status"), client), (("vault", "serve"), listening)):
        told = message(streams(*words, given=given), 2)
        assert f"vault.{name.lower()} {tmp_path / 'gone.pem'}: No such file" in told


def test_a_vault_whose_own_certificate_has_expired_does_not_start(network: Network, tmp_path: Path) -> None:
    pair = network.authority.sign("vault", -timedelta(hours=1))
    given = server(tmp_path, network.authority, f"127.0.0.1:{free_port()}", pair)
    assert "has expired on" in message(streams("vault", "serve", given=given), 2)


def test_a_vault_that_is_not_there_is_named(network: Network) -> None:
    pair = network.authority.sign(JANITOR)
    place = f"https://127.0.0.1:{free_port()}"
    given = network.environment(pair) | {"STREAMS_VAULT__URL": place}
    assert f"the vault at {place} does not answer" in message(streams("vault", "status", given=given), 3)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="prctl is Linux's")
def test_a_vault_that_listens_is_hardened_as_ever(network: Network) -> None:
    """No core, and not dumpable, which shows to users other than root in who owns its entries in /proc."""
    limits = Path(f"/proc/{network.process.pid}/limits").read_text(encoding="utf-8")
    (core,) = [line.split() for line in limits.splitlines() if line.startswith("Max core file size")]
    assert core[4:6] == ["0", "0"]
    assert os.geteuid() == 0 or Path(f"/proc/{network.process.pid}/environ").stat().st_uid == 0


def test_certificates_are_needed_for_both_sides() -> None:
    for side, place in (("LISTEN", "127.0.0.1:1"), ("URL", "https://127.0.0.1:1")):
        with pytest.raises(ValidationError, match=f"{side.lower()} needs ca_file, cert_file, key_file"):
            parse({f"STREAMS_VAULT__{side}": place})
