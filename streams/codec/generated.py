"""Writers and readers generated from schemas: straight code for one schema, several times faster than walking it.

They do what is right and common. Whatever a reader does not expect it leaves to the reference (fastavro), which then
says what is wrong and where: a reader raises any `Exception` to ask for that, and answers for whole records alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from streams.codec.varint import HIGHER, LOWEST, SMALL, TAKEN, long_of, number, read_long
from streams.errors import SchemaError
from streams.model.remembered import Bounded

__all__ = ["Reader", "Reading", "Repeats", "Writer", "reader", "writer", "writer_of"]

Writer = Callable[[Mapping[str, Any]], bytes]
Reader = Callable[[bytes, int], dict[str, Any]]
_SOME = tuple(b"\x02" + length for length in TAKEN)  # the second branch of a union, then a length
_BOOLEANS = {0: False, 1: True}
REMEMBERED_BYTES = 256  # of a value that is kept


class Repeats(NamedTuple):
    """What is the same in many records in a row, so that its bytes are remembered.

    `fields` are names of strings and bytes, found by their value; `records` are names of records inside, found by
    being the very same (frozen) object.
    """

    fields: frozenset[str] = frozenset()
    records: frozenset[str] = frozenset()


def writer(schema: dict[str, Any], header: bytes = b"") -> Writer:
    """Encodes records of a parsed schema behind a header.

    The record is a mapping from names of fields; a record inside it is an object with attributes of those names, so
    that frozen structs go in as they are. Every field must be there. Raises what wrong types raise, and
    `OverflowError`.
    """
    places = {field["name"]: f"d[{field['name']!r}]" for field in schema["fields"]}
    written: Writer = writer_of(schema, header, "d", places)
    return written


def writer_of(
    schema: dict[str, Any], header: bytes, arguments: str, places: Mapping[str, str], repeats: Repeats | None = None
) -> Any:
    """The same as a function of other arguments: `places` tells by field the expression of its value."""
    made = _Writing(schema, repeats or Repeats())
    parts = [part for field in schema["fields"] for part in made.field(field, places[field["name"]])]
    made.line(f"return b''.join((H, {', '.join(parts)},))")
    return made.function(arguments, H=header, M=_Texts(b""), O=_Texts(b"\x02"), C=Bounded())


class _Texts(Bounded[Any, bytes]):
    """Strings and bytes, encoded with their length; None, for where nothing may stand. Long ones are not kept."""

    def __init__(self, before: bytes) -> None:
        super().__init__()
        self._before = before

    def __missing__(self, value: str | bytes | None) -> bytes:
        if value is None and self._before:
            return b"\x00"
        raw = value.encode() if isinstance(value, str) else value
        if not isinstance(raw, bytes):
            raise TypeError("neither a string nor bytes")
        encoded = self._before + number(len(raw)) + raw
        return encoded if len(raw) > REMEMBERED_BYTES else self.keep(value, encoded)


def reader(schema: dict[str, Any]) -> Reader:
    """Decodes a record from a place in bytes, to their very end, as the reference does."""
    made = Reading(schema)
    found = made.value(schema)
    made.line("if i != len(b): raise ValueError('not all was read')")
    made.line(f"return {found}")
    read: Reader = made.function("b, i")
    return read


_TEXTS = ("string", "bytes")
_OPTIONAL_TEXTS = (["null", "string"], ["null", "bytes"])


class _Source:
    """Lines of a function in the making, the names that it sees, and a supply of fresh local names."""

    def __init__(self, schema: dict[str, Any]) -> None:
        self._named: dict[str, Any] = schema["__named_schemas"]
        self._lines: list[str] = []
        self._depth = 1
        self._made = 0
        self.seen: dict[str, Any] = {
            "V": TAKEN, "L": LOWEST, "G": HIGHER, "U": _SOME, "B": _BOOLEANS,
            "number": number, "read_long": read_long, "long_of": long_of,
        }  # fmt: skip

    def line(self, text: str) -> None:
        self._lines.append("    " * self._depth + text)

    def block(self, head: str) -> _Source:
        """Open a block; used as `with self.block("if x:")`."""
        self.line(head)
        return self

    def __enter__(self) -> None:
        self._depth += 1

    def __exit__(self, *_: object) -> None:
        self._depth -= 1

    def name(self, kind: str) -> str:
        self._made += 1
        return f"{kind}{self._made}"

    def told(self, kind: Any) -> tuple[str, Any]:
        """The name of a type, and what is said of it, wherever in the schema that is."""
        said = self._named.get(kind, kind) if isinstance(kind, str) else kind
        return (said["type"] if isinstance(said, dict) else said), said

    def keep(self, kind: str, value: object) -> str:
        """Let the function see a value, under a new name."""
        name = self.name(kind)
        self.seen[name] = value
        return name

    def function(self, arguments: str, **more: Any) -> Any:
        """The function. Its code comes from our own schemas, in which a name is an Avro name: letters and digits."""
        seen = {**self.seen, **more}
        exec("\n".join([f"def generated({arguments}):", *self._lines]), seen)  # noqa: S102 - see the docstring
        return seen["generated"]


def _optional(kind: Any) -> Any:
    """What a union of null and one other type holds; other unions are none of ours."""
    if kind[0] != "null" or len(kind) != 2:
        raise SchemaError("only unions of null and one other type are known")
    return kind[1]


class _Writing(_Source):
    """Each method adds the lines that a value needs, and returns the expressions whose bytes, in order, are it."""

    def __init__(self, schema: dict[str, Any], repeats: Repeats) -> None:
        super().__init__(schema)
        self._repeats = repeats

    def field(self, field: dict[str, Any], place: str) -> list[str]:
        """The value of one field, remembered if it is one that repeats."""
        kind = field["type"]
        if field["name"] in self._repeats.fields and kind in _TEXTS:
            return [f"M[{place}]"]
        if field["name"] in self._repeats.fields and kind in _OPTIONAL_TEXTS:
            return [f"O[{place}]"]
        return self.value(kind, place)

    def value(self, kind: Any, place: str) -> list[str]:
        """The value of a type."""
        if isinstance(kind, list):
            return [self._optional(_optional(kind), place)]
        name, kind = self.told(kind)
        if name == "record":
            held = self.name("r")
            self.line(f"{held} = {place}")
            if kind["name"].rpartition(".")[2] in self._repeats.records:
                return [self._same(kind, held)]
            return [part for field in kind["fields"] for part in self.field(field, f"{held}.{field['name']}")]
        if name in ("array", "map"):
            return [self._many(kind, place, name)]
        if name == "enum":
            symbols = {symbol: number(index) for index, symbol in enumerate(kind["symbols"])}
            return [f"{self.keep('E', symbols)}[{place}]"]
        return self._scalar(name, place)

    def _same(self, kind: Any, held: str) -> str:
        """A record that is often the very one of the last time. It is kept with its bytes, so that no other one can
        get its identity."""
        out = self.name("p")
        self.line(f"{out} = C.get(id({held}))")
        self.line(f"if {out} is not None and {out}[0] is {held}: {out} = {out}[1]")
        with self.block("else:"):
            parts = [part for field in kind["fields"] for part in self.field(field, f"{held}.{field['name']}")]
            self.line(f"{out} = C.keep(id({held}), ({held}, b''.join(({', '.join(parts)},))))[1]")
        return out

    def _scalar(self, name: str, place: str) -> list[str]:
        held = self.name("v")
        if name == "boolean":
            return [f"(b'\\x01' if {place} else b'\\x00')"]
        if name in ("int", "long"):
            self.line(f"{held} = {place}")
            larger = f"L[{held} & {SMALL - 1}] + G[{held} >> 13] if {held} > 0 else number({held})"
            return [f"(V[{held}] if 0 <= {held} < {SMALL} else {larger})"]
        if name in ("string", "bytes"):
            self.line(f"{held} = {place}{'.encode()' if name == 'string' else ''}")
            return [f"(V[len({held})] if len({held}) < {SMALL} else number(len({held})))", held]
        raise SchemaError(f"type {name!r} is not known to the generated codec")

    def _optional(self, kind: Any, place: str) -> str:
        value, out = self.name("o"), self.name("p")
        self.line(f"{value} = {place}")
        with self.block(f"if {value} is None:"):
            self.line(f"{out} = b'\\x00'")
        if kind in ("string", "bytes"):
            held = self.name("v")
            with self.block("else:"):
                self.line(f"{held} = {value}{'.encode()' if kind == 'string' else ''}")
                self.line(
                    f"{out} = (U[len({held})] if len({held}) < {SMALL} else b'\\x02' + number(len({held}))) + {held}"
                )
            return out
        with self.block("else:"):
            parts = self.value(kind, value)
            self.line(f"{out} = b''.join((b'\\x02', {', '.join(parts)},))")
        return out

    def _many(self, kind: Any, place: str, name: str) -> str:
        value, out, one = self.name("o"), self.name("p"), self.name("x")
        self.line(f"{value} = {place}")
        with self.block(f"if not {value}:"):
            self.line(f"{out} = b'\\x00'")
        with self.block("else:"):
            self.line(f"{out} = [number(len({value}))]")
            with self.block(f"for {one} in {value}{'.items()' if name == 'map' else ''}:"):
                parts = self._scalar("string", f"{one}[0]") if name == "map" else []
                parts += self.value(kind["values"], f"{one}[1]") if name == "map" else self.value(kind["items"], one)
                self.line(f"{out} += ({', '.join(parts)},)")
            self.line(f"{out}.append(b'\\x00')")
            self.line(f"{out} = b''.join({out})")
        return out


class Reading(_Source):
    """Each method adds the lines that read a value at `b[i]` and move `i` behind it, and returns its expression."""

    def value(self, kind: Any) -> str:
        """The value of a type."""
        if isinstance(kind, list):
            return self._optional(_optional(kind))
        name, kind = self.told(kind)
        if name == "record":
            found = [(field["name"], self.value(field["type"])) for field in kind["fields"]]
            return "{" + ", ".join(f"{field!r}: {place}" for field, place in found) + "}"
        if name in ("array", "map"):
            return self._many(kind, name)
        held = self.name("v")
        if name == "enum":
            self.line(f"{held} = {self.keep('E', {i << 1: s for i, s in enumerate(kind['symbols'])})}[b[i]]; i += 1")
        elif name == "boolean":
            self.line(f"{held} = B[b[i]]; i += 1")
        elif name in ("int", "long"):
            self.line(f"{held} = b[i]")
            self.line(f"if {held} < 128: {held} = ({held} >> 1) ^ -({held} & 1); i += 1")
            self.line(f"else: {held}, i = read_long(b, i)")
        elif name in ("string", "bytes"):
            self.length(held)
            self.line(f"i = n + {held}; {held} = b[n:i]{'.decode()' if name == 'string' else ''}")
        else:
            raise SchemaError(f"type {name!r} is not known to the generated codec")
        return held

    def length(self, held: str) -> None:
        """A length to `held`; `n` is the place behind it. A length that points beyond the end makes `i` too large."""
        self.line(f"{held} = b[i]")
        self.line(f"if {held} < 128 and not {held} & 1: {held} >>= 1; n = i + 1")
        self.line(f"elif {held} & 1 or b[i + 1] > 127: {held}, n = long_of(b, i)")
        self.line(f"else: {held} = ({held} & 127) >> 1 | b[i + 1] << 6; n = i + 2")

    def _optional(self, kind: Any) -> str:
        out = self.name("o")
        self.line(f"{out} = b[i]; i += 1")
        with self.block(f"if {out} == 2:"):
            self.line(f"{out} = {self.value(kind)}")
        self.line(f"elif {out}: raise ValueError('no such branch')")
        self.line(f"else: {out} = None")
        return out

    def _many(self, kind: Any, name: str) -> str:
        out, left = self.name("o"), self.name("c")
        self.line(f"{out} = {'{}' if name == 'map' else '[]'}")
        with self.block("while True:"):
            self.length(left)
            self.line("i = n")
            self.line(f"if not {left}: break")
            with self.block(f"while {left}:"):
                key = self.value("string") if name == "map" else ""
                value = self.value(kind["values" if name == "map" else "items"])
                self.line(f"{out}[{key}] = {value}" if name == "map" else f"{out}.append({value})")
                self.line(f"{left} -= 1")
        return out
