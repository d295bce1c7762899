"""The data set's form, and its loader.

One text a line. A pair is two texts with one `pair` id and one category, of which one breaks the rule. A text without a
category is harmless and looks alarming; its `theme` says in which way, and it is alone in its pair.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import msgspec

__all__ = ["DATA", "SPLITS", "Declared", "Message", "Text", "files", "load", "split_of", "training"]

DATA = Path(__file__).parent / "data"
SPLITS = ("train", "dev", "test")
SHARES = (0.6, 0.75)  # below the first: train; below the second: dev; the last quarter is test

Language = Literal["en", "zh"]
Split = Literal["train", "dev", "test"]


class Message(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One turn."""

    role: Literal["system", "user", "assistant"]
    content: str

    def __repr__(self) -> str:
        return f"<Message {self.role}, {len(self.content)} characters>"


class Declared(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What the application declares, where the rule reads it. Ids are those of the policy's `uses.yaml`."""

    uses: tuple[str, ...] = ()
    audience: Literal["consumer", "business"] | None = None
    disclosures: tuple[str, ...] = ()
    reviewed: bool | None = None
    simulated_person: Literal["none", "historical", "consented", "labelled", "unlabelled"] | None = None


class Text(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One labelled text. `breaks` is the label; `clause` the row of the policy it is judged by, `why` one sentence."""

    id: str
    pair: str
    category: str | None
    theme: str | None
    breaks: bool
    lang: Language
    kind: Literal["prompt", "completion", "exchange"]
    messages: tuple[Message, ...]
    declared: Declared
    clause: str
    why: str
    split: Split

    def __repr__(self) -> str:
        return f"<Text {self.id}>"

    @property
    def whole(self) -> str:
        """All that is said, turn by turn."""
        return "\n".join(message.content for message in self.messages)


def split_of(pair: str) -> Split:
    """Where a pair belongs, by a hash of its id: for ever, whatever is added."""
    share = int.from_bytes(hashlib.sha256(pair.encode()).digest()[:4], "big") / 2**32
    if share < SHARES[0]:
        return "train"
    return "dev" if share < SHARES[1] else "test"


def files(folder: Path = DATA) -> list[Path]:
    """The files of the data set."""
    return sorted(folder.glob("*/*.jsonl"))


def load(folder: Path = DATA, *, split: Split | None = None) -> Iterator[Text]:
    """All texts, or those of one split. Raises `msgspec.ValidationError`, whose message names no content.

    Never train on `test`: ask for `training()`.
    """
    decoder = msgspec.json.Decoder(Text)
    for path in files(folder):
        with path.open("rb") as lines:
            for text in map(decoder.decode, lines):
                if split in (None, text.split):
                    yield text


def training(folder: Path = DATA) -> Iterator[Text]:
    """What may be trained on: `train` and `dev`, never `test`. Whatever trains asks for these alone."""
    return (text for text in load(folder) if text.split != "test")
