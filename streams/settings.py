"""All settings of the pipeline, from one TOML file and the environment.

Order: environment (`STREAMS_…`, nested by `__`: `STREAMS_KAFKA__BOOTSTRAP`), then the file named by `--config` or
`STREAMS_CONFIG`, then the defaults below. `load` reports every mistake at once. Secrets are masked in every repr.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints, ValidationError, model_validator
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict
from pydantic_settings.exceptions import SettingsError as UnreadableVariable

from streams.errors import SettingsError
from streams.model import StorageMode
from streams.model.address import is_loopback

__all__ = [
    "JanitorSettings",
    "KafkaSettings",
    "PolicySettings",
    "Settings",
    "StorageSettings",
    "TopicSettings",
    "TracingSettings",
    "VaultSettings",
    "WorkerSettings",
    "chosen_file",
    "file_values",
    "is_loopback",
    "load",
    "parse",
]

_HOST_PORT = r"^(\[[0-9a-fA-F:.]+\]|[^\s:/]+):[0-9]{1,5}$"
Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._:-]{1,128}$")]


class _Group(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class KafkaSettings(_Group):
    """How every client reaches Kafka."""

    bootstrap: str = Field("127.0.0.1:9092", description="Comma-separated host:port of brokers.")
    security: Literal["PLAINTEXT", "SSL", "SASL_SSL"] = Field("PLAINTEXT", description="Security protocol.")
    ca_file: Path | None = Field(None, description="CA certificate (PEM) that signs the brokers.")
    cert_file: Path | None = Field(None, description="Client certificate (PEM), for mutual TLS.")
    key_file: Path | None = Field(None, description="Private key of the client certificate (PEM).")
    sasl_mechanism: Literal["SCRAM-SHA-256", "SCRAM-SHA-512", "PLAIN"] = Field(
        "SCRAM-SHA-512", description="SASL mechanism, with SASL_SSL."
    )
    username: str | None = Field(None, description="SASL user name.")
    password: SecretStr | None = Field(None, description="SASL password.")
    allow_plaintext: tuple[str, ...] = Field(
        (), description="Hosts (without port) that may be reached in plaintext though they are not loopback."
    )

    @model_validator(mode="after")
    def _plaintext_stays_on_loopback(self) -> KafkaSettings:
        if self.security == "PLAINTEXT":
            for server in self.bootstrap.split(","):
                host = server.strip().rsplit(":", 1)[0]
                if not is_loopback(server.strip()) and host not in self.allow_plaintext:
                    raise ValueError(
                        f"plaintext to {host!r}, which is not loopback: set security = 'SSL' or 'SASL_SSL', "
                        f"or name the host in allow_plaintext"
                    )
        if self.security == "SASL_SSL" and (self.username is None or self.password is None):
            raise ValueError("SASL_SSL needs username and password")
        return self


class TopicSettings(_Group):
    """Names and sizes of topics."""

    prefix: str = Field("compliance.", description="Prefix of every topic.")
    partitions: int = Field(8, ge=1, le=10_000, description="Partitions of the data topics.")
    replication: int = Field(1, ge=1, le=15, description="Replication factor.")
    min_insync: int = Field(1, ge=1, le=15, description="min.insync.replicas.")


class VaultSettings(_Group):
    """Where the vault listens and keeps its keys."""

    directory: Path = Field(Path("vault"), description="Database and sockets of the vault.")
    kek_directory: Path | None = Field(
        None, description="Key-encryption keys, on another volume in production; default: DIRECTORY/keks."
    )
    socket: Path | None = Field(None, description="Socket for workers; default: DIRECTORY/worker.sock.")
    control_socket: Path | None = Field(
        None, description="Socket for janitor and administrators; default: DIRECTORY/control.sock."
    )
    listen: str | None = Field(
        None, pattern=_HOST_PORT, description="host:port where the vault also serves over TLS; default: nowhere."
    )
    url: str | None = Field(
        None,
        pattern="^https://[^/]+:[0-9]{1,5}$",
        description="https://host:port where clients reach the vault; default: over the sockets.",
    )
    ca_file: Path | None = Field(None, description="CA certificate (PEM) of the vault's own authority, for both sides.")
    cert_file: Path | None = Field(None, description="This process's certificate (PEM) between vault and clients.")
    key_file: Path | None = Field(None, description="Private key of that certificate (PEM).")
    workers: tuple[str, ...] = Field((), description="Common names of certificates that may ask what workers may.")
    controllers: tuple[str, ...] = Field(
        (), description="Common names of certificates that may ask what janitor and administrators may."
    )
    day_life_hours: int = Field(30 * 24 - 4, ge=1, le=30 * 24 - 1, description="A day key's life from its day's start.")
    transit_standard_hours: int = Field(72, ge=1, le=72, description="Life of transit keys of class standard.")
    transit_no_storage_hours: int = Field(1, ge=1, le=24, description="Life of transit keys of class no_storage.")
    transit_rotation_minutes: int = Field(60, ge=1, le=1440, description="How often transit keys are made anew.")

    @model_validator(mode="after")
    def _a_network_needs_certificates(self) -> VaultSettings:
        if self.listen is None and self.url is None:
            return self
        lacking = [name for name in ("ca_file", "cert_file", "key_file") if getattr(self, name) is None]
        if lacking:
            raise ValueError(f"{'listen' if self.listen else 'url'} needs {', '.join(lacking)}")
        if self.listen is not None and not (self.workers or self.controllers):
            raise ValueError("listen needs workers and controllers: the names of certificates that may ask")
        if both := sorted({*self.workers} & {*self.controllers}):
            raise ValueError(f"{', '.join(both)} in both workers and controllers: a certificate has one role")
        return self


class StorageSettings(_Group):
    """What is stored of whom."""

    default_mode: StorageMode = Field(
        StorageMode.NO_STORAGE, description="Storage mode of an account that nobody has set."
    )
    content_key_seconds: int = Field(300, ge=1, le=300, description="How long a writer uses one content key.")


class PolicySettings(_Group):
    """Which policies are judged by."""

    bundles: Path | None = Field(None, description="Folder of policy bundles; default: the built-in ones.")


class WorkerSettings(_Group):
    """How a worker runs."""

    group: Id = Field("compliance-worker", description="Consumer group.")
    batch_records: int = Field(2_000, ge=1, le=20_000, description="Records of one partition in one batch, at most.")
    batch_bytes: int = Field(4_194_304, ge=1_024, description="Bytes of one partition in one batch, about.")
    in_flight: int = Field(16, ge=1, le=64, description="Batches whose delivery may be under way at once.")
    delivery_timeout: float = Field(30.0, ge=1, description="Seconds until an undelivered batch stops the worker.")
    poll_timeout: float = Field(0.05, gt=0, le=5, description="Seconds a poll waits for records.")
    session_timeout: float = Field(10.0, ge=6, description="Seconds until Kafka takes a silent worker for dead.")
    stall_seconds: float = Field(30.0, ge=1, description="With lag, seconds without a commit until not alive.")
    http_host: str = Field("127.0.0.1", description="Address of metrics and health.")
    http_port: int = Field(9464, ge=0, le=65_535, description="Port of metrics and health; worker N adds N.")
    max_text_bytes: int = Field(8_388_608, ge=1_024, description="Largest record that is processed.")
    instance_id: Id | None = Field(None, description="Static group membership; worker N adds -N.")


class JanitorSettings(_Group):
    """How often time passes."""

    interval: float = Field(10.0, gt=0, description="Seconds between two rounds.")
    purge: bool = Field(True, description="Purge `intake` behind the commit of all groups.")
    http_host: str = Field("127.0.0.1", description="Address of metrics and health.")
    http_port: int = Field(9460, ge=0, le=65_535, description="Port of metrics and health.")


class TracingSettings(_Group):
    """Whether batches are traced."""

    endpoint: str | None = Field(
        None, description="Where traces go (OTLP over HTTP), e.g. http://127.0.0.1:4318/v1/traces; without it, nowhere."
    )
    share: float = Field(1.0, gt=0, le=1, description="Share of the batches that is traced.")

    @model_validator(mode="after")
    def _plaintext_stays_on_loopback(self) -> TracingSettings:
        if self.endpoint is None:
            return self
        url = urlsplit(self.endpoint)
        if url.scheme not in ("http", "https") or not url.netloc:
            raise ValueError("endpoint: want an address such as http://127.0.0.1:4318/v1/traces")
        if "@" in url.netloc:
            raise ValueError("endpoint: credentials belong into the variable OTEL_EXPORTER_OTLP_HEADERS")
        if url.scheme == "http" and not is_loopback(url.netloc):
            raise ValueError(f"plaintext to {url.hostname!r}, which is not loopback: use https")
        return self


class Settings(BaseSettings):
    """One deployment."""

    model_config = SettingsConfigDict(env_prefix="STREAMS_", env_nested_delimiter="__", extra="forbid", frozen=True)

    cell: Id = Field("local", description="Name of this deployment; in every source and id.")
    region: Id = Field("us", description="Region in which everything of this cell is stored.")
    kafka: KafkaSettings = KafkaSettings()
    topics: TopicSettings = TopicSettings()
    vault: VaultSettings = VaultSettings()
    storage: StorageSettings = StorageSettings()
    policy: PolicySettings = PolicySettings()
    worker: WorkerSettings = WorkerSettings()
    janitor: JanitorSettings = JanitorSettings()
    tracing: TracingSettings = TracingSettings()
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="Least level that is logged.")
    log_format: Literal["console", "json"] = Field("console", description="How log lines look.")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Environment before file (`init`), no dot files."""
        return env_settings, init_settings


