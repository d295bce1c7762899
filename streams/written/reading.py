"""YAML files to entries that know where they stand. Mistakes are collected, so that all are shown at once."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import yaml

from streams.written.mistakes import Mistake, Text, did_you_mean

__all__ = ["Entry", "File"]

ID = re.compile(r"[a-z0-9][a-z0-9_]*(\.[a-z0-9][a-z0-9_]*)*")
LARGEST = 1_000_000  # characters of one file
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


class File:
    """One policy file: its text, and its mistakes so far."""

    def __init__(self, name: str, text: str) -> None:
        self.text = Text(name, text)
        self.mistakes: list[Mistake] = []

    @classmethod
    def read(cls, path: Path, name: str) -> File:
        """The file at a path. Line ends are those of Unix, whatever the file has."""
        data = path.read_bytes()
        try:
            text = data.decode("utf-8-sig").replace("\r\n", "\n")
        except UnicodeDecodeError as error:
            file = cls(name, data[: error.start].decode("utf-8"))
            file.wrong(len(file.text.text), len(file.text.text), "not UTF-8 from here on", "save the file as UTF-8")
            return file
        return cls(name, text)

    def wrong(self, start: int, end: int, message: str, hint: str = "") -> None:
        """Note a mistake."""
        self.mistakes.append(self.text.mistake(start, end, message, hint))

    def top(self) -> Entry | None:
        """The mapping that the file is, or None when it is none (which is then a mistake of the file)."""
        text = self.text.text
        if self.mistakes:
            return None
        if len(text) > LARGEST:
            self.wrong(0, 0, f"larger than {LARGEST} characters", "split it")
            return None
        try:
            node = yaml.compose(text, Loader=yaml.SafeLoader)
        except yaml.MarkedYAMLError as error:
            self._yaml(error)
            return None
        except yaml.reader.ReaderError as error:
            self.wrong(error.position, error.position + 1, "a character that YAML does not allow")
            return None
        if not isinstance(node, yaml.MappingNode):
            self.wrong(0, 1, "expected a mapping", "start with a key, such as area: malware")
            return None
        return Entry(self, node) if self._plain(node, set()) else None

    def _yaml(self, error: yaml.MarkedYAMLError) -> None:
        mark = error.problem_mark or error.context_mark
        at = mark.index if mark is not None else 0
        text = self.text.text
        hint = ""
        if text[at : at + 1] == "\t":
            self.wrong(at, at + 1, "a tab", "indent with spaces")
            return
        if "mapping values" in (error.problem or ""):
            hint = "put the text in quotation marks, or look for a missing space or line break"
        elif "expected <block end>" in (error.problem or ""):
            hint = "look at the indentation"
        self.wrong(at, at + 1, f"not YAML: {error.problem or 'cannot be read'}", hint)

    def _plain(self, node: yaml.Node, seen: set[int]) -> bool:
        """No aliases and no tags: neither is needed, and both can surprise."""
        start, end = node.start_mark.index, node.end_mark.index
        if id(node) in seen:
            self.wrong(start, end, "an anchor that is used twice", "write it out")
            return False
        seen.add(id(node))
        if self.text.text[start : start + 1] == "!":
            self.wrong(start, end, "a YAML tag", "leave it out")
            return False
        if isinstance(node, yaml.MappingNode):
            return all(self._plain(key, seen) and self._plain(value, seen) for key, value in node.value)
        if isinstance(node, yaml.SequenceNode):
            return all(self._plain(item, seen) for item in node.value)
        return True


class Entry:
    """A mapping of a file. Each `take_…` reads one key; `done` complains about keys that nobody took."""

    def __init__(self, file: File, node: yaml.MappingNode) -> None:
        self.file = file
        self.node = node
        self._taken: list[str] = []
        self._asked: list[str] = []
        self._values: dict[str, tuple[yaml.Node, yaml.Node]] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self.wrong(key, "expected a word as key")
            elif key.value in self._values:
                first = self._values[key.value][0].start_mark.line + 1
                self.wrong(key, f'"{key.value}" is there twice', f"the first is on line {first}")
            else:
                self._values[key.value] = (key, value)

    def wrong(self, node: yaml.Node | str | None, message: str, hint: str = "") -> None:
        """Note a mistake at a node, at a key's value, or at the entry's first line."""
        if isinstance(node, str):
            node = self._values[node][1] if node in self._values else None
        if node is None:
            start = self.node.start_mark.index
            self.file.wrong(start, start + len(self.file.text.text[start:].split("\n", 1)[0]), message, hint)
        else:
            self.file.wrong(node.start_mark.index, node.end_mark.index, message, hint)

    def has(self, key: str) -> bool:
        """Whether the key is there. Asked for, it counts as a known one in hints."""
        self._asked.append(key)
        return key in self._values

    def keys(self) -> Iterator[tuple[str, yaml.Node]]:
        """All keys, as taken, with their nodes."""
        for key, (node, _) in self._values.items():
            self._taken.append(key)
            yield key, node

    def _take(self, key: str, required: bool) -> yaml.Node | None:
        self._taken.append(key)
        found = self._values.get(key)
        if found is None:
            if required:
                self.wrong(None, f'"{key}" is missing', f"add {key}: …")
            return None
        return found[1]

    def _scalar(self, key: str, required: bool, kind: str) -> yaml.ScalarNode | None:
        node = self._take(key, required)
        if node is None:
            return None
        if not isinstance(node, yaml.ScalarNode) or node.tag.endswith(":null") or not node.value.strip():
            self.wrong(node, f'"{key}" has to be {kind}')
            return None
        return node

    def text(self, key: str, required: bool = True) -> str:
        """A text; empty when it is missing or wrong."""
        node = self._scalar(key, required, "a text")
        return " ".join(node.value.split()) if node is not None else ""

    def identifier(self, key: str) -> str:
        """An id: words of small letters, digits and underscores, joined by dots."""
        node = self._scalar(key, True, "an id")
        if node is None:
            return ""
        if not ID.fullmatch(node.value) or len(node.value) > 128:
            self.wrong(node, f'"{node.value}" is no id', "small letters, digits, underscores and dots")
            return ""
        return str(node.value)

    def number(self, key: str, lowest: int, highest: int) -> int | None:
        """A whole number within bounds."""
        node = self._scalar(key, True, "a whole number")
        if node is None:
            return None
        if not node.tag.endswith(":int"):
            self.wrong(node, f'"{key}" has to be a whole number', f"from {lowest} to {highest}")
            return None
        value = int(yaml.SafeLoader("").construct_yaml_int(node))
        if not lowest <= value <= highest:
            self.wrong(node, f"{value} is out of range", f"from {lowest} to {highest}")
            return None
        return value

    def choice(self, key: str, allowed: Sequence[str], default: str = "") -> str:
        """One of several words; the default when it is missing, empty when it is wrong."""
        node = self._scalar(key, not default, "one of " + ", ".join(allowed))
        if node is None:
            return default if not self.has(key) else ""
        if node.value not in allowed:
            self.wrong(node, f'unknown {key} "{node.value}"', did_you_mean(node.value, allowed))
            return ""
        return str(node.value)

    def date(self, key: str, required: bool = False) -> int | None:
        """A date as its first moment in UTC, in ms."""
        node = self._scalar(key, required, "a date such as 2023-03-17")
        if node is None:
            return None
        try:
            if not _DATE.fullmatch(node.value):
                raise ValueError
            return int(datetime.fromisoformat(node.value).replace(tzinfo=UTC).timestamp()) * 1000
        except ValueError:
            self.wrong(node, f'"{node.value}" is no date', "year, month and day: 2023-03-17")
            return None

    def words(self, key: str, required: bool = False) -> list[tuple[str, yaml.Node]]:
        """A list of words, each with its node."""
        node = self._take(key, required)
        if node is None:
            return []
        if not isinstance(node, yaml.SequenceNode):
            self.wrong(node, f'"{key}" has to be a list', f"{key}: [one, two]")
            return []
        found: list[tuple[str, yaml.Node]] = []
        for item in node.value:
            if isinstance(item, yaml.ScalarNode) and item.value:
                found.append((str(item.value), item))
            else:
                self.wrong(item, f'"{key}" is a list of words')
        return found

    def entries(self, key: str, required: bool = False) -> list[Entry]:
        """A list of mappings."""
        node = self._take(key, required)
        if node is None:
            return []
        if not isinstance(node, yaml.SequenceNode):
            self.wrong(node, f'"{key}" has to be a list', "start each entry with a dash")
            return []
        for item in node.value:
            if not isinstance(item, yaml.MappingNode):
                self.wrong(item, f'"{key}" is a list of mappings', "start with - id: …")
        return [Entry(self.file, item) for item in node.value if isinstance(item, yaml.MappingNode)]

    def entry(self, key: str, required: bool = False) -> Entry | None:
        """A mapping under a key."""
        node = self._take(key, required)
        if node is None:
            return None
        if not isinstance(node, yaml.MappingNode):
            self.wrong(node, f'"{key}" has to be a mapping')
            return None
        return Entry(self.file, node)

    def raw(self, key: str, required: bool = True) -> tuple[int, int] | None:
        """Where the text of a scalar stands in the file, so that an offset in it is an offset in the file."""
        node = self._scalar(key, required, "an expression")
        if node is None:
            return None
        start, end = node.start_mark.index, node.end_mark.index
        if node.style in ("'", '"'):
            start, end = start + 1, end - 1
            if self.file.text.text[start:end] != node.value:
                self.wrong(node, "an expression with escapes", "write it without quotation marks")
                return None
        elif node.style in ("|", ">"):
            start = self.file.text.text.index("\n", start) + 1
        return start, end

    def done(self) -> None:
        """Complain about keys that nobody took."""
        for key, (node, _) in self._values.items():
            if key not in self._taken:
                self.wrong(node, f'unknown key "{key}"', did_you_mean(key, [*dict.fromkeys(self._taken + self._asked)]))
