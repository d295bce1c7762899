"""The data set as it is: it keeps what its card promises."""

from __future__ import annotations

from pairs import DATA, load
from pairs.card import tables
from pairs.checking import check
from pairs.second import agreements, labels


def test_the_data_set_has_no_fault_and_every_label_was_given_twice() -> None:
    assert check(DATA, labels()) == []


def test_nothing_is_there_of_what_may_not_be_written() -> None:
    assert not any(text.category == "csam" for text in load())


def test_the_card_holds_the_tables_of_today() -> None:
    """After a change: `python -m pairs card`."""
    card = (DATA.parent / "README.md").read_text(encoding="utf-8")
    assert tables(list(load()), agreements()) in card