class _Exactly(Settings):
    """Settings from what is given, and nothing around."""

    @classmethod
    def settings_customise_sources(
        cls, settings_cls: type[BaseSettings], init_settings: PydanticBaseSettingsSource, *others: Any, **named: Any
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """No environment, no files."""
        return (init_settings,)


def parse(environment: Mapping[str, str]) -> Settings:
    """The settings that a process with this environment alone has, whatever is in the environment of this one."""
    source = EnvSettingsSource(Settings)
    source.env_vars = {name.lower(): value for name, value in environment.items()}
    return _Exactly(**source())


def chosen_file(path: Path | None = None) -> Path | None:
    """The file that settings are read from: this one, else that of `STREAMS_CONFIG`, else none."""
    return path or (Path(os.environ["STREAMS_CONFIG"]) if os.environ.get("STREAMS_CONFIG") else None)


def file_values(chosen: Path | None) -> dict[str, Any]:
    """What a settings file says, unchecked; nothing without one. `SettingsError` when it cannot be read."""
    if chosen is None:
        return {}
    try:
        return tomllib.loads(chosen.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"settings file {chosen}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"settings file {chosen}: {error}") from None


def load(path: Path | None = None) -> Settings:
    """Read the settings, or raise `SettingsError` with every mistake, one a line, and its place."""
    chosen = chosen_file(path)
    values = file_values(chosen)
    mistakes = _misnamed(os.environ)
    settings: Settings | None = None
    try:
        settings = Settings(**values)
    except UnreadableVariable as error:
        field = next(iter(re.findall(r'"(\w+)"', str(error))), "settings")
        mistakes.append(f"{field}: a variable of it is no JSON, as lists and whole sections have to be")
    except ValidationError as error:
        mistakes += [
            f"{'.'.join(str(part) for part in one['loc']) or 'settings'}: {one['msg'].removeprefix('Value error, ')}"
            for one in error.errors(include_input=False, include_url=False)
        ]
    if mistakes or settings is None:
        where = f" (file {chosen}, environment STREAMS_…)" if chosen else " (environment STREAMS_…)"
        raise SettingsError(f"{len(mistakes)} wrong settings{where}:\n" + "\n".join(f"  {one}" for one in mistakes))
    return settings


def _misnamed(environment: Iterable[str]) -> list[str]:
    """Variables that are meant for us and reach nothing.

    Not every unknown `STREAMS_…` is one: Kubernetes sets STREAMS_PORT and the like for a service of that name.
    """
    ours = [variable for variable in sorted(environment) if variable.startswith("STREAMS_")]
    told = [(variable, _meant(variable.removeprefix("STREAMS_").lower())) for variable in ours]
    return [f"{variable}: no setting; {meant}" for variable, meant in told if meant is not None]


def _meant(name: str) -> str | None:
    """What a misnamed variable was meant to be; None when it is right, or not for us."""
    groups, known = _groups(), [*Settings.model_fields, "config"]
    section, nested, _ = name.partition("__")
    if name in known or (nested and section in groups):
        return None
    if nested:
        near = get_close_matches(section, groups, 1)
        return f"did you mean STREAMS_{near[0].upper()}__…?" if near else "no such section"
    for group, kind in groups.items():
        if name.startswith(f"{group}_") and name.removeprefix(f"{group}_") in kind.model_fields:
            return f"did you mean STREAMS_{group.upper()}__{name.removeprefix(f'{group}_').upper()}?"
    near = get_close_matches(name, known, 1, 0.8)
    return f"did you mean STREAMS_{near[0].upper()}?" if near else None


def _groups() -> dict[str, type[BaseModel]]:
    found = {name: field.annotation for name, field in Settings.model_fields.items()}
    return {name: kind for name, kind in found.items() if isinstance(kind, type) and issubclass(kind, BaseModel)}
