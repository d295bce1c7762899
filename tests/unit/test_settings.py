"""Settings: their order, every mistake at once, what is misnamed, what is refused, what is masked."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from streams.errors import SettingsError
from streams.settings import Settings, load, parse


@pytest.fixture(autouse=True)
def nothing_around(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [one for one in os.environ if one.startswith("STREAMS_")]:
        monkeypatch.delenv(name)


def written(folder: Path, text: str) -> Path:
    file = folder / "streams.toml"
    file.write_text(text, encoding="utf-8")
    return file


def mistakes(path: Path | None = None) -> list[str]:
    with pytest.raises(SettingsError) as found:
        load(path)
    assert found.value.exit_code == 2
    return [line.strip() for line in str(found.value).splitlines()[1:]]


def test_the_environment_goes_before_the_file_and_the_file_before_defaults(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = written(tmp_path, 'cell = "file"\nregion = "eu"\n[topics]\npartitions = 3\nprefix = "a."\n')
    monkeypatch.setenv("STREAMS_CELL", "environment")
    monkeypatch.setenv("STREAMS_TOPICS__PREFIX", "b.")
    settings = load(file)
    assert (settings.cell, settings.region) == ("environment", "eu")
    assert (settings.topics.prefix, settings.topics.partitions, settings.topics.replication) == ("b.", 3, 1)
    monkeypatch.setenv("STREAMS_CONFIG", str(file))
    assert load().region == "eu"


def test_every_mistake_is_told_at_once_with_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = written(tmp_path, "[topics]\npartitions = 0\n[worker]\nbatch_record = 5\n[nonsense]\na = 1\n")
    monkeypatch.setenv("STREAMS_WORKER__DELIVERY_TIMEOUT", "soon")
    found = mistakes(file)
    for place in ("topics.partitions", "worker.batch_record", "nonsense", "worker.delivery_timeout"):
        assert any(line.startswith(f"{place}: ") for line in found), place
    assert len(found) == 4


@pytest.mark.parametrize(
    ("variable", "said"),
    [
        ("STREAMS_KAFKA_BOOTSTRAP", "did you mean STREAMS_KAFKA__BOOTSTRAP?"),
        ("STREAMS_WORKR__GROUP", "did you mean STREAMS_WORKER__…?"),
        ("STREAMS_REGOIN", "did you mean STREAMS_REGION?"),
        ("STREAMS_ZZZ__ZZZ", "no such section"),
    ],
)
def test_a_variable_that_reaches_nothing_is_a_mistake_and_no_silence(
    variable: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "x")
    assert mistakes() == [f"{variable}: no setting; {said}"]


@pytest.mark.parametrize(
    "variable", ["STREAMS_PORT", "STREAMS_SERVICE_HOST", "STREAMS_VAULT_PORT_9464_TCP", "STREAMS_WORKER_SERVICE_HOST"]
)
def test_what_kubernetes_sets_for_a_service_is_no_mistake(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, "tcp://127.0.0.1:1")
    assert load().model_dump() == parse({}).model_dump()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            '[kafka]\nbootstrap = "broker.example.com:9092"\n',
            "plaintext to 'broker.example.com'",
        ),
        ('[kafka]\nsecurity = "SASL_SSL"\n', "needs username and password"),
        ("[vault]\nday_life_hours = 720\n", "719"),
        ('cell = "not an id"\n', "pattern"),
    ],
)
def test_what_would_break_a_promise_is_refused(text: str, said: str, tmp_path: Path) -> None:
    (line,) = mistakes(written(tmp_path, text))
    assert said in line


@pytest.mark.parametrize("text", ["cell = ", "\x00"])
def test_a_file_that_is_no_toml_is_named(text: str, tmp_path: Path) -> None:
    file = written(tmp_path, text)
    with pytest.raises(SettingsError, match=r"streams\.toml"):
        load(file)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="nowhere"):
        load(tmp_path / "nowhere.toml")


def test_a_wrong_value_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAMS_LOG_LEVEL", "hunter2-the-password")
    assert "hunter2" not in "".join(mistakes())


def test_secrets_are_masked_in_every_repr() -> None:
    environment = {"STREAMS_KAFKA__USERNAME": "u", "STREAMS_KAFKA__PASSWORD": "hunter2"}
    settings = parse({**environment, "STREAMS_KAFKA__SECURITY": "SASL_SSL"})
    assert settings.kafka.password is not None
    assert settings.kafka.password.get_secret_value() == "hunter2"
    assert "hunter2" not in f"{settings!r} {settings} {settings.kafka!r} {settings.model_dump_json()}"


def test_a_process_is_given_its_environment_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAMS_CELL", "around")
    assert parse({"STREAMS_REGION": "eu"}).cell == Settings.model_fields["cell"].default


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('listen = "127.0.0.1:9443"', "listen needs ca_file, cert_file, key_file"),
        ('url = "https://vault:9443"\nca_file = "ca"', "url needs cert_file, key_file"),
        ('url = "http://vault:9443"', "String should match pattern"),
        ('listen = "9443"', "String should match pattern"),
        ('listen = "v:1"\nca_file = "a"\ncert_file = "b"\nkey_file = "c"', "listen needs workers and controllers"),
        (
            'listen = "v:1"\nca_file = "a"\ncert_file = "b"\nkey_file = "c"\nworkers = ["x"]\ncontrollers = ["x"]',
            "x in both workers and controllers: a certificate has one role",
        ),
    ],
)
def test_a_vault_on_the_network_needs_certificates_and_names(tmp_path: Path, text: str, said: str) -> None:
    (found,) = mistakes(written(tmp_path, f"[vault]\n{text}\n"))
    assert said in found
    assert found.startswith("vault")


@pytest.mark.parametrize("variable", ["STREAMS_KAFKA", "STREAMS_KAFKA__ALLOW_PLAINTEXT"])
def test_a_variable_that_has_to_be_json_and_is_not_is_a_mistake_without_its_value(
    variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "{canary")
    (said,) = mistakes()
    assert said == "kafka: a variable of it is no JSON, as lists and whole sections have to be"


@pytest.mark.parametrize(
    ("endpoint", "said"),
    [
        ("http://collector:4318/v1/traces", "plaintext to 'collector'"),
        ("https://user:canary@collector/v1/traces", "OTEL_EXPORTER_OTLP_HEADERS"),
        ("canary", "want an address such as"),
    ],
)
def test_traces_go_to_an_address_without_credentials_and_in_plaintext_to_loopback_alone(
    endpoint: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STREAMS_TRACING__ENDPOINT", endpoint)
    (mistake,) = mistakes()
    assert said in mistake
    assert "canary" not in mistake
