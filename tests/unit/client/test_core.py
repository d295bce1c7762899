"""The core: nothing raises, nothing waits, everything is counted, and content goes only where its mode allows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streams.client.config import Limits
from streams.client.core import Core
from streams.client.events import KNOWN
from streams.client.outgoing import Outgoing, repaired
from streams.client.report import REMEDIES, Problem, Reason
from streams.model import (
    LABELS,
    Account,
    AccountState,
    Content,
    Message,
    Role,
    Shape,
    StorageMode,
    TransitClass,
)
from streams.pipeline import Detection

CANARY = "canary-5f1e9c"
MakeCore = Callable[..., Core]


def record(core: Core, **fields: Any) -> str | None:
    return core.record((), {"account": "acme", "prompt": "hello", **fields})


def reasons(core: Core) -> dict[str, int]:
    return dict(core.statistics().dropped)


class FakeDetectors:
    digest = "d"

    def detect(self, contents: Sequence[Content]) -> list[Detection]:
        return [Detection(bytes(len(LABELS)), (), (), Shape(len(content), 1)) for content in contents]


class BrokenDetectors(FakeDetectors):
    def detect(self, contents: Sequence[Content]) -> list[Detection]:
        raise ValueError(CANARY)


def with_detectors(core: Core, detectors: FakeDetectors) -> Core:
    core.preparer._load = lambda: detectors
    return core


def test_an_event_is_sealed_and_its_text_is_not_in_what_goes_out(make_core: MakeCore) -> None:
    core = make_core()
    event_id = record(core, prompt=CANARY, end_user=f"{CANARY}@example.org", conversation=f"no id {CANARY}")
    (out,) = core.next_batch(monotonic())
    assert (out.topic, out.draft.meta.event_id) == ("intake", event_id)
    assert CANARY.encode() not in out.value + out.key
    core.sent(out.draft)
    assert core.statistics().sent == 1
    assert core.statistics().buffered_bytes == 0


@pytest.mark.parametrize(
    ("mode", "storage", "chosen"),
    [
        (StorageMode.STANDARD, None, TransitClass.STANDARD),
        (StorageMode.STANDARD, "no_storage", TransitClass.NO_STORAGE),
        (StorageMode.NO_STORAGE, "standard", TransitClass.NO_STORAGE),
        (None, None, TransitClass.NO_STORAGE),
    ],
)
def test_the_most_protective_mode_picks_the_key(
    make_core: MakeCore, mode: StorageMode | None, storage: str | None, chosen: TransitClass
) -> None:
    core = make_core()
    if mode is not None:
        core.following.put(Account(account="acme", mode=mode))
    record(core, storage=storage)
    (out,) = core.next_batch(monotonic())
    assert f"t-{chosen.value}".encode() in out.value


def test_a_change_of_mode_holds_for_events_that_already_wait(make_core: MakeCore) -> None:
    core = with_detectors(make_core(), FakeDetectors())
    core.following.put(Account(account="acme", version=1, mode=StorageMode.STANDARD))
    record(core)
    core.following.put(Account(account="acme", version=2, mode=StorageMode.EDGE))
    assert [out.topic for out in core.next_batch(monotonic())] == ["signals"]


@pytest.mark.parametrize("said", [{}, {"storage": "edge"}])
def test_of_an_edge_account_a_signal_leaves_without_a_byte_of_content(
    make_core: MakeCore, said: dict[str, Any]
) -> None:
    core = with_detectors(make_core(), FakeDetectors())
    if not said:
        core.following.put(Account(account="acme", mode=StorageMode.EDGE))
    record(core, prompt=CANARY, attributes={"a": CANARY}, end_user=f"{CANARY} x", **said)
    (out,) = core.next_batch(monotonic())
    assert out.topic == "signals"
    assert CANARY.encode() not in out.value + out.key


def test_without_detectors_an_edge_event_is_dropped_and_told(make_core: MakeCore, problems: list[Problem]) -> None:
    core = make_core()

    def missing() -> Any:
        raise ModuleNotFoundError(name="hyperscan")

    core.preparer._load = missing
    record(core, storage="edge", prompt=CANARY)
    assert core.next_batch(monotonic()) == []
    core.tell_problems()
    assert reasons(core) == {"edge_unavailable": 1}
    assert "compliance-streams[edge]" in str(problems[0])


def test_broken_detectors_send_nothing_and_tell_no_content(make_core: MakeCore, problems: list[Problem]) -> None:
    core = with_detectors(make_core(), BrokenDetectors())
    record(core, storage="edge", prompt=CANARY)
    assert core.next_batch(monotonic()) == []
    core.tell_problems()
    assert reasons(core) == {"edge_failed": 1}
    assert CANARY not in repr(problems) + str(problems[0])


def test_a_closed_account_sends_nothing(make_core: MakeCore) -> None:
    core = make_core()
    core.following.put(Account(account="acme", state=AccountState.CLOSED))
    record(core)
    assert core.next_batch(monotonic()) == []
    assert reasons(core) == {"account_closed": 1}


def test_until_modes_and_keys_are_known_events_wait(make_core: MakeCore, problems: list[Problem]) -> None:
    core = make_core(keys=False)
    record(core)
    assert core.next_batch(monotonic()) == []
    core.following.caught_up(monotonic())
    assert core.next_batch(monotonic()) == []  # read to the end, and there is no key
    core.tell_problems()
    assert [problem.reason for problem in problems] == [Reason.NO_KEY]
    assert not problems[0].dropped
    assert core.statistics().buffered_events == 1


def test_when_following_breaks_off_events_wait_again(make_core: MakeCore) -> None:
    core = make_core()
    record(core)
    core.following.caught_up(monotonic() - core.limits.follow_age - 1)
    assert core.next_batch(monotonic()) == []
    assert not core.statistics().ready


def test_an_event_waits_only_so_long(make_core: MakeCore) -> None:
    core = make_core(keys=False)
    record(core)
    core.next_batch(monotonic() + core.limits.max_age + 1)
    assert reasons(core) == {"expired": 1}
    assert core.statistics().buffered_bytes == 0


def test_drops_at_the_ceiling_show_as_gaps(make_core: MakeCore) -> None:
    core = make_core(Limits(max_events=2))
    ids = [record(core) for _ in range(3)]
    assert ids[2] is None
    first = core.next_batch(monotonic())
    for out in first:
        core.sent(out.draft)
    record(core)
    (later,) = core.next_batch(monotonic())
    assert [out.draft.meta.sequence for out in (*first, later)] == [1, 2, 4]
    assert reasons(core) == {"ceiling": 1}


def test_what_the_broker_did_not_take_goes_again_in_order(make_core: MakeCore) -> None:
    core = make_core()
    for _ in range(3):
        record(core)
    batch = core.next_batch(monotonic())
    core.failed([out.draft for out in batch], TimeoutError())
    assert core.next_batch(monotonic()) == []  # a moment's pause
    again = core.next_batch(monotonic() + 10)
    assert [out.draft.meta.sequence for out in again] == [1, 2, 3]
    assert core.statistics().retries == 3


class MessageSizeTooLargeError(Exception):
    """Named as in both Kafka libraries."""


def test_what_can_never_fit_is_dropped_at_once(make_core: MakeCore) -> None:
    core = make_core()
    record(core)
    (out,) = core.next_batch(monotonic())
    assert core.never_fits(out.draft, MessageSizeTooLargeError())
    assert reasons(core) == {"too_large": 1}
    assert core.statistics().buffered_events == 0


def test_an_oversized_event_is_dropped_at_the_source(make_core: MakeCore) -> None:
    core = make_core(Limits(max_event_bytes=100))
    assert record(core, prompt="x" * 101) is None
    assert reasons(core) == {"too_large": 1}


def test_with_a_filter_other_accounts_are_refused(make_core: MakeCore) -> None:
    core = make_core(accounts=["other"])
    assert record(core) is None
    assert reasons(core) == {"not_followed": 1}


def test_a_callback_that_raises_is_contained_and_counted(make_core: MakeCore) -> None:
    core = make_core()

    def raising(problem: Problem) -> None:
        raise RuntimeError("the application's own mistake")

    core.options = type(core.options)(core.options.connection, on_error=raising)
    record(core, account=None)
    core.tell_problems()
    assert core.statistics().callback_failures == 1


def test_a_flood_of_problems_is_bounded(make_core: MakeCore) -> None:
    core = make_core()
    for _ in range(1_100):
        record(core, account=None)
    assert core.statistics().untold == 100
    assert reasons(core) == {"invalid": 1_100}


def test_abandoning_counts_what_was_left(make_core: MakeCore, problems: list[Problem]) -> None:
    core = make_core()
    record(core)
    core.next_batch(monotonic())
    record(core)
    core.abandon()
    assert reasons(core) == {"undelivered": 2}
    assert problems[-1].reason is Reason.UNDELIVERED


def test_a_lone_surrogate_is_replaced_and_a_pair_is_joined(make_core: MakeCore) -> None:
    content = Content((Message(Role.USER, "a\ud800b\ud83d\ude00"),), {"k\udfff": "v"})
    assert repaired(content).messages[0].text == "a\ufffdb\U0001f600"
    assert repaired(content).attributes == {"k\ufffd": "v"}
    core = make_core()
    record(core, prompt="x\ud800", conversation="y\udc00")
    assert len(core.next_batch(monotonic())) == 1


def test_one_conversation_has_one_key_and_an_account_at_most_eight(make_core: MakeCore) -> None:
    core = make_core()
    for i in range(100):
        record(core, conversation=f"c{i % 50}")
    keys: dict[str | None, set[bytes]] = {}
    for out in core.next_batch(monotonic()):
        keys.setdefault(out.draft.meta.conversation, set()).add(out.key)
    assert all(len(found) == 1 for found in keys.values())
    assert 1 < len(set.union(*keys.values())) <= 8


def test_every_reason_has_a_remedy() -> None:
    assert set(REMEDIES) == set(Reason)


class Hostile:
    """Raises whatever is done with it."""

    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError(CANARY)

    __hash__ = __len__ = __iter__ = __str__ = __repr__ = __bool__ = __eq__ = __getattribute__  # type: ignore[assignment]


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.builds(Hostile),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(
    fields=st.dictionaries(st.sampled_from(sorted(KNOWN)) | st.text(), anything, max_size=6),
    unexpected=st.lists(anything, max_size=2),
)
def test_record_never_raises_and_everything_is_counted(
    make_core: MakeCore, fields: dict[str, Any], unexpected: list[Any]
) -> None:
    core = make_core()
    before = core.statistics()
    event_id = core.record(unexpected, fields)
    now = core.statistics()
    assert before.recorded == 0
    assert now.recorded == 1
    assert now.buffered_events + sum(now.dropped.values()) == 1
    assert (event_id is None) == (now.buffered_events == 0)
    sent: list[Outgoing] = core.next_batch(monotonic())
    assert len(sent) + sum(core.statistics().dropped.values()) == 1
