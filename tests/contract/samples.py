"""One made-up value for each record, with every field set, and how it is encoded and decoded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from streams.codec import records
from streams.codec.identity import Digester
from streams.errors import Code
from streams.model import (
    LABELS,
    Account,
    AccountState,
    Action,
    Area,
    Audience,
    Content,
    Count,
    Decision,
    Declared,
    Disposition,
    Evidence,
    Facts,
    Finding,
    Gap,
    GapReason,
    KeyKind,
    Kind,
    Message,
    Metadata,
    Outcome,
    PublicKey,
    Receipt,
    Rejected,
    Role,
    Run,
    Sealed,
    Severity,
    Shape,
    Signal,
    Skip,
    Source,
    Span,
    Stage,
    StorageMode,
    TransitClass,
    TransitSealed,
    Truth,
    Verdict,
)

__all__ = ["SAMPLES", "Sample"]

DIGESTER = Digester(b"k" * 32)
SOURCE = Source("cell-1", "compliance.intake", 3, 4_000_000_000, 1_700_000_000_123)
DECLARED = Declared(("legal", "chatbot"), Audience.CONSUMER, ("ai_notice",), True, "labelled")
META = Metadata(
    event_id="e-1",
    account="acme",
    kind=Kind.EXCHANGE,
    occurred_at=1_700_000_000_000,
    application="helpdesk",
    end_user="d.00112233445566778899aabbccddeeff",
    conversation="c-1",
    turn=2,
    model="model-1",
    declared=DECLARED,
    trace_id="0af7651916cd43dd8448eb211c80319c",
    producer="p-1",
    sequence=17,
    storage=StorageMode.NO_STORAGE,
    region="us",
)
CONTENT = Content(
    (
        Message(Role.USER, "How long? 面团要发多久?\x00\U0001f35e"),
        Message(Role.ASSISTANT, "Two hours."),
    ),
    {"streams:note": "made up", "empty": ""},
)
FINDINGS = (Finding(LABELS.index("malware"), 85, (Span(0, 4, 9), Span(1, 0, 3)), "lexicon/1", "malware.build"),)
FACTS = Facts(7, StorageMode.STANDARD, True, "us", ("legal",), ("ai_notice",), False, True, True)
SIGNAL = Signal(
    source=SOURCE,
    meta=META,
    facts=FACTS,
    scores=bytes(i % 101 for i in range(len(LABELS))),
    gaps=(Gap("lexicon", GapReason.UNSUPPORTED_LANGUAGE),),
    shape=Shape(48, 2, "zh", 2),
    detectors="0123456789abcdef",
)
SEALED = Sealed("account-1", "day-2023-11-14", b"A" * 80, b"D" * 80, b"N" * 12, b"sealed" * 9)
MATCHED = Verdict(
    "malware.build", Truth.MATCHED, Area.MALWARE, "malware", Stage.ENFORCE, Severity.HIGH, Action.REVIEW, 85
)
UNKNOWN = Verdict(
    "diagnosis.unreviewed", Truth.UNKNOWN, Area.HEALTH_ADVICE, "diagnosis", Stage.SHADOW, Severity.LOW, Action.NONE, 60
)
DECISION = Decision("policy-digest", "2023-03-17", (MATCHED,), (UNKNOWN,), False)
TAGGED: Outcome[Sealed] = Outcome(SOURCE, Disposition.STORED, SIGNAL, DECISION, SEALED)
VIOLATION = records.violations_of(TAGGED)[0]
REJECTED = Rejected(SOURCE, Code.INVALID_AVRO, Disposition.DEAD_LETTER, 999, "avro", "0011223344556677", 12)
DEAD: Outcome[Sealed] = Outcome(SOURCE, Disposition.DEAD_LETTER, code=REJECTED.code, rejected=REJECTED)
ACCOUNT = Account(
    account="acme",
    version=7,
    state=AccountState.CLOSED,
    mode=StorageMode.EDGE,
    region="us",
    application_modes=(("helpdesk", StorageMode.NO_STORAGE),),
    uses=("legal",),
    disclosures=("ai_notice",),
    reviewed=True,
    training_opt_in=True,
    enterprise=True,
    business_associate=True,
    application_class="consumer_service",
    key_id="account-1",
    public_key=b"P" * 32,
    updated_at=1_700_000_000_000,
)
KEY = PublicKey("transit-1", KeyKind.TRANSIT, b"P" * 32, 1, 2, 3, TransitClass.NO_STORAGE)


class Sample(NamedTuple):
    """A value, its bytes, and what decoding them gives."""

    value: Any
    encoded: bytes
    decode: Callable[[bytes], Any]

    def again(self) -> Any:
        """The value out of its bytes."""
        return self.decode(self.encoded)


SAMPLES: dict[str, Sample] = {
    "account": Sample(ACCOUNT, records.encode_account(ACCOUNT), records.decode_account),
    "content": Sample(CONTENT, records.encode_content(CONTENT), records.decode_content),
    "count": Sample(
        one := Count("acme", "spam", 1_700_000_040_000, 9, SOURCE), records.encode_count(one), records.decode_count
    ),
    "dead_letter": Sample(REJECTED, records.encode_dead_letter(DEAD), records.decode_dead_letter),
    "event": Sample(
        (META, CONTENT), records.encode_event(META, CONTENT), lambda data: records.decode_event(data, DIGESTER)
    ),
    "evidence": Sample(
        evidence := Evidence(CONTENT, FINDINGS), records.encode_evidence(evidence), records.decode_evidence
    ),
    "key": Sample(KEY, records.encode_key(KEY), records.decode_key),
    "ledger_entry": Sample(
        entry := records.ledger_entry_of(VIOLATION), records.encode_ledger(entry), records.decode_ledger
    ),
    "receipt": Sample(
        receipt := Receipt(
            "cell-1",
            "compliance.intake",
            3,
            (Run(0, 9, Disposition.LOST), Run(10, 12, Disposition.STORED)),
            "w-0",
            2,
            "policy-digest",
            17,
            (12,),
        ),
        records.encode_receipt(receipt),
        records.decode_receipt,
    ),
    "sealed_event": Sample(
        (META, sealed := TransitSealed("transit-1", b"W" * 80, b"N" * 12, b"cipher")),
        records.encode_sealed_event(META, sealed),
        lambda data: records.decode_sealed_event(data, DIGESTER),
    ),
    "skip": Sample(
        skip := Skip("cell-1", "compliance.intake", 3, 4_000_000_000, "ends workers", "operator-1", 17),
        records.encode_skip(skip),
        records.decode_skip,
    ),
    "signal": Sample(SIGNAL, records.encode_signal(SIGNAL), records.decode_signal),
    "tagged_event": Sample(TAGGED, records.encode_tagged(TAGGED), records.decode_tagged),
    "violation": Sample(VIOLATION, records.encode_violation(VIOLATION), records.decode_violation),
}
