"""The words of the project as frozen, typed data. No I/O, no clock, no library but msgspec."""

from msgspec.structs import replace

from streams.errors import Code
from streams.model.account import Account, Accounts, AccountState, Facts
from streams.model.content import Content, Evidence, Finding, Message, Role, Sealed, Span, TransitSealed
from streams.model.decision import Action, Decision, Severity, Stage, Truth, Verdict, violation_id
from streams.model.detection import Detection
from streams.model.event import (
    NOTHING_DECLARED,
    Audience,
    Declared,
    Disposition,
    Event,
    Kind,
    Metadata,
    Rejected,
    SealedEvent,
    Source,
    StorageMode,
)
from streams.model.key import KeyKind, PublicKey, TransitClass
from streams.model.outcome import Outcome
from streams.model.receipt import Receipt, Run, fold, runs
from streams.model.record import Record
from streams.model.routing import BUCKETS, record_key
from streams.model.signal import Gap, GapReason, Shape, Signal
from streams.model.skip import Skip, Skips
from streams.model.taxonomy import (
    AREAS,
    CATEGORY_AREA,
    CATEGORY_REQUIREMENT,
    INDEX,
    LABELS,
    NO_SCORES,
    TAXONOMY,
    TRAITS,
    Area,
)
from streams.model.violation import Count, LedgerEntry, Violation

__all__ = [
    "AREAS",
    "BUCKETS",
    "CATEGORY_AREA",
    "CATEGORY_REQUIREMENT",
    "INDEX",
    "LABELS",
    "NOTHING_DECLARED",
    "NO_SCORES",
    "TAXONOMY",
    "TRAITS",
    "Account",
    "AccountState",
    "Accounts",
    "Action",
    "Area",
    "Audience",
    "Code",
    "Content",
    "Count",
    "Decision",
    "Declared",
    "Detection",
    "Disposition",
    "Event",
    "Evidence",
    "Facts",
    "Finding",
    "Gap",
    "GapReason",
    "KeyKind",
    "Kind",
    "LedgerEntry",
    "Message",
    "Metadata",
    "Outcome",
    "PublicKey",
    "Receipt",
    "Record",
    "Rejected",
    "Role",
    "Run",
    "Sealed",
    "SealedEvent",
    "Severity",
    "Shape",
    "Signal",
    "Skip",
    "Skips",
    "Source",
    "Span",
    "Stage",
    "StorageMode",
    "TransitClass",
    "TransitSealed",
    "Truth",
    "Verdict",
    "Violation",
    "fold",
    "record_key",
    "replace",
    "runs",
    "violation_id",
]
