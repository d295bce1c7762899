"""The error tree. A message names the thing, the place and the remedy, and never holds content.

ComplianceError
 ├─ ConfigurationError    refuse to start, exit 2
 │   ├─ SettingsError         all mistakes of the settings at once
 │   ├─ PolicyError           file, line, caret, hint
 │   ├─ SchemaError           a schema that does not parse or is not compatible
 │   ├─ AccessDenied          Kafka or the vault is there, and does not allow it
 │   └─ DriftError            a topic that would keep content longer than promised
 ├─ RecordError           this record only; becomes a dead letter
 │   ├─ DecodeError           bytes that are no record of ours
 │   ├─ InvalidEvent          a record whose fields break the contract
 │   └─ UnreadableContent     sealed content whose key is unknown, ended, or does not verify
 ├─ DependencyError       retry, then stop before commit, exit 3
 │   ├─ BrokerUnavailable
 │   ├─ VaultUnavailable
 │   ├─ ClockSkew             our clock and the vault's differ by more than keys can bear
 │   └─ DeliveryError         the broker did not take what was sent
 └─ IntegrityError        a chain or a seal does not verify: stop and alert
"""

from __future__ import annotations

from enum import StrEnum

__all__ = [
    "AccessDenied",
    "BrokerUnavailable",
    "ClockSkew",
    "Code",
    "ComplianceError",
    "ConfigurationError",
    "DecodeError",
    "DeliveryError",
    "DependencyError",
    "DriftError",
    "IntegrityError",
    "InvalidEvent",
    "PolicyError",
    "RecordError",
    "SchemaError",
    "SettingsError",
    "UnreadableContent",
    "VaultUnavailable",
]


class Code(StrEnum):
    """A reason. Each has a row in docs/bad-input.md, a counter (`streams_rejected_total`) and a test."""

    # bytes that are no record of ours: dead_letter
    EMPTY = "empty"
    TOO_LARGE = "too_large"
    UNKNOWN_FRAMING = "unknown_framing"
    UNKNOWN_FINGERPRINT = "unknown_fingerprint"
    WRONG_SCHEMA = "wrong_schema"
    TRUNCATED = "truncated"
    TRAILING_BYTES = "trailing_bytes"
    INVALID_AVRO = "invalid_avro"
    INVALID_JSON = "invalid_json"
    INVALID_UTF8 = "invalid_utf8"
    # fields that break the contract: dead_letter
    MISSING_FIELD = "missing_field"
    WRONG_TYPE = "wrong_type"
    INVALID_VALUE = "invalid_value"
    NO_CONTENT = "no_content"
    # sealed content that cannot be read
    KEY_UNKNOWN = "key_unknown"  # dead_letter; refused where an account that may be stored has no usable key
    KEY_ENDED = "key_ended"  # expired_unread
    SEAL_BROKEN = "seal_broken"  # dead_letter: tampered with, or moved from another account or event
    CLEAR_ON_SEALED_TOPIC = "clear_on_sealed_topic"  # dead_letter: content in the clear on `intake`
    # records that are understood and turned away: refused
    ACCOUNT_CLOSED = "account_closed"
    REGION_MISMATCH = "region_mismatch"
    APPLICATION_CLASS = "application_class"
    KIND_UNSUPPORTED = "kind_unsupported"
    DAY_KEY_ENDED = "day_key_ended"  # ingested so long ago that its day's key is gone: nothing may be kept
    # processed, but in breach of the contract: content is not kept
    PLAIN_BREACH = "plain_breach"
    # processing or delivery failed for this record alone: dead_letter
    PROCESS_FAILED = "process_failed"
    SKIPPED = "skipped"  # by `streams skip`: nobody has read it
    OUTPUT_TOO_LARGE = "output_too_large"
    # offsets without a record
    LOG_START_AHEAD = "log_start_ahead"  # lost
    OFFSET_HOLE = "offset_hole"  # absent: compaction or transaction markers


class ComplianceError(Exception):
    """The root. `exit_code` is what the command line ends with when the error reaches it."""

    exit_code = 1


class ConfigurationError(ComplianceError):
    """Something a person wrote is wrong: nothing starts until it is mended."""

    exit_code = 2


class SettingsError(ConfigurationError):
    """Settings that do not hold; the message lists every mistake, one a line."""


class PolicyError(ConfigurationError):
    """A policy or lexicon file that does not hold; the message shows file, line, caret and a hint."""


class SchemaError(ConfigurationError):
    """A schema that does not parse, or a new version that old readers cannot read."""


class AccessDenied(ConfigurationError):
    """Kafka or the vault answers, and does not allow us what we ask: a password, a certificate or a permission."""


class DriftError(ConfigurationError):
    """A topic whose settings would keep content longer than promised."""


class RecordError(ComplianceError):
    """One record cannot be used. Holds an error code and a byte position, never the bytes nor a library's message."""

    def __init__(self, code: Code, position: int | None = None) -> None:
        super().__init__(code.value if position is None else f"{code.value} at byte {position}")
        self.code = code
        self.position = position


class DecodeError(RecordError):
    """Bytes that are no record of ours."""


class InvalidEvent(RecordError):
    """A record that decodes, but whose fields break the contract."""


class UnreadableContent(RecordError):
    """Sealed content whose key is unknown or ended, or whose seal does not verify."""


class DependencyError(ComplianceError):
    """Something that is needed is not there or does not answer: retry, then stop before commit."""

    exit_code = 3


class BrokerUnavailable(DependencyError):
    """Kafka does not answer at the configured address."""


class VaultUnavailable(DependencyError):
    """The vault does not answer at its socket or address."""


class ClockSkew(DependencyError):
    """Our clock and the vault's differ by more than keys can bear: one of them would take live keys for ended."""


class DeliveryError(DependencyError):
    """The broker did not take what was sent to it."""


class IntegrityError(ComplianceError):
    """A chain or a seal does not verify."""
