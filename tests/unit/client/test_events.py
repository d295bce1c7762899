"""What an application says is checked at the source: refused, moved into the content, or taken as it is."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.client.events import KNOWN, Defaults, Draft, FieldError, draft
from streams.errors import Code
from streams.model import Audience, Declared, Kind, Message, Role, StorageMode

DEFAULTS = Defaults(producer="p1", application="chat", region="us")


def make(**fields: Any) -> Draft:
    return draft({"account": "acme", "prompt": "hello", **fields}, DEFAULTS, 7)


def test_ids_producer_and_sequence_are_in_the_metadata() -> None:
    meta = make(conversation="c-1", end_user="u:1", event_id="e.1", model="m-1").meta
    assert (meta.account, meta.conversation, meta.end_user, meta.event_id) == ("acme", "c-1", "u:1", "e.1")
    assert (meta.producer, meta.sequence, meta.application, meta.region) == ("p1", 7, "chat", "us")


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"prompt": "a"}, Kind.PROMPT),
        ({"prompt": None, "completion": "b"}, Kind.COMPLETION),
        ({"prompt": "a", "completion": "b"}, Kind.EXCHANGE),
        ({"prompt": None, "messages": [{"role": "user", "content": "a"}]}, Kind.PROMPT),
        ({"prompt": None, "messages": [("user", "a"), ("assistant", "b")]}, Kind.EXCHANGE),
        ({"kind": "completion"}, Kind.COMPLETION),
    ],
)
def test_the_kind_follows_from_what_was_said(fields: dict[str, Any], kind: Kind) -> None:
    assert make(**fields).meta.kind is kind


def test_history_comes_before_prompt_and_completion() -> None:
    said = make(messages=[("system", "be brief")], completion="good day").content.messages
    assert said == (
        Message(Role.SYSTEM, "be brief"),
        Message(Role.USER, "hello"),
        Message(Role.ASSISTANT, "good day"),
    )


@pytest.mark.parametrize("name", ["end_user", "conversation", "model", "trace_id"])
def test_a_string_that_is_no_id_goes_into_the_content(name: str) -> None:
    made = make(**{name: "someone@example.org"})
    assert getattr(made.meta, name) is None
    assert made.content.attributes == {f"streams:{name}": "someone@example.org"}
    assert made.moved == 1


@pytest.mark.parametrize(
    ("fields", "code", "field"),
    [
        ({"account": None}, Code.MISSING_FIELD, "account"),
        ({"account": "no id"}, Code.INVALID_VALUE, "account"),
        ({"account": "a" * 129}, Code.INVALID_VALUE, "account"),
        ({"account": "acme\n"}, Code.INVALID_VALUE, "account"),
        ({"account": 7}, Code.WRONG_TYPE, "account"),
        ({"application": "a b"}, Code.INVALID_VALUE, "application"),
        ({"event_id": ""}, Code.INVALID_VALUE, "event_id"),
        ({"prompt": ""}, Code.NO_CONTENT, "prompt"),
        ({"prompt": None}, Code.NO_CONTENT, "prompt"),
        ({"prompt": b"hello"}, Code.WRONG_TYPE, "prompt"),
        ({"messages": "hello"}, Code.WRONG_TYPE, "messages"),
        ({"messages": [{"role": "user"}]}, Code.MISSING_FIELD, "messages"),
        ({"messages": [{"role": "emperor", "content": "a"}]}, Code.INVALID_VALUE, "messages.role"),
        ({"messages": [7]}, Code.WRONG_TYPE, "messages"),
        ({"kind": "song"}, Code.INVALID_VALUE, "kind"),
        ({"storage": "everything"}, Code.INVALID_VALUE, "storage"),
        ({"turn": -1}, Code.INVALID_VALUE, "turn"),
        ({"turn": True}, Code.WRONG_TYPE, "turn"),
        ({"occurred_at": float("nan")}, Code.INVALID_VALUE, "occurred_at"),
        ({"occurred_at": "now"}, Code.WRONG_TYPE, "occurred_at"),
        ({"attributes": [1]}, Code.WRONG_TYPE, "attributes"),
        ({"attributes": {"a": 1}}, Code.WRONG_TYPE, "attributes"),
        ({"attributes": {"streams:end_user": "x"}}, Code.INVALID_VALUE, "attributes"),
        ({"declared": "legal"}, Code.WRONG_TYPE, "declared"),
        ({"declared": {"use": []}}, Code.INVALID_VALUE, "declared"),
        ({"declared": {"uses": "legal"}}, Code.WRONG_TYPE, "declared.uses"),
        ({"declared": {"uses": ["a b"]}}, Code.INVALID_VALUE, "declared.uses"),
        ({"declared": {"reviewed": 1}}, Code.WRONG_TYPE, "declared.reviewed"),
        ({"declared": {"audience": "all"}}, Code.INVALID_VALUE, "declared.audience"),
        ({"promt": "hello"}, Code.INVALID_VALUE, "a keyword that record() does not know"),
    ],
)
def test_what_breaks_the_contract_is_named_by_field_and_code(fields: dict[str, Any], code: Code, field: str) -> None:
    with pytest.raises(FieldError) as caught:
        make(**fields)
    assert (caught.value.error.code, caught.value.field) == (code, field)


def test_declared_may_be_a_mapping_or_the_model() -> None:
    said = {"uses": ["legal"], "audience": "consumer", "disclosures": ("ai",), "reviewed": True}
    model = Declared(uses=("legal",), audience=Audience.CONSUMER, disclosures=("ai",), reviewed=True)
    assert make(declared=said).meta.declared == make(declared=model).meta.declared == model


def test_times_are_milliseconds_or_a_datetime() -> None:
    assert make(occurred_at=1_700_000_000_123).meta.occurred_at == 1_700_000_000_123
    assert make(occurred_at=datetime(2023, 3, 17, tzinfo=UTC)).meta.occurred_at == 1_679_011_200_000
    assert make().meta.occurred_at > 1_700_000_000_000


def test_the_event_may_ask_for_more_protection() -> None:
    assert make(storage=StorageMode.EDGE).meta.storage is StorageMode.EDGE


def test_a_string_subclass_is_taken_as_a_plain_string() -> None:
    class Odd(str):
        def __len__(self) -> int:
            raise RuntimeError("looked at")

    made = make(prompt=Odd("hello"))
    assert type(made.content.messages[0].text) is str


def test_the_callers_objects_are_not_kept() -> None:
    attributes, history = {"a": "b"}, [{"role": "user", "content": "x"}]
    made = make(attributes=attributes, messages=history)
    attributes["a"] = history[0]["content"] = "changed"
    assert made.content.attributes == {"a": "b"}
    assert made.content.messages[0].text == "x"


@pytest.mark.parametrize("text", ["plain", "中文文本", "naïve", "\U0001f600" * 9])
def test_the_size_is_never_below_what_utf8_takes(text: str) -> None:
    assert make(prompt=text).text_bytes >= len(text.encode())


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.just(object()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3) | st.tuples(inner, inner),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(sorted(KNOWN)), anything, max_size=6))
def test_only_field_errors_come_out_whatever_goes_in(fields: dict[str, Any]) -> None:
    try:
        made = draft({"account": "acme", "prompt": "hello", **fields}, DEFAULTS, 1)
    except FieldError as error:
        assert error.error.code in (  # noqa: PT017  either outcome is fine, another error is not
            Code.MISSING_FIELD,
            Code.WRONG_TYPE,
            Code.INVALID_VALUE,
            Code.NO_CONTENT,
        )
    else:
        assert made.meta.account
