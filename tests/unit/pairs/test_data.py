"""The data set as it is: it keeps what its card promises."""

from __future__ import annotations

from pairs import DATA, load
from pairs.checking import check


def test_the_data_set_has_no_fault() -> None:
    assert check(DATA) == []


def test_nothing_is_there_of_what_may_not_be_written() -> None:
    assert not any(text.category == "csam" for text in load())
