"""Metadata, declared use and sources: dictionaries of Avro or JSON to model and back."""

from __future__ import annotations

from typing import Any

from streams.codec.identity import Digester
from streams.errors import Code, InvalidEvent
from streams.model import NOTHING_DECLARED, Audience, Declared, Kind, Metadata, Source, StorageMode

__all__ = ["MANY", "SIMULATED", "declared_from", "metadata_from", "source_from"]

_KINDS = {kind.value: kind for kind in Kind}
_MODES = {mode.value: mode for mode in StorageMode}
_AUDIENCES = {audience.value: audience for audience in Audience}
SIMULATED = {"none", "historical", "consented", "labelled", "unlabelled"}
MANY = 64  # uses or disclosures of one event


def metadata_from(raw: dict[str, Any], digester: Digester) -> Metadata:
    """Metadata from a decoded record; types hold already (Avro) or were checked (JSON). Raises `InvalidEvent`."""
    account = raw["account"]
    event_id = raw["event_id"]
    if not account or not event_id:
        raise InvalidEvent(Code.MISSING_FIELD)
    before = digester.count
    storage = raw.get("storage")
    return Metadata(
        event_id=digester.id(event_id),
        account=digester.id(account),
        kind=_one(_KINDS, raw["kind"]),
        occurred_at=raw.get("occurred_at") or 0,
        application=digester.maybe(raw.get("application")),
        end_user=digester.maybe(raw.get("end_user")),
        conversation=digester.maybe(raw.get("conversation")),
        turn=raw.get("turn"),
        model=digester.maybe(raw.get("model")),
        declared=declared_from(raw.get("declared"), digester),
        trace_id=digester.maybe(raw.get("trace_id")),
        producer=digester.maybe(raw.get("producer")),
        sequence=raw.get("sequence"),
        storage=None if storage is None else _one(_MODES, storage),
        region=digester.maybe(raw.get("region")),
        digested=digester.count - before + (raw.get("digested") or 0),
    )


def declared_from(raw: dict[str, Any] | None, digester: Digester) -> Declared:
    """A declared use. More than 64 uses or disclosures are `INVALID_VALUE`: dropping some could change a decision."""
    if not raw:
        return NOTHING_DECLARED
    uses, disclosures = raw.get("uses") or (), raw.get("disclosures") or ()
    audience, reviewed = raw.get("audience"), raw.get("reviewed")
    simulated = raw.get("simulated_person")
    if not uses and not disclosures and audience is None and reviewed is None and simulated is None:
        return NOTHING_DECLARED
    if len(uses) > MANY or len(disclosures) > MANY or (simulated is not None and simulated not in SIMULATED):
        raise InvalidEvent(Code.INVALID_VALUE)
    return Declared(
        uses=tuple(digester.id(use) for use in uses),
        audience=None if audience is None else _one(_AUDIENCES, audience),
        disclosures=tuple(digester.id(disclosure) for disclosure in disclosures),
        reviewed=reviewed,
        simulated_person=simulated,
    )


def source_from(raw: dict[str, Any]) -> Source:
    """A source from a dictionary."""
    return Source(raw["cell"], raw["topic"], raw["partition"], raw["offset"], raw["ingested_at"])


def _one(known: dict[str, Any], value: str) -> Any:
    found = known.get(value)
    if found is None:
        raise InvalidEvent(Code.INVALID_VALUE)
    return found
