"""The ledger commits what has landed without a hole before it, and takes no acknowledgement of an older assignment."""

from __future__ import annotations

from collections.abc import Hashable

from hypothesis import given
from hypothesis import strategies as st

from streams.kafka.ledger import Ledger

PLACE: Hashable = ("t", 0)


def test_the_commit_waits_for_the_first_in_line() -> None:
    ledger = Ledger()
    first, second, third = (ledger.take(PLACE, offset) for offset in (10, 20, 30))
    assert ledger.land(second)
    assert ledger.land(third)
    assert ledger.ready() == {}
    assert ledger.land(first)
    assert ledger.ready() == {PLACE: 30}
    assert ledger.waiting() == 0


def test_an_acknowledgement_from_before_a_rebalance_moves_nothing() -> None:
    ledger = Ledger()
    old = ledger.take(PLACE, 10)
    ledger.forget([PLACE])
    new = ledger.take(PLACE, 10)
    assert not ledger.land(old)
    assert ledger.ready() == {}
    assert ledger.land(new)
    assert not ledger.land(new), "nor does the same one twice"
    assert ledger.ready() == {PLACE: 10}


def test_partitions_do_not_wait_for_each_other() -> None:
    ledger = Ledger()
    ledger.take(("t", 0), 5)
    assert ledger.land(ledger.take(("t", 1), 7))
    assert ledger.ready() == {("t", 1): 7}
    assert ledger.waiting([("t", 0)]) == 1


@given(st.lists(st.integers(0, 9), max_size=40), st.randoms(use_true_random=False))
def test_whatever_the_order_only_what_is_behind_landed_batches_is_committed(sizes: list[int], choose: object) -> None:
    ledger = Ledger()
    offset, entries = 0, []
    for size in sizes:
        offset += size + 1
        entries.append(ledger.take(PLACE, offset))
    order = list(range(len(entries)))
    choose.shuffle(order)  # type: ignore[attr-defined]
    landed: set[int] = set()
    for index in order:
        ledger.land(entries[index])
        landed.add(index)
        head = next((i for i in range(len(entries)) if i not in landed), len(entries))
        expected = {PLACE: entries[head - 1].next_offset} if head else {}
        assert ledger.ready() == expected
