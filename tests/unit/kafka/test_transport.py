"""The batch transport, where aiokafka and Faust disagree."""

from __future__ import annotations

import asyncio
from collections import defaultdict

import pytest
from aiokafka.errors import IllegalStateError
from faust.types import TP

from streams.kafka.ledger import Ledger
from streams.kafka.transport import Consumer

PLACE = TP("intake", 0)


@pytest.mark.parametrize("error", [IllegalStateError("not assigned"), AssertionError("none is assigned")])
def test_partitions_that_change_hands_during_a_seek_stop_nothing_and_leave_nothing_to_commit(error: Exception) -> None:
    class Changing(Consumer):
        async def seek_to_committed(self) -> dict[TP, int]:
            raise error

    consumer = object.__new__(Changing)
    consumer.ledger = Ledger()
    consumer._due = {PLACE: 4_712}
    consumer._read_offset = defaultdict(lambda: None, {PLACE: 4_711})
    taken = consumer.ledger.take(PLACE, 4_712)
    asyncio.run(consumer.perform_seek())
    assert not consumer.ledger.land(taken), "its acknowledgement is stale"
    assert consumer.ledger.ready() == {}
    assert consumer._read_offset[PLACE] is None, "Faust would drop what is read again"
